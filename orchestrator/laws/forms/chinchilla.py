"""Chinchilla's parametric law (Hoffmann et al. 2022, arXiv:2203.15556, eq. 10)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, coefficient, exponent

HOFFMANN = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
"""As printed by Hoffmann et al.; rejected by their own points (Besiroglu et al. 2024)."""

BESIROGLU = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
"""Corrected fit to the points of Hoffmann's figure 4 (arXiv:2404.10102, table 1)."""


# L(N, D) = E + A / N^alpha + B / D^beta
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    irreducible, a, b, alpha, beta = p
    log_n, log_d = np.log(x[0]), np.log(x[1])
    size, data = np.exp(-alpha * log_n), np.exp(-beta * log_d)
    a_size, b_data = a * size, b * data
    one = np.ones((1, 1))
    return irreducible + a_size + b_data, (one, size, data, -log_n * a_size, -log_d * b_data)


LAW = Law(
    name="chinchilla",
    formula="L = E + A/N^alpha + B/D^beta",
    paper="Hoffmann et al. 2022 (arXiv:2203.15556), eq. 10; refitted by Besiroglu et al. 2024",
    inputs=(
        Input(name="N", unit="parameters", span=(5e7, 1e10)),
        Input(name="D", unit="tokens", span=(5e8, 5e11)),
    ),
    output=Input(name="L", unit="nats/token", span=(1, 6)),
    parameters=(
        coefficient("E", "nats/token", example=1.82),
        coefficient("A", "nats/token * parameters^alpha", example=482.0),
        coefficient("B", "nats/token * tokens^beta", example=2085.0),
        exponent("alpha", example=0.348),
        exponent("beta", example=0.366),
    ),
    evaluate=_evaluate,
    note="A and alpha (B and beta) are almost collinear: judge predictions, not coefficients.",
)
