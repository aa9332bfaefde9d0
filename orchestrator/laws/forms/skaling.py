"""Skaling: Chinchilla's exponents, Kaplan's coupling (Videau et al. 2026, arXiv:2608.07222)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, coefficient, exponent


# L(N, D) = (A/N^alpha + B/D^beta)^k + E
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    floor, a, b, alpha, beta, k = p
    log_n, log_d = np.log(x[0]), np.log(x[1])
    size, data = np.exp(-alpha * log_n), np.exp(-beta * log_d)
    inside = a * size + b * data
    log_inside = np.log(inside)
    part = np.exp(k * log_inside)
    outer = k * part / inside
    return floor + part, (
        np.ones((1, 1)),
        outer * size,
        outer * data,
        -outer * a * size * log_n,
        -outer * b * data * log_d,
        part * log_inside,
    )


LAW = Law(
    name="skaling",
    formula="L = (A/N^alpha + B/D^beta)^k + E",
    paper="Videau et al. 2026 (arXiv:2608.07222); k = 1 is Chinchilla, E = 0 and beta k = 1 Kaplan",
    inputs=(
        Input(name="N", unit="parameters", span=(1e6, 1e10)),
        Input(name="D", unit="tokens", span=(1e7, 1e12)),
    ),
    output=Input(name="L", unit="nats/token", span=(1, 6)),
    parameters=(
        coefficient("E", "nats/token", example=1.6),
        Parameter(
            name="A", unit="nats/token^(1/k) * parameters^alpha", start=(1e1, 1e6), example=3000.0,
            low=1e-6, high=1e18, scale="log",
        ),
        Parameter(
            name="B", unit="nats/token^(1/k) * tokens^beta", start=(1e1, 1e7), example=20000.0,
            low=1e-6, high=1e18, scale="log",
        ),
        exponent("alpha", example=0.45, start=(0.2, 1.0)),
        exponent("beta", example=0.48, start=(0.2, 1.0)),
        exponent("k", example=0.6, start=(0.3, 1.5)),
    ),
    evaluate=_evaluate,
    noise=0.001,
)  # fmt: skip
