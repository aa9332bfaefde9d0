"""Routed language models (Clark et al. 2022, arXiv:2202.01169, eq. 1)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, exponent


# log L = a log N + b log E^ + c log N log E^ + d;
# 1/E^ = 1/(E - 1 + (1/E_start - 1/E_max)^-1) + 1/E_max
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    a, b, c, d, first, most = p
    log_n = np.log(x[0])
    gap = 1.0 / (1.0 / first - 1.0 / most)
    shifted = x[1] - 1.0 + gap
    inverse = 1.0 / shifted + 1.0 / most
    log_e = -np.log(inverse)
    value = np.exp(-a * log_n - b * log_e + c * log_n * log_e + d)
    by_log_e = value * (-b + c * log_n)
    # d log E^ = (dgap / shifted^2 + dmost / most^2) / inverse
    by_gap = by_log_e / (shifted**2 * inverse)
    return value, (
        -value * log_n,
        -value * log_e,
        value * log_n * log_e,
        value,
        by_gap * gap**2 / first**2,
        -by_gap * gap**2 / most**2 + by_log_e / (most**2 * inverse),
    )


def _design(rng: np.random.Generator, count: int) -> tuple[Array, ...]:
    size = np.exp(rng.uniform(np.log(1.5e7), np.log(1.3e9), count))
    return size, np.exp2(rng.integers(0, 10, count))


PUBLISHED = {
    "a": 0.082,
    "b": 0.108,
    "c": 0.009 / np.log(10.0),
    "d": 1.104 * np.log(10.0),
    "E_start": 1.847,
    "E_max": 314.478,
}
"""S-BASE routing, table 3, whose logarithms are decimal: c and d are converted to natural ones."""

LAW = Law(
    name="clark_routed",
    formula="log L = -a log N - b log E^ + c log N log E^ + d, E^ saturating from E_start to E_max",
    paper="Clark et al. 2022 (arXiv:2202.01169), eq. 1; a and b written positive",
    inputs=(
        Input(name="N", unit="parameters of the dense base", span=(1.5e7, 1.3e9)),
        Input(name="E", unit="experts", span=(1.0, 512.0)),
    ),
    output=Input(name="L", unit="nats/token", span=(1, 6)),
    parameters=(
        exponent("a", example=0.082, start=(0.03, 0.3)),
        exponent("b", example=0.108, start=(0.03, 0.3)),
        Parameter(name="c", unit="1", start=(0.0, 0.02), example=0.0039),
        Parameter(name="d", unit="log nats/token", start=(1.0, 4.0), example=2.54),
        Parameter(
            name="E_start", unit="experts", start=(0.5, 3.0), example=1.85, low=1e-2, high=30.0,
            scale="log",
        ),
        Parameter(
            name="E_max", unit="experts", start=(60.0, 1000.0), example=315.0, low=31.0, high=1e8,
            scale="log",
        ),
    ),
    evaluate=_evaluate,
    noise=0.0005,
    design=_design,
)  # fmt: skip
