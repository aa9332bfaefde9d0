"""Kaplan's loss in data (Kaplan et al. 2020, arXiv:2001.08361, eq. 1.2)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, exponent


# L(D) = (D_c / D)^alpha_D
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    critical, alpha = p
    distance = np.log(critical) - np.log(x[0])
    value = np.exp(alpha * distance)
    return value, (alpha * value / critical, distance * value)


LAW = Law(
    name="kaplan_data",
    formula="L = (D_c/D)^alpha_D",
    paper="Kaplan et al. 2020 (arXiv:2001.08361), eq. 1.2",
    inputs=(Input(name="D", unit="tokens", span=(1e7, 2e10)),),
    output=Input(name="L", unit="nats/token", span=(1, 6)),
    parameters=(
        Parameter(
            name="D_c", unit="tokens", start=(1e9, 1e18), example=5.4e13,
            low=1.0, high=1e40, scale="log",
        ),
        exponent("alpha_D", example=0.095, start=(0.02, 1.0)),
    ),
    evaluate=_evaluate,
    note="No irreducible loss: trust it only far above the entropy of text.",
)  # fmt: skip
