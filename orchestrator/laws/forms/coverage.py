"""Coverage by repeated sampling (Large Language Monkeys: Brown et al. 2024, arXiv:2407.21787)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, exponent


# c(k) = exp(-a k^-b)
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    a, b = p
    log_k = np.log(x[0])
    shape = np.exp(-b * log_k)
    value = np.exp(-a * shape)
    return value, (-value * shape, value * a * shape * log_k)


LAW = Law(
    name="coverage",
    formula="c = exp(-a k^-b)",
    paper="Brown et al. 2024 (arXiv:2407.21787), eq. 3; a and b written positive",
    inputs=(Input(name="k", unit="samples", span=(1, 1e4)),),
    output=Input(name="c", unit="share of problems solved", span=(0, 1)),
    parameters=(
        Parameter(
            name="a", unit="1", start=(0.1, 10.0), example=2.5, low=1e-6, high=1e4, scale="log"
        ),
        exponent("b", example=0.4, start=(0.05, 1.2)),
    ),
    evaluate=_evaluate,
    residual="identity",
    noise=0.005,
)
