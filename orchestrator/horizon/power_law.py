"""A power law in tokens, fitted to the member's own curve and read at the horizon.

L(t) = E + A (t / t_now)^-a with E, A >= 0 (the data term of Hoffmann et al. 2022, arXiv:2203.15556,
eq. 2). For a given exponent the law is linear in (E, A): variable projection (Golub & Pereyra 1973)
solves those in closed form for a whole grid of exponents at once, so that no optimiser can fail.

What it does not know: a learning rate that will still be annealed, or a curve bent by an exploit.
It predicts a difference to the present loss, so that the latest measurement stays the anchor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its parts are heavy: each loads on use

from orchestrator.horizon.backtest import widening
from orchestrator.horizon.estimate import History, HorizonEstimate, present, present_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SMALLEST_EXPONENT, LARGEST_EXPONENT = 0.02, 3.0
GRID = 48
"""Exponents tried at once; the grid then narrows to those that the curve does not reject."""
NARROWINGS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLaw:
    """Extrapolates the member's own curve; says so when it cannot, and gives the present loss."""

    min_points: int = 5
    """Fewest points of the curve, after skipping, that are fitted (there are 3 parameters)."""
    skip_share: float = 0.1
    """Points with fewer tokens than this share of the present ones are left out: warm-up and the
    first fall of the loss follow no power law."""
    max_relative_error: float = 0.5
    """A correction counts as identified when its standard error is at most this share of it (or
    below that of the present loss)."""

    def __post_init__(self) -> None:
        if self.min_points < 4:
            raise ValueError(
                f"`min_points >= 4` must hold, one more than parameters, but got "
                f"min_points={self.min_points}."
            )
        if not 0 <= self.skip_share < 1:
            raise ValueError(
                f"`0 <= skip_share < 1` must hold, but got skip_share={self.skip_share}."
            )
        if not self.max_relative_error > 0:
            raise ValueError(
                f"`max_relative_error > 0` must hold, but got "
                f"max_relative_error={self.max_relative_error}."
            )

    def estimate(
        self, histories: Sequence[History], *, horizon_tokens: int
    ) -> tuple[HorizonEstimate, ...]:
        """Extrapolate each curve to the horizon; see `HorizonEstimator.estimate`."""
        found = [self._one(history, horizon_tokens) for history in histories]
        widen = widening(histories, self._forecast)
        return tuple(
            estimate
            if estimate.used == "present"
            else replace(
                estimate,
                standard_error=math.hypot(
                    present_loss(history)[1], widen * estimate.standard_error
                ),
            )
            for history, estimate in zip(histories, found, strict=True)
        )

    def _one(self, history: History, horizon_tokens: float) -> HorizonEstimate:
        """Extrapolate one curve; the standard error is that of the change alone."""
        now = float(history.tokens[-1])
        if now >= horizon_tokens:
            return present(history, reason=f"the horizon of {horizon_tokens} tokens is reached")
        late = history.tokens >= self.skip_share * now
        tokens, losses = history.tokens[late], history.losses[late]
        if tokens.size < self.min_points:
            return present(
                history, reason=f"{tokens.size} usable points, fewer than {self.min_points}"
            )
        loss, standard_error = present_loss(history)
        change, error = extrapolate(tokens / now, losses, to=horizon_tokens / now)
        if not math.isfinite(change) or not math.isfinite(error):
            return present(history, reason="the curve does not fall like a power law")
        if error > max(self.max_relative_error * abs(change), standard_error):
            return present(
                history,
                reason=f"not identified: a change of {change:.4f} nats has a standard error of "
                f"{error:.4f}",
            )
        return HorizonEstimate(
            loss=max(0.0, loss + change), standard_error=error, used="power_law", reason=""
        )

    def _forecast(
        self,
        histories: Sequence[History],
        at: NDArray[np.float64],  # (members,), tokens
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        found = [self._one(history, float(to)) for history, to in zip(histories, at, strict=True)]
        values = [e.loss if e.used == "power_law" else math.nan for e in found]
        return np.array(values), np.array([e.standard_error for e in found])


def extrapolate(
    tokens: NDArray[np.float64],  # (n,), relative to now: ascending, > 0, the last is 1
    losses: NDArray[np.float64],  # (n,), nats per token
    *,
    to: float,
) -> tuple[float, float]:
    """Return the change of loss from now to `to` (relative tokens) and its standard error.

    The law is fitted by least squares over a grid of exponents. The error joins the noise of the
    linear fit with the spread of predictions over all exponents that an F-test at one standard
    error (68 %) does not reject against the best, so that an exponent that the curve does not
    determine shows as an error.

    Returns:
        (change, standard error), nats per token, change <= 0; both NaN if no exponent fits with
        E >= 0 and A >= 0, which is the case for a curve that rises.
    """
    freedom = len(losses) - 3
    # The 68.27 % quantile of F(1, freedom) is the square of that of Student's t, two-sided.
    quantile = float(scipy.special.stdtrit(freedom, 0.841345)) ** 2
    low, high = SMALLEST_EXPONENT, LARGEST_EXPONENT
    for _ in range(NARROWINGS):
        exponents = np.geomspace(low, high, GRID)
        fit = _project(tokens, losses, exponents)
        best = int(np.argmin(fit.squares))
        if not np.isfinite(fit.squares[best]):
            return math.nan, math.nan
        noise = float(fit.squares[best]) / freedom
        kept = np.flatnonzero(fit.squares <= fit.squares[best] + noise * quantile)
        low = float(exponents[max(0, kept[0] - 1)])
        high = float(exponents[min(GRID - 1, kept[-1] + 1)])
    reach = to**-exponents - 1.0  # (g,), change per unit of A
    changes = fit.scale * reach
    spread = 0.5 * float(np.ptp(changes[kept]))
    linear = math.sqrt(noise / float(fit.variance[best])) * abs(float(reach[best]))
    return float(changes[best]), math.hypot(spread, linear)


@dataclass(frozen=True, slots=True)
class _Projection:
    """The linear least-squares fit of (E, A) for each exponent."""

    scale: NDArray[np.float64]  # (g,), A
    squares: NDArray[np.float64]  # (g,), sum of squared residuals, inf where A < 0
    variance: NDArray[np.float64]  # (g,), sum of squares of the centred basis


def _project(
    tokens: NDArray[np.float64],  # (n,)
    losses: NDArray[np.float64],  # (n,)
    exponents: NDArray[np.float64],  # (g,)
) -> _Projection:
    basis = tokens[None, :] ** -exponents[:, None]  # (g, n)
    centred = basis - basis.mean(axis=1, keepdims=True)
    variance = np.maximum((centred**2).sum(axis=1), 1e-300)
    scale = centred @ (losses - losses.mean()) / variance
    floor = losses.mean() - scale * basis.mean(axis=1)
    # Where E would be negative, the best fit lies on the border E = 0.
    scale = np.where(floor < 0, basis @ losses / (basis**2).sum(axis=1), scale)
    floor = np.maximum(floor, 0.0)
    residuals = losses[None, :] - floor[:, None] - scale[:, None] * basis
    squares = np.where(scale >= 0, (residuals**2).sum(axis=1), np.inf)
    return _Projection(scale, squares, variance)
