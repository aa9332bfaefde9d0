"""Farseer: data exponent and amplitude depend on size (Li et al. 2025, arXiv:2506.10972, eq. 3)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, exponent


# L(N, D) = exp(s N^q + S) + exp(B N^-b + Q) D^(-exp(A N^a + E))
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    s, q, top, b, slope, shift, a, rise, level = p
    log_n, log_d = np.log(x[0]), np.log(x[1])
    n_q, n_b, n_a = np.exp(q * log_n), np.exp(-slope * log_n), np.exp(rise * log_n)
    floor = np.exp(-s * n_q + top)
    power = np.exp(-a * n_a + level)
    data = np.exp(b * n_b + shift - power * log_d)
    turn = data * log_d * power
    return floor + data, (
        -floor * n_q,
        -floor * s * n_q * log_n,
        floor,
        data * n_b,
        -data * b * n_b * log_n,
        data,
        turn * n_a,
        turn * a * n_a * log_n,
        -turn,
    )


LAW = Law(
    name="farseer",
    formula="L = exp(-s N^q + S) + exp(B N^-b + Q) D^-exp(-A N^a + E)",
    paper="Li et al. 2025 (arXiv:2506.10972), eq. 3; s, b and A written positive",
    inputs=(
        Input(name="N", unit="non-embedding parameters", span=(2e7, 2e10)),
        Input(name="D", unit="tokens", span=(1e9, 1e12)),
    ),
    output=Input(name="L", unit="nats/token", span=(1, 6)),
    parameters=(
        Parameter(
            name="s", unit="1", start=(0.005, 0.1), example=0.03, low=1e-6, high=10.0, scale="log"
        ),
        exponent("q", example=0.17, start=(0.08, 0.3), high=1.0),
        Parameter(name="S", unit="log nats/token", start=(0.0, 1.0), example=0.8),
        Parameter(
            name="B", unit="1", start=(20.0, 200.0), example=88.0, low=1e-2, high=1e5, scale="log"
        ),
        exponent("b", example=0.1, start=(0.05, 0.2), high=1.0),
        Parameter(name="Q", unit="log", start=(-9.0, 0.0), example=-5.3),
        Parameter(
            name="A", unit="1", start=(0.03, 0.4), example=0.124, low=1e-5, high=10.0, scale="log"
        ),
        exponent("a", example=0.123, start=(0.05, 0.25), high=1.0),
        Parameter(name="E", unit="log exponent", start=(-0.5, 1.5), example=0.424),
    ),
    evaluate=_evaluate,
    noise=3e-5,
    note="Nine parameters: needs many sizes and data budgets; expect open parameters.",
)  # fmt: skip
