"""Task success by massive sampling, PassUntil (Hu et al. 2023, arXiv:2310.03262, eq. 3)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, exponent


# PU(N) = exp(-c N^-alpha)
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    c, alpha = p
    log_n = np.log(x[0])
    shape = np.exp(-alpha * log_n)
    value = np.exp(-c * shape)
    return value, (-value * shape, value * c * shape * log_n)


LAW = Law(
    name="pass_until",
    formula="PU = exp(-c N^-alpha)",
    paper="Hu et al. 2023 (arXiv:2310.03262), eq. 3",
    inputs=(Input(name="N", unit="parameters", span=(3e7, 3e9)),),
    output=Input(name="PU", unit="probability of success of one sample", span=(0, 1)),
    parameters=(
        Parameter(
            name="c", unit="parameters^alpha", start=(10.0, 1e4), example=400.0, low=1e-6,
            high=1e12, scale="log",
        ),
        exponent("alpha", example=0.25, start=(0.05, 0.8)),
    ),
    evaluate=_evaluate,
    noise=0.05,
    note="Estimate PU by sampling until r successes: r / samples.",
)  # fmt: skip
