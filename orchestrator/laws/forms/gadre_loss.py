"""Loss of over-trained models (Gadre et al. 2024, arXiv:2403.08540, eq. 4)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, coefficient, exponent


# L(C, M) = E + (a M^eta + b M^-eta) C^-eta, with C = 6 N D and M = D/N
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    floor, a, b, eta = p
    up = np.log(x[1]) - np.log(x[0])
    down = -np.log(x[1]) - np.log(x[0])
    size, data = np.exp(eta * up), np.exp(eta * down)
    value = floor + a * size + b * data
    return value, (np.ones((1, 1)), size, data, a * up * size + b * down * data)


LAW = Law(
    name="gadre_loss",
    formula="L = E + (a M^eta + b M^-eta) C^-eta",
    paper="Gadre et al. 2024 (arXiv:2403.08540), eq. 4",
    inputs=(
        Input(name="C", unit="FLOPs (6ND)", span=(1e17, 1e22)),
        Input(name="M", unit="tokens/parameter", span=(5.0, 640.0)),
    ),
    output=Input(name="L", unit="nats/token", span=(1, 6)),
    parameters=(
        coefficient("E", "nats/token", example=1.84),
        coefficient("a", "nats/token * FLOPs^eta", example=212.0),
        coefficient("b", "nats/token * FLOPs^eta", example=367.0),
        exponent("eta", example=0.136, start=(0.05, 0.5)),
    ),
    evaluate=_evaluate,
    note="The authors' code omits the factor 6^-eta of the first term: their a is ours * 6^-eta.",
)
