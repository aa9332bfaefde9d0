"""Resolution-limited scaling: exponent 4/d (Bahri et al. 2021, arXiv:2102.06701, section 2)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, coefficient


# L(x) = R x^(-4/d), d the dimension of the data manifold
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    r, dimension = p
    log_x = np.log(x[0])
    shape = np.exp(-4.0 / dimension * log_x)
    value = r * shape
    return value, (shape, value * log_x * 4.0 / dimension**2)


def regime_of(
    measured: float, error: float, *, dimension: float | None = None, level: float = 1.96
) -> str:
    """Name the regime whose exponent lies within `level` standard errors of the measured one.

    Variance-limited laws (in data or in width) have exponent 1; resolution-limited ones have 4/d
    (at least, where the data manifold has dimension d), the same in data and in parameters.

    >>> regime_of(1.03, 0.04)
    'variance-limited'
    """
    if abs(measured - 1.0) <= level * error:
        return "variance-limited"
    if measured < 1.0 and (dimension is None or measured >= 4.0 / dimension - level * error):
        return "resolution-limited"
    return "neither"


LAW = Law(
    name="bahri_resolution",
    formula="L = R x^(-4/d)",
    paper="Bahri et al. 2021 (arXiv:2102.06701), section 2: the other unlimited",
    inputs=(Input(name="x", unit="examples or parameters", span=(1e3, 1e8)),),
    output=Input(name="L", unit="loss", span=(0, 10)),
    parameters=(
        coefficient("R", "loss", example=4.0),
        Parameter(
            name="d", unit="dimensions", start=(2.0, 100.0), example=16.0, low=0.5, high=1e4,
            scale="log",
        ),
    ),
    evaluate=_evaluate,
)  # fmt: skip
