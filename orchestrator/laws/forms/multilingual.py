"""Multilingual models: effective share of capacity (Fernandes et al. 2023, arXiv:2302.09650)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, coefficient, exponent


# L(N, p) = beta (f(p) N)^-alpha + L_inf, f(p) = p + c1 p^c2 (1 - p)^c3
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    beta, alpha, floor, c1, c2, c3 = p
    share = x[1]
    log_p, log_q = np.log(share), np.log(np.maximum(1.0 - share, 1e-300))
    help_ = np.exp(c2 * log_p + c3 * log_q)
    f = share + c1 * help_
    log_size = np.log(f) + np.log(x[0])
    shape = np.exp(-alpha * log_size)
    part = beta * shape
    by_f = -alpha * part / f
    return floor + part, (
        shape,
        -log_size * part,
        np.ones((1, 1)),
        by_f * help_,
        by_f * c1 * help_ * log_p,
        by_f * c1 * help_ * np.maximum(log_q, -600.0),
    )


def _design(rng: np.random.Generator, count: int) -> tuple[Array, ...]:
    size = np.exp(rng.uniform(np.log(2e7), np.log(2e9), count))
    return size, rng.choice([0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 1.0], count)


LAW = Law(
    name="multilingual",
    formula="L = beta (f(p) N)^-alpha + L_inf, f(p) = p + c1 p^c2 (1-p)^c3",
    paper="Fernandes et al. 2023 (arXiv:2302.09650), eqs. 4-6",
    inputs=(
        Input(name="N", unit="parameters", span=(2e7, 2e9)),
        Input(name="p", unit="weight of the language or task in the mixture", span=(0.05, 1.0)),
    ),
    output=Input(name="L", unit="nats/token", span=(0.5, 6)),
    parameters=(
        coefficient("beta", "nats/token * parameters^alpha", example=60.0),
        exponent("alpha", example=0.25, start=(0.05, 0.8)),
        coefficient("L_inf", "nats/token", example=1.0),
        Parameter(
            name="c1", unit="1", start=(0.02, 1.0), example=0.25, low=1e-4, high=20.0, scale="log"
        ),
        exponent("c2", example=0.6, start=(0.1, 2.0), high=10.0),
        exponent("c3", example=1.2, start=(0.2, 4.0), high=20.0),
    ),
    evaluate=_evaluate,
    noise=0.001,
    design=_design,
)  # fmt: skip
