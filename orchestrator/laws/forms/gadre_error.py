"""Downstream error from loss (Gadre et al. 2024, arXiv:2403.08540, eq. 5)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, coefficient, exponent


# Err(L) = eps - k exp(-gamma L)
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    top, k, gamma = p
    shape = np.exp(-gamma * x[0])
    return top - k * shape, (np.ones((1, 1)), -shape, x[0] * k * shape)


LAW = Law(
    name="gadre_error",
    formula="Err = eps - k exp(-gamma L)",
    paper="Gadre et al. 2024 (arXiv:2403.08540), eq. 5",
    inputs=(Input(name="L", unit="nats/token", span=(2.0, 5.0)),),
    output=Input(name="Err", unit="top-1 error", span=(0.2, 0.9)),
    parameters=(
        Parameter(
            name="eps", unit="error", start=(0.3, 1.0), example=0.857, low=0.0, high=1.5,
            linear=True,
        ),
        coefficient("k", "error", example=2.2),
        exponent("gamma", example=0.715, start=(0.2, 2.5), high=20.0),
    ),
    evaluate=_evaluate,
    residual="identity",
    noise=0.002,
)  # fmt: skip
