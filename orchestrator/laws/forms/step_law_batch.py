"""Step Law: optimal batch size (Li et al. 2025, arXiv:2503.04715, eq. 1)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, coefficient


# B = c D^b
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    scale, up = p
    log_d = np.log(x[0])
    shape = np.exp(up * log_d)
    return scale * shape, (shape, log_d * scale * shape)


PUBLISHED = {"c": 0.58, "b": 0.571}

LAW = Law(
    name="step_law_batch",
    formula="B = c D^b",
    paper="Li et al. 2025 (arXiv:2503.04715), eq. 1",
    inputs=(Input(name="D", unit="tokens", span=(1e9, 2e11)),),
    output=Input(name="B", unit="tokens per batch", span=(1e4, 1e7)),
    parameters=(
        coefficient("c", "tokens", example=0.58),
        Parameter(name="b", unit="1", start=(0.0, 1.2), example=0.571),
    ),
    evaluate=_evaluate,
    noise=0.05,
)
