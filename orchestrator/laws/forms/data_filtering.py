"""Data filtering with fading utility of repeats (Goyal et al. 2024, arXiv:2404.07177, eq. 3)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, coefficient, exponent

_MOST_EPOCHS = 256


# y = a n_1^-b prod_(j>=2) (n_j / n_(j-1))^(-b delta^(j-1)) + d, delta = 2^(-1/tau): epoch j of a
# pool has the utility b halved every tau epochs; n in samples, pool in samples
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    a, b, tau, floor = p
    seen, pool = x[0] / 1e5, x[1] / 1e5
    epochs = np.arange(1, _MOST_EPOCHS)
    # log of the growth of samples seen during epoch j + 1: (n, J)
    ends = np.minimum((epochs + 1) * pool[:, None], seen[:, None])
    growth = np.log(np.maximum(ends / (epochs * pool[:, None]), 1.0))
    used = max(int((growth > 0).any(axis=0).sum()), 1)
    growth, epochs = growth[:, :used], epochs[:used]
    fade = 2.0 ** (-epochs / tau)  # (B, J)
    log_first = np.log(np.minimum(seen, pool))
    utility = log_first + fade @ growth.T
    slope = (fade * (np.log(2.0) * epochs / tau**2)) @ growth.T
    shape = np.exp(-b * utility)
    part = a * shape
    return floor + part, (shape, -part * utility, -part * b * slope, np.ones((1, 1)))


def _design(rng: np.random.Generator, count: int) -> tuple[Array, ...]:
    pool = np.exp(rng.uniform(np.log(1e6), np.log(3e7), count))
    return pool * np.exp(rng.uniform(np.log(0.2), np.log(40.0), count)), pool


LAW = Law(
    name="data_filtering",
    formula="y = a n_1^-b prod_j (n_j/n_(j-1))^(-b 2^(-(j-1)/tau)) + d",
    paper="Goyal et al. 2024 (arXiv:2404.07177), eq. 3; samples counted in units of 1e5",
    inputs=(
        Input(name="n", unit="samples seen, repeats included", span=(1e5, 1e9)),
        Input(name="pool", unit="unique samples", span=(1e6, 3e7)),
    ),
    output=Input(name="y", unit="error", span=(0, 2)),
    parameters=(
        coefficient("a", "error", example=1.0),
        exponent("b", example=0.18, start=(0.03, 0.8)),
        Parameter(
            name="tau", unit="epochs to half the utility", start=(0.5, 30.0), example=3.0,
            low=0.05, high=1e4, scale="log",
        ),
        coefficient("d", "error", example=0.1),
    ),
    evaluate=_evaluate,
    design=_design,
    note="Repeats beyond 256 epochs are counted as the 256th.",
)  # fmt: skip
