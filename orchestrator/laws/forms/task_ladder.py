"""Task accuracy from task loss, the ladder's second step (Bhagia et al. 2024, arXiv:2412.04403)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, coefficient


# Acc(L) = a / (1 + exp(k (L - L0))) + b; the first step, L(N, D), is the Chinchilla form
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    height, steep, middle, floor = p
    inside = steep * (x[0] - middle)
    s = 1.0 / (1.0 + np.exp(inside))
    slope = height * s * (1.0 - s)
    return height * s + floor, (s, -slope * (x[0] - middle), slope * steep, np.ones((1, 1)))


LAW = Law(
    name="task_ladder",
    formula="Acc = a/(1 + exp(k (L - L0))) + b",
    paper="Bhagia et al. 2024 (arXiv:2412.04403), eq. 2 (k written positive)",
    inputs=(Input(name="L", unit="nats/character or token of the answer", span=(0.3, 2.0)),),
    output=Input(name="Acc", unit="accuracy", span=(0, 1)),
    parameters=(
        coefficient("a", "accuracy", example=0.7),
        Parameter(
            name="k", unit="1/nats", start=(1.0, 20.0), example=6.0, low=1e-2, high=1e3, scale="log"
        ),
        Parameter(name="L0", unit="as L", start=(0.3, 2.0), example=0.9),
        coefficient("b", "accuracy", example=0.25),
    ),
    evaluate=_evaluate,
    residual="identity",
    noise=0.005,
)  # fmt: skip
