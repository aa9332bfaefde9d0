"""Kaplan's loss in model size and data (Kaplan et al. 2020, arXiv:2001.08361, eq. 1.5)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, exponent


# L(N, D) = [ (N_c/N)^(alpha_N/alpha_D) + D_c/D ]^alpha_D
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    size_c, data_c, alpha_n, alpha_d = p
    distance = np.log(size_c) - np.log(x[0])
    ratio = alpha_n / alpha_d
    size = np.exp(ratio * distance)
    data = data_c / x[1]
    inside = size + data
    log_inside = np.log(inside)
    value = np.exp(alpha_d * log_inside)
    outer = alpha_d * value / inside
    return value, (
        outer * size * ratio / size_c,
        outer * data / data_c,
        outer * size * distance / alpha_d,
        value * log_inside - outer * size * distance * ratio / alpha_d,
    )


LAW = Law(
    name="kaplan_joint",
    formula="L = [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D",
    paper="Kaplan et al. 2020 (arXiv:2001.08361), eq. 1.5",
    inputs=(
        Input(name="N", unit="non-embedding parameters", span=(1e6, 1e9)),
        Input(name="D", unit="tokens", span=(1e7, 2e10)),
    ),
    output=Input(name="L", unit="nats/token", span=(1, 6)),
    parameters=(
        Parameter(
            name="N_c", unit="non-embedding parameters", start=(1e11, 1e16), example=6.4e13,
            low=1.0, high=1e40, scale="log",
        ),
        Parameter(
            name="D_c", unit="tokens", start=(1e11, 1e16), example=1.8e13,
            low=1.0, high=1e40, scale="log",
        ),
        exponent("alpha_N", example=0.076, start=(0.03, 0.4)),
        exponent("alpha_D", example=0.103, start=(0.03, 0.4)),
    ),
    evaluate=_evaluate,
)  # fmt: skip
