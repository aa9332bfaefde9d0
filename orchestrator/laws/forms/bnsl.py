"""Broken neural scaling law with one break (Caballero et al. 2022, arXiv:2210.14891, eq. 1)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, coefficient


# y = a + b x^-c0 (1 + (x/d1)^(1/f1))^(-c1 f1)
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    floor, b, first, change, place, sharp = p
    log_x = np.log(x[0])
    distance = (log_x - np.log(place)) / sharp
    soft = np.logaddexp(0.0, distance)
    s = 1.0 / (1.0 + np.exp(-distance))
    shape = np.exp(-first * log_x - change * sharp * soft)
    part = b * shape
    return floor + part, (
        np.ones((1, 1)),
        shape,
        -part * log_x,
        -part * sharp * soft,
        part * change * s / place,
        -part * change * (soft - distance * s),
    )


LAW = Law(
    name="bnsl",
    formula="y = a + b x^-c0 (1 + (x/d1)^(1/f1))^(-c1 f1)",
    paper="Caballero et al. 2022 (arXiv:2210.14891), eq. 1 with n = 1",
    inputs=(Input(name="x", unit="scale", span=(1e3, 1e11)),),
    output=Input(name="y", unit="loss or error", span=(0, 10)),
    parameters=(
        coefficient("a", "as y", example=0.2),
        coefficient("b", "as y", example=8.0),
        Parameter(name="c0", unit="1", start=(0.0, 0.6), example=0.1),
        Parameter(name="c1", unit="1", start=(-0.3, 1.0), example=0.3),
        Parameter(
            name="d1", unit="as x", start=(1e4, 1e10), example=1e7, low=1e-3, high=1e30,
            scale="log",
        ),
        Parameter(
            name="f1", unit="1", start=(0.1, 2.0), example=0.5, low=1e-2, high=20.0, scale="log"
        ),
    ),
    evaluate=_evaluate,
    noise=0.002,
    note="d1 is where the slope changes from c0 to c0 + c1; f1 is how gradually.",
)  # fmt: skip
