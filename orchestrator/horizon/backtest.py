"""How wrong a forecast of the present from the past was: no law is exact, its likelihood claims so.

Standard errors are widened by the ratio of real to claimed error when the newest 40 % of what is
known is forecast from the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.horizon.estimate import History

Array = NDArray[np.float64]
Forecast = Callable[["Sequence[History]", Array], tuple[Array, Array]]
"""Histories and the tokens wanted of each -> losses and standard errors; NaN: no forecast."""

KNOWN_SHARE = 0.6
UNTESTED = 2.0
"""Widening where no history is long enough to be tested on."""
TRUTH_POINTS = 3
"""Newest points whose mean is taken for the truth: one of them is noisy."""


def widening(histories: Sequence[History], forecast: Forecast) -> float:
    """Return the root mean square of (error / standard error) of the test, at least 1."""
    past, now, truth = [], [], []
    for history in histories:
        known = history.tokens <= KNOWN_SHARE * history.tokens[-1]
        known[-1] = False
        if known.any():
            past.append(
                replace(
                    history,
                    tokens=history.tokens[known],
                    losses=history.losses[known],
                    batch_losses=(),  # those of now
                )
            )
            now.append(float(history.tokens[-1]))
            truth.append(float(history.losses[-TRUTH_POINTS:].mean()))
    if not past:
        return UNTESTED
    values, errors = forecast(past, np.array(now))
    tested = np.isfinite(values) & (errors > 0)
    if not tested.any():
        return UNTESTED
    ratios = (values - np.array(truth))[tested] / errors[tested]
    return max(1.0, float(np.sqrt(np.mean(ratios**2))))
