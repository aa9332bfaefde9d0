"""Downstream log law for translation (Isik et al. 2024, arXiv:2402.04177, eq. 1)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, exponent


# BLEU(D_p) = (log(A D_p^alpha))^beta
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    log_a, alpha, beta = p
    log_d = np.log(x[0])
    inside = log_a + alpha * log_d
    value = inside**beta
    slope = beta * value / inside
    return value, (slope, slope * log_d, value * np.log(inside))


LAW = Law(
    name="bleu",
    formula="BLEU = (log(A D_p^alpha))^beta",
    paper="Isik et al. 2024 (arXiv:2402.04177), eq. 1; fitted in log A",
    inputs=(Input(name="D_p", unit="pretraining tokens", span=(1e7, 1e12)),),
    output=Input(name="BLEU", unit="BLEU points", span=(0, 100)),
    parameters=(
        Parameter(name="log_A", unit="1", start=(-8.0, 5.0), example=-3.0),
        exponent("alpha", example=0.4, start=(0.05, 1.5)),
        exponent("beta", example=1.6, start=(0.5, 4.0), high=20.0),
    ),
    evaluate=_evaluate,
    noise=0.001,
    note="Valid while pretraining and task are aligned; misaligned BLEU is not monotone.",
)
