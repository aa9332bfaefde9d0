"""Width rules for hyperparameters (muP: Yang et al. 2022, arXiv:2203.03466)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, coefficient

REFERENCE_WIDTH = 256.0
"""Width at which the coefficient is the value itself."""

EXPONENTS = {
    "adam_hidden_learning_rate": -1.0,
    "adam_embedding_learning_rate": 0.0,
    "hidden_initial_standard_deviation": -0.5,
    "readout_multiplier": -1.0,
    "adamw_hidden_weight_decay": 1.0,
}
"""How a hyperparameter moves with width d: value = value at d0 * (d/d0)^exponent.

Yang et al. 2022, table 8, for Adam. AdamW's decoupled decay of hidden matrices goes as d so that
learning rate * weight decay, the time constant of the weights' average, stays put while the
learning rate goes as 1/d (Wang & Aitchison 2024, arXiv:2405.13698).
"""


# The law: y = c (d / 256)^p
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    c, power = p
    distance = np.log(x[0] / REFERENCE_WIDTH)
    shape = np.exp(power * distance)
    return c * shape, (shape, distance * c * shape)


def transfer(rule: str, *, value: float, width: float, new_width: float) -> float:
    """Carry a hyperparameter tuned at one width to another by its rule.

    Raises:
        KeyError: No such rule.
        ValueError: A width is not positive.

    >>> transfer("adam_hidden_learning_rate", value=0.01, width=256, new_width=1024)
    0.0025
    """
    if rule not in EXPONENTS:
        message = f"A width rule is one of {', '.join(EXPONENTS)}, but got {rule!r}."
        raise KeyError(message)
    if width <= 0 or new_width <= 0:
        message = f"Widths must be positive, but got {width} and {new_width}."
        raise ValueError(message)
    return float(value * (new_width / width) ** EXPONENTS[rule])


LAW = Law(
    name="width_rule",
    formula="y = c (d/256)^p",
    paper="Yang et al. 2022 (arXiv:2203.03466), table 8; Wang & Aitchison 2024 (arXiv:2405.13698)",
    inputs=(Input(name="d", unit="width", span=(64, 8192)),),
    output=Input(name="y", unit="optimal learning rate, weight decay, ...", span=(1e-6, 10)),
    parameters=(
        coefficient("c", "as y", example=0.01),
        Parameter(name="p", unit="1", start=(-2.0, 2.0), example=-1.0),
    ),
    evaluate=_evaluate,
    noise=0.05,
    note="Test whether the interval of p holds the exponent of the rule.",
)
