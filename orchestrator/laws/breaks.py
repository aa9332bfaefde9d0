"""Where a curve breaks: a segmented line in log-log, with a bootstrap of the break.

Muggeo 2003 for the segmented fit; Caballero et al. 2022 (arXiv:2210.14891) for why curves break:
law `bnsl` describes the same break smoothly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from orchestrator.laws.law import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """The best two-piece line in log-log, and whether it is needed.

    Args:
        place: Scale of the break.
        interval: Its 95 % bootstrap interval.
        slopes: Slopes before and after.
        bic_gain: BIC of one line minus that of two: above zero favours a break; above 10 strongly.
        found: Whether `bic_gain` exceeds 10 and the interval lies inside the data.
    """

    place: float
    interval: tuple[float, float]
    slopes: tuple[float, float]
    bic_gain: float
    found: bool


def find_break(
    x: Array,  # (n,), positive
    y: Array,  # (n,), positive
    *,
    rng: np.random.Generator,
    resamples: int = 500,
    candidates: int = 200,
) -> Break:
    """Fit continuous two-piece lines to (log x, log y) with the break at every candidate.

    Candidates leave at least three points on either side; residuals are resampled.

    Raises:
        ValueError: Fewer than eight points, or values that are not positive.
    """
    if x.size < 8:
        message = f"A break needs at least 8 points, but got {x.size}."
        raise ValueError(message)
    if (x <= 0).any() or (y <= 0).any():
        message = "Breaks are sought in log-log: all values must be positive."
        raise ValueError(message)
    order = np.argsort(x)
    u, v = np.log(x[order]), np.log(y[order])
    places = np.linspace(u[2], u[-3], candidates)
    hats = _projections(u, places)
    line = np.stack([np.ones_like(u), u], axis=1)
    single = v - line @ np.linalg.lstsq(line, v, rcond=None)[0]
    residuals = v - np.einsum("cij,j->ci", hats, v)
    squares = (residuals**2).sum(axis=1)
    best = int(np.argmin(squares))
    n = u.size
    gain = n * np.log((single**2).sum() / max(squares[best], 1e-300)) - 2 * np.log(n)
    smooth = v - residuals[best]
    scaled = residuals[best] * np.sqrt(n / max(n - 4, 1))
    fake = smooth + rng.choice(scaled - scaled.mean(), size=(resamples, n))
    # |v - H v|^2 = |v|^2 - v'Hv for a projection H: one matrix product for all resamples.
    fitted = np.einsum("ri,cij,rj->rc", fake, hats, fake, optimize=True)
    chosen = places[np.argmax(fitted, axis=1)]
    low, high = np.exp(np.quantile(chosen, [0.025, 0.975]))
    basis = np.stack([np.ones(n), u, np.maximum(u - places[best], 0.0)], axis=1)
    _, before, change = np.linalg.lstsq(basis, v, rcond=None)[0]
    inside = low > np.exp(places[0]) * 1.0001 and high < np.exp(places[-1]) * 0.9999
    return Break(
        place=float(np.exp(places[best])), interval=(float(low), float(high)),
        slopes=(float(before), float(before + change)), bic_gain=float(gain),
        found=bool(gain > 10 and inside),
    )  # fmt: skip


def _projections(u: Array, places: Array) -> Array:
    """Projection matrices onto the two-piece lines of each break, (c, n, n)."""
    kink = np.maximum(u[None, :] - places[:, None], 0.0)
    basis = np.stack([np.ones_like(kink), np.broadcast_to(u, kink.shape), kink], axis=2)
    q, _ = np.linalg.qr(basis)
    return np.asarray(q @ q.transpose(0, 2, 1))
