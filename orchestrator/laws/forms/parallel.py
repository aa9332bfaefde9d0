"""Parallel scaling, ParScale (Chen et al. 2025, arXiv:2505.10475, eq. 5)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, coefficient, exponent


# L(N, P) = E + (A / (N (k log P + 1)))^alpha
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    floor, a, alpha, k = p
    streams = np.log(x[1])
    grown = k * streams + 1.0
    distance = np.log(a) - np.log(x[0]) - np.log(grown)
    part = np.exp(alpha * distance)
    return floor + part, (
        np.ones((1, 1)),
        alpha * part / a,
        distance * part,
        -alpha * part * streams / grown,
    )


def _design(rng: np.random.Generator, count: int) -> tuple[Array, ...]:
    size = np.exp(rng.uniform(np.log(3e8), np.log(5e9), count))
    return size, np.exp2(rng.integers(0, 4, count))


LAW = Law(
    name="parallel",
    formula="L = E + (A/(N (k log P + 1)))^alpha",
    paper="Chen et al. 2025 (arXiv:2505.10475), eq. 5",
    inputs=(
        Input(name="N", unit="parameters", span=(3e8, 5e9)),
        Input(name="P", unit="parallel streams", span=(1, 8)),
    ),
    output=Input(name="L", unit="nats/token", span=(0.5, 5)),
    parameters=(
        coefficient("E", "nats/token", example=1.29),
        Parameter(
            name="A", unit="parameters", start=(1e4, 1e10), example=1.9e8, low=1e-3, high=1e20,
            scale="log",
        ),
        exponent("alpha", example=0.19, start=(0.05, 0.6)),
        Parameter(
            name="k", unit="1", start=(0.05, 1.5), example=0.39, low=1e-4, high=20.0, scale="log"
        ),
    ),
    evaluate=_evaluate,
    noise=0.0003,
    design=_design,
)  # fmt: skip
