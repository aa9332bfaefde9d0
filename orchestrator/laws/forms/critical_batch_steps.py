"""Steps against batch size (McCandlish et al. 2018, arXiv:1812.06162, eq. 2.11)."""

from __future__ import annotations

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, coefficient


# (S/S_min - 1)(E/E_min - 1) = 1 with E = B S, hence S = S_min (1 + B_crit/B), B_crit = E_min/S_min
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    least, critical = p
    ratio = 1.0 + critical / x[0]
    return least * ratio, (ratio, least / x[0])


LAW = Law(
    name="critical_batch_steps",
    formula="S = S_min (1 + B_crit/B)",
    paper="McCandlish et al. 2018 (arXiv:1812.06162), eqs. 2.11 and 2.12",
    inputs=(Input(name="B", unit="tokens per batch", span=(1e4, 1e7)),),
    output=Input(name="S", unit="steps to the target loss", span=(1e2, 1e7)),
    parameters=(
        coefficient("S_min", "steps", example=5000.0),
        Parameter(
            name="B_crit", unit="tokens", start=(1e3, 1e8), example=4e5, low=1.0, high=1e14,
            scale="log",
        ),
    ),
    evaluate=_evaluate,
    noise=0.02,
)  # fmt: skip
