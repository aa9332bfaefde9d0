"""Power law with irreducible error (Hestness et al. 2017, arXiv:1712.00409, eq. 1)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, coefficient, exponent


# eps(m) = a m^-b + c
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    amplitude, power, floor = p
    log_m = np.log(x[0])
    shape = np.exp(-power * log_m)
    one = np.ones((1, 1))
    return floor + amplitude * shape, (shape, -log_m * amplitude * shape, one)


LAW = Law(
    name="hestness",
    formula="eps = a m^-b + c",
    paper="Hestness et al. 2017 (arXiv:1712.00409), eq. 1",
    inputs=(Input(name="m", unit="training examples or tokens", span=(1e5, 1e10)),),
    output=Input(name="eps", unit="loss or error", span=(0.1, 6)),
    parameters=(
        coefficient("a", "loss * m^b", example=60.0),
        exponent("b", example=0.3, start=(0.05, 1.2)),
        coefficient("c", "loss", example=0.9),
    ),
    evaluate=_evaluate,
)
