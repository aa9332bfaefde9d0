"""Critical batch size against loss (Kaplan et al. 2020, arXiv:2001.08361, eq. 1.4)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, coefficient, exponent


# B_crit(L) = B* / L^(1/alpha_B)
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    scale, alpha = p
    log_loss = np.log(x[0])
    shape = np.exp(-log_loss / alpha)
    value = scale * shape
    return value, (shape, value * log_loss / alpha**2)


LAW = Law(
    name="critical_batch_loss",
    formula="B_crit = B* / L^(1/alpha_B)",
    paper="Kaplan et al. 2020 (arXiv:2001.08361), eq. 1.4: B* = 2.1e8 tokens, alpha_B = 0.21",
    inputs=(Input(name="L", unit="nats/token", span=(2.0, 8.0)),),
    output=Input(name="B_crit", unit="tokens", span=(1e3, 1e8)),
    parameters=(
        coefficient("B*", "tokens", example=2.1e8),
        exponent("alpha_B", example=0.21, start=(0.08, 0.8)),
    ),
    evaluate=_evaluate,
    noise=0.05,
)
