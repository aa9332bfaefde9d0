"""M3, a shifted power law (Alabdulmohsin et al. 2022, arXiv:2209.06640, section 3)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, coefficient, exponent


# The law: eps = beta (1/x + gamma)^c
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    beta, c, gamma = p
    inside = 1.0 / x[0] + gamma
    log_inside = np.log(inside)
    shape = np.exp(c * log_inside)
    value = beta * shape
    return value, (shape, log_inside * value, c * value / inside)


LAW = Law(
    name="m3",
    formula="eps = beta (1/x + gamma)^c",
    paper="Alabdulmohsin et al. 2022 (arXiv:2209.06640), M3 (c written positive)",
    inputs=(Input(name="x", unit="examples seen", span=(1e5, 1e10)),),
    output=Input(name="eps", unit="error or loss", span=(0, 10)),
    parameters=(
        coefficient("beta", "as eps", example=20.0),
        exponent("c", example=0.3, start=(0.02, 1.2)),
        Parameter(
            name="gamma", unit="1/examples", start=(1e-11, 1e-4), example=1e-8, low=1e-20,
            high=10.0, scale="log",
        ),
    ),
    evaluate=_evaluate,
)  # fmt: skip
