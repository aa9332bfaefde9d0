"""Translation with separate encoder and decoder sizes (Ghorbani et al. 2021, arXiv:2109.07740)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, coefficient, exponent


# L(N_e, N_d) = a N_e^-p_e N_d^-p_d + L_inf
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    a, encoder, decoder, floor = p
    log_e, log_d = np.log(x[0]), np.log(x[1])
    shape = np.exp(-encoder * log_e - decoder * log_d)
    part = a * shape
    return floor + part, (shape, -log_e * part, -log_d * part, np.ones((1, 1)))


LAW = Law(
    name="encoder_decoder",
    formula="L = a N_e^-p_e N_d^-p_d + L_inf",
    paper="Ghorbani et al. 2021 (arXiv:2109.07740), eq. 3",
    inputs=(
        Input(name="N_e", unit="encoder parameters", span=(1e7, 1e9)),
        Input(name="N_d", unit="decoder parameters", span=(1e7, 1e9)),
    ),
    output=Input(name="L", unit="nats/token", span=(0.5, 6)),
    parameters=(
        coefficient("a", "nats/token * parameters^(p_e+p_d)", example=300.0),
        exponent("p_e", example=0.13, start=(0.03, 0.5)),
        exponent("p_d", example=0.18, start=(0.03, 0.5)),
        coefficient("L_inf", "nats/token", example=1.2),
    ),
    evaluate=_evaluate,
    noise=0.001,
)
