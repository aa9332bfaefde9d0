"""Broken neural scaling law with any number of breaks (Caballero et al. 2022, arXiv:2210.14891)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, coefficient

_LOW, _HIGH = 1e4, 1e10
"""Where breaks are looked for at the start, shared out between them."""


# y = a + b x^-c0 prod_i (1 + (x/d_i)^(1/f_i))^(-c_i f_i)
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    floor, b, first = p[:3]
    log_x = np.log(x[0])
    exponent = -first * log_x
    terms = []
    for change, place, sharp in zip(p[3::3], p[4::3], p[5::3], strict=True):
        distance = (log_x - np.log(place)) / sharp
        soft = np.logaddexp(0.0, distance)
        exponent = exponent - change * sharp * soft
        terms.append((change, place, sharp, distance, soft))
    shape = np.exp(exponent)
    part = b * shape
    derivatives = [np.ones((1, 1)), shape, -part * log_x]
    for change, place, sharp, distance, soft in terms:
        s = 1.0 / (1.0 + np.exp(-distance))
        derivatives += [
            -part * sharp * soft,
            part * change * s / place,
            -part * change * (soft - distance * s),
        ]
    return floor + part, tuple(derivatives)


def build(breaks: int) -> Law:
    """Make the law with `breaks` breaks, at d1, d2, ...

    Raises:
        ValueError: No break.
    """
    if breaks < 1:
        message = f"`breaks >= 1` must hold, but got {breaks}. Without one it is law m2."
        raise ValueError(message)
    ends = np.geomspace(_LOW, _HIGH, breaks + 1)
    changes = (0.3, -0.25, 0.35)
    factors = " ".join(f"(1 + (x/d{i})^(1/f{i}))^(-c{i} f{i})" for i in range(1, breaks + 1))
    parameters = [
        coefficient("a", "as y", example=0.2),
        coefficient("b", "as y", example=8.0),
        Parameter(name="c0", unit="1", start=(0.0, 0.4), example=0.1),
    ]
    for i in range(breaks):
        low, high = float(ends[i]), float(ends[i + 1])
        middle = float(np.sqrt(low * high))
        parameters += [
            Parameter(
                name=f"c{i + 1}", unit="1", start=(-0.4, 0.6), example=changes[i % len(changes)]
            ),
            Parameter(
                name=f"d{i + 1}", unit="as x", start=(low, high), example=middle,
                low=1e-3, high=1e30, scale="log",
            ),
            Parameter(
                name=f"f{i + 1}", unit="1", start=(0.1, 1.0), example=0.5, low=1e-2, high=20.0,
                scale="log",
            ),
        ]  # fmt: skip
    return Law(
        name="bnsl",
        formula=f"y = a + b x^-c0 {factors}",
        paper=f"Caballero et al. 2022 (arXiv:2210.14891), eq. 1 with n = {breaks}",
        inputs=(Input(name="x", unit="scale", span=(1e3, 1e11)),),
        output=Input(name="y", unit="loss or error", span=(0, 10)),
        parameters=tuple(parameters),
        evaluate=_evaluate,
        noise=0.002 if breaks == 1 else 0.001,
        note=(
            "bnsl:2 is the law with two breaks. The slope changes by c_i at d_i; f_i is how "
            "gradually."
        ),
    )


LAW = build(1)
