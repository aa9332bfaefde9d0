"""U-shaped and inverse scaling: a parabola in log scale (Wei et al. 2022, arXiv:2211.02011)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter


# y = floor + c (log x - log x_turn)^2
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    floor, c, turn = p
    distance = np.log(x[0]) - np.log(turn)
    return floor + c * distance**2, (
        np.ones((1, 1)),
        distance**2,
        -2.0 * c * distance / turn,
    )


LAW = Law(
    name="u_shape",
    formula="y = y_turn + c log^2(x/x_turn)",
    paper="quadratic in log compute, after Wei et al. 2022 (arXiv:2211.02011)",
    inputs=(Input(name="x", unit="FLOPs or parameters", span=(1e18, 1e24)),),
    output=Input(name="y", unit="accuracy or error", span=(0, 1), positive=False),
    parameters=(
        Parameter(name="y_turn", unit="as y", start=(-1, 1), example=0.4, linear=True),
        Parameter(name="c", unit="as y", start=(-0.1, 0.1), example=0.004, linear=True),
        Parameter(
            name="x_turn", unit="as x", start=(1e16, 1e26), example=3e20, low=1e-3, high=1e40,
            scale="log",
        ),
    ),
    evaluate=_evaluate,
    residual="identity",
    noise=0.01,
    note="c > 0: accuracy falls, then rises beyond x_turn. An open x_turn means no turn was seen.",
)  # fmt: skip
