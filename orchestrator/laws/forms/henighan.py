"""Autoregressive loss with a reducible part (Henighan et al. 2020, arXiv:2010.14701, eq. 1.1)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, coefficient, exponent


# L(x) = L_inf + (x0 / x)^alpha
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    floor, origin, alpha = p
    distance = np.log(origin) - np.log(x[0])
    part = np.exp(alpha * distance)
    return floor + part, (np.ones((1, 1)), alpha * part / origin, distance * part)


LAW = Law(
    name="henighan",
    formula="L = L_inf + (x0/x)^alpha",
    paper="Henighan et al. 2020 (arXiv:2010.14701), eq. 1.1",
    inputs=(Input(name="x", unit="parameters, tokens or FLOPs", span=(1e5, 1e10)),),
    output=Input(name="L", unit="nats/token", span=(1, 6)),
    parameters=(
        coefficient("L_inf", "nats/token", example=1.7),
        Parameter(
            name="x0", unit="as x", start=(1e2, 1e12), example=1e7, low=1e-6, high=1e40,
            scale="log",
        ),
        exponent("alpha", example=0.24, start=(0.05, 1.0)),
    ),
    evaluate=_evaluate,
)  # fmt: skip
