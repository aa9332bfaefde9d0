"""Variance-limited scaling: exponent one (Bahri et al. 2021, arXiv:2102.06701, section 2)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, coefficient


# L(x) = L_limit + V / x
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    limit, v = p
    inverse = 1.0 / x[0]
    return limit + v * inverse, (np.ones((1, 1)), inverse)


LAW = Law(
    name="bahri_variance",
    formula="L = L_limit + V/x",
    paper="Bahri et al. 2021 (arXiv:2102.06701), section 2: data or width, the other fixed",
    inputs=(Input(name="x", unit="examples or width", span=(1e2, 1e6)),),
    output=Input(name="L", unit="loss", span=(0, 10)),
    parameters=(
        coefficient("L_limit", "loss", example=0.4),
        coefficient("V", "loss * x", example=50.0),
    ),
    evaluate=_evaluate,
)
