"""M1, the plain power law (Alabdulmohsin et al. 2022, arXiv:2209.06640, section 3)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, coefficient, exponent


# eps = beta x^-c
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    beta, c = p
    log_x = np.log(x[0])
    shape = np.exp(-c * log_x)
    return beta * shape, (shape, -log_x * beta * shape)


LAW = Law(
    name="m1",
    formula="eps = beta x^-c",
    paper="Alabdulmohsin et al. 2022 (arXiv:2209.06640), M1 (c written positive)",
    inputs=(Input(name="x", unit="examples seen", span=(1e5, 1e10)),),
    output=Input(name="eps", unit="error or loss", span=(0, 10)),
    parameters=(
        coefficient("beta", "as eps", example=20.0),
        exponent("c", example=0.2, start=(0.02, 1.2)),
    ),
    evaluate=_evaluate,
)
