"""Vocabulary size (Tao et al. 2024, arXiv:2407.13623, approach 3): unigram-normalised loss."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, coefficient, exponent


# The law: L_u = -E + A1/N_nv^alpha1 + A2/N_v^alpha2 + B/D^beta
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    floor, a1, a2, b, alpha1, alpha2, beta = p
    logs = [np.log(column) for column in x]
    size, words, data = (
        np.exp(-power * log) for power, log in zip((alpha1, alpha2, beta), logs, strict=True)
    )
    value = -floor + a1 * size + a2 * words + b * data
    return value, (
        -np.ones((1, 1)),
        size,
        words,
        data,
        -a1 * size * logs[0],
        -a2 * words * logs[1],
        -b * data * logs[2],
    )


PUBLISHED = {
    "E": 5.533,
    "A1": 1.831 * 1e6**0.447,
    "A2": 0.196 * 1e6**0.671,
    "B": 2.124 * 1e9**0.447,
    "alpha1": 0.447,
    "alpha2": 0.671,
    "beta": 0.447,
}
"""Converted to raw counts: the paper fits millions of parameters and billions of tokens."""

LAW = Law(
    name="vocabulary",
    formula="L_u = -E + A1/N_nv^alpha1 + A2/N_v^alpha2 + B/D^beta",
    paper="Tao et al. 2024 (arXiv:2407.13623), approach 3",
    inputs=(
        Input(name="N_nv", unit="non-vocabulary parameters", span=(3e6, 3e9)),
        Input(name="N_v", unit="vocabulary parameters", span=(1e5, 3e8)),
        Input(name="D", unit="tokens", span=(3e7, 1.5e11)),
    ),
    output=Input(
        name="L_u", unit="nats/token below the unigram model", span=(-6, 1), positive=False
    ),
    parameters=(
        coefficient("E", "nats/token", example=5.5),
        coefficient("A1", "nats/token * parameters^alpha1", example=1800.0),
        coefficient("A2", "nats/token * parameters^alpha2", example=200.0),
        coefficient("B", "nats/token * tokens^beta", example=3000.0),
        exponent("alpha1", example=0.447, start=(0.2, 0.8)),
        exponent("alpha2", example=0.45, start=(0.2, 0.8)),
        exponent("beta", example=0.38, start=(0.2, 0.8)),
    ),
    evaluate=_evaluate,
    residual="identity",
    noise=0.004,
    note="The paper ties alpha1 and beta: --tie beta=alpha1.",
)
