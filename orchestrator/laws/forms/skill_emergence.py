"""Emergence of one skill in the multilinear model (Nam et al. 2024, arXiv:2404.17563, eq. 5)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter


# R/S = 1 / (1 + (1/r0 - 1) exp(-2 g P T)): P the frequency of the skill, T the training time
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    first, rate = p
    pace = 2.0 * x[0] * x[1]
    fade = np.exp(-rate * pace)
    down = 1.0 + (1.0 / first - 1.0) * fade
    value = 1.0 / down
    square = value**2 * fade
    return value, (square / first**2, square * (1.0 / first - 1.0) * pace)


def _design(rng: np.random.Generator, count: int) -> tuple[Array, ...]:
    frequency = rng.integers(1, 9, count).astype(np.float64) ** -1.6
    time: Array = np.exp(rng.uniform(np.log(0.3), np.log(3.0), count)) * 700.0 / frequency
    return np.asarray(frequency), time


LAW = Law(
    name="skill_emergence",
    formula="R/S = 1/(1 + (1/r0 - 1) exp(-2 g P T))",
    paper="Nam et al. 2024 (arXiv:2404.17563), eq. 5",
    inputs=(
        Input(name="P", unit="frequency of the skill", span=(1e-3, 1.0)),
        Input(name="T", unit="steps", span=(1e1, 1e5)),
    ),
    output=Input(name="R/S", unit="share of the skill learned", span=(0, 1)),
    parameters=(
        Parameter(
            name="r0", unit="share at the start", start=(1e-5, 0.2), example=0.01, low=1e-12,
            high=0.999, scale="log",
        ),
        Parameter(
            name="g", unit="1/steps", start=(1e-4, 1e-1), example=0.003, low=1e-12, high=1e3,
            scale="log",
        ),
    ),
    evaluate=_evaluate,
    residual="identity",
    noise=0.01,
    design=_design,
    note="Calibrate on the most frequent skill; `laws.sparse_parity` predicts the others.",
)  # fmt: skip
