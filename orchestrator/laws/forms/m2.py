"""M2, a power law with a floor (Alabdulmohsin et al. 2022, arXiv:2209.06640, section 3)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, coefficient, exponent


# eps = beta x^-c + eps_inf
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    beta, c, floor = p
    log_x = np.log(x[0])
    shape = np.exp(-c * log_x)
    return floor + beta * shape, (shape, -log_x * beta * shape, np.ones((1, 1)))


LAW = Law(
    name="m2",
    formula="eps = beta x^-c + eps_inf",
    paper="Alabdulmohsin et al. 2022 (arXiv:2209.06640), M2 (c written positive)",
    inputs=(Input(name="x", unit="examples seen", span=(1e5, 1e10)),),
    output=Input(name="eps", unit="error or loss", span=(0, 10)),
    parameters=(
        coefficient("beta", "as eps", example=20.0),
        exponent("c", example=0.3, start=(0.02, 1.2)),
        coefficient("eps_inf", "as eps", example=0.1),
    ),
    evaluate=_evaluate,
)
