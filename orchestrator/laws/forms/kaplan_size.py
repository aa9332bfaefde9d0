"""Kaplan's loss in model size (Kaplan et al. 2020, arXiv:2001.08361, eq. 1.1)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, exponent


# L(N) = (N_c / N)^alpha_N
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    critical, alpha = p
    distance = np.log(critical) - np.log(x[0])
    value = np.exp(alpha * distance)
    return value, (alpha * value / critical, distance * value)


LAW = Law(
    name="kaplan_size",
    formula="L = (N_c/N)^alpha_N",
    paper="Kaplan et al. 2020 (arXiv:2001.08361), eq. 1.1",
    inputs=(Input(name="N", unit="non-embedding parameters", span=(1e6, 1e9)),),
    output=Input(name="L", unit="nats/token", span=(1, 6)),
    parameters=(
        Parameter(
            name="N_c", unit="non-embedding parameters", start=(1e9, 1e18), example=8.8e13,
            low=1.0, high=1e40, scale="log",
        ),
        exponent("alpha_N", example=0.076, start=(0.02, 1.0)),
    ),
    evaluate=_evaluate,
    note="No irreducible loss: trust it only far above the entropy of text.",
)  # fmt: skip
