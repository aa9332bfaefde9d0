"""Present loss: what a member has now is what it will have (the short-sighted baseline)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestrator.laws.horizon.history import Estimate, History, check_horizon


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """The last loss.

    Its standard error is the scatter of the loss about a straight line through the last `window`
    points: the noise of one measurement, not the error of the assumption.
    """

    window: int = 8

    def estimate(self, histories: tuple[History, ...], *, horizon: float) -> tuple[Estimate, ...]:
        """Answer with the last loss of each history."""
        check_horizon(histories, horizon)
        return tuple(present(history, self.window) for history in histories)


def present(history: History, window: int = 8) -> Estimate:
    """Make the estimate for one history."""
    x, y = history.tokens[-window:], history.losses[-window:]
    if x.size < 4:
        error = float("nan")
    else:
        u = (x - x.mean()) / np.ptp(x)
        line = np.stack([np.ones_like(u), u], axis=1)
        left = y - line @ np.linalg.lstsq(line, y, rcond=None)[0]
        error = float(np.sqrt((left**2).sum() / (x.size - 2)))
    return Estimate(loss=float(y[-1]), standard_error=error, method="present")
