"""Step Law: optimal learning rate (Li et al. 2025, arXiv:2503.04715, eq. 1)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, coefficient, exponent


# lr = c N^-a D^b
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    scale, down, up = p
    log_n, log_d = np.log(x[0]), np.log(x[1])
    shape = np.exp(-down * log_n + up * log_d)
    value = scale * shape
    return value, (shape, -log_n * value, log_d * value)


PUBLISHED = {"c": 1.79, "a": 0.713, "b": 0.307}
"""eta = 1.79 N^-0.713 D^0.307, N without embeddings."""

LAW = Law(
    name="step_law_learning_rate",
    formula="lr = c N^-a D^b",
    paper="Li et al. 2025 (arXiv:2503.04715), eq. 1",
    inputs=(
        Input(name="N", unit="non-embedding parameters", span=(5e7, 2e9)),
        Input(name="D", unit="tokens", span=(1e9, 2e11)),
    ),
    output=Input(name="lr", unit="peak learning rate", span=(1e-5, 1e-1)),
    parameters=(
        coefficient("c", "learning rate", example=1.79),
        exponent("a", example=0.713, start=(0.1, 1.5)),
        Parameter(name="b", unit="1", start=(-0.5, 1.0), example=0.307),
    ),
    evaluate=_evaluate,
    noise=0.05,
)
