"""Where a curve breaks: segmented lines in log-log, with a bootstrap of the breaks.

Muggeo 2003 for the segmented fit; Caballero et al. 2022 (arXiv:2210.14891) for why curves break:
the laws `bnsl:1`, `bnsl:2`, ... describe the same breaks smoothly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from orchestrator.laws.law import Array

LEAST_GAIN = 10.0
"""A break is taken for real beyond this gain of BIC: strong evidence (Kass & Raftery 1995)."""
LEAST_POINTS = 8
LEAST_BETWEEN = 2
SWEEPS = 4
MOVES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One break of a curve, and whether it is needed.

    Args:
        place: Scale of the break.
        interval: Its 95 % bootstrap interval.
        slopes: Slopes in log-log before and after.
        bic_gain: BIC without the break minus that with it: above zero favours it.
        found: Whether `bic_gain` exceeds `LEAST_GAIN` and the interval lies inside the data.
    """

    place: float
    interval: tuple[float, float]
    slopes: tuple[float, float]
    bic_gain: float
    found: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaks:
    """The breaks of a curve by scale: those that are needed, or the best one if none is."""

    breaks: tuple[Break, ...]
    most: int
    """How many were looked for."""


def find_break(
    x: Array,  # (n,), positive
    y: Array,  # (n,), positive
    *,
    rng: np.random.Generator,
    resamples: int = 500,
) -> Break:
    """Find the best single break; see `find_breaks`."""
    return find_breaks(x, y, most=1, rng=rng, resamples=resamples).breaks[0]


def find_breaks(
    x: Array,  # (n,), positive
    y: Array,  # (n,), positive
    *,
    most: int,
    rng: np.random.Generator,
    resamples: int = 500,
    candidates: int = 200,
) -> Breaks:
    """Fit continuous lines of several pieces to (log x, log y), adding breaks while they pay.

    Every break is tried at every candidate place, the others held, in turns. Candidates leave at
    least three points on either side; a break counts two parameters in BIC. Residuals are
    resampled: a single break is sought anew everywhere, several are moved from where they are.

    Raises:
        ValueError: Fewer than eight points and four more for each further break, values that are
            not positive, or fewer than 100 resamples.
    """
    if x.size < LEAST_POINTS + 4 * (most - 1):
        message = (
            f"{most} break{'s' * (most > 1)} need at least {LEAST_POINTS + 4 * (most - 1)} points "
            f"({LEAST_POINTS} points for one), but got {x.size}."
        )
        raise ValueError(message)
    if (x <= 0).any() or (y <= 0).any():
        message = "Breaks are sought in log-log: all values must be positive."
        raise ValueError(message)
    if resamples < 100:
        message = f"An interval needs at least 100 resamples, but got {resamples}."
        raise ValueError(message)
    order = np.argsort(x)
    u, v = np.log(x[order]), np.log(y[order])
    grid = np.linspace(u[2], u[-3], candidates)
    places = _placed(u, v, np.empty(0), grid)
    while places.size < most and _gain(u, v, places, places.size - 1) > LEAST_GAIN:
        more = _placed(u, v, places, grid)
        if min(_gain(u, v, more, k) for k in range(more.size)) <= LEAST_GAIN:
            break
        places = more
    return Breaks(breaks=_described(u, v, places, grid, rng=rng, resamples=resamples), most=most)


def _described(
    u: Array,
    v: Array,
    places: Array,  # (k,), logarithms, ascending
    grid: Array,
    *,
    rng: np.random.Generator,
    resamples: int,
) -> tuple[Break, ...]:
    basis = _basis(u, places)
    coefficients = np.linalg.lstsq(basis, v, rcond=None)[0]
    smooth = basis @ coefficients
    slopes = np.cumsum(coefficients[1:])
    n = u.size
    scaled = (v - smooth) * np.sqrt(n / max(n - 2 - 2 * places.size, 1))
    fakes = smooth + rng.choice(scaled - scaled.mean(), size=(resamples, n))
    drawn = (
        _refitted_one(u, fakes, grid)
        if places.size == 1
        else np.stack([_moved(u, fake, places, grid) for fake in fakes])
    )
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    inside = (low > grid[0] + 1e-4) & (high < grid[-1] - 1e-4)
    gains = [_gain(u, v, places, k) for k in range(places.size)]
    return tuple(
        Break(
            place=float(np.exp(places[k])),
            interval=(float(np.exp(low[k])), float(np.exp(high[k]))),
            slopes=(float(slopes[k]), float(slopes[k + 1])),
            bic_gain=float(gains[k]),
            found=bool(gains[k] > LEAST_GAIN and inside[k]),
        )
        for k in range(places.size)
    )


def _basis(u: Array, places: Array) -> Array:
    """Columns of a broken line: one, u, and a kink at each place, (n, 2 + k)."""
    kinks = np.maximum(u[:, None] - places[None, :], 0.0)
    return np.concatenate([np.ones((u.size, 1)), u[:, None], kinks], axis=1)


def _square(u: Array, v: Array, places: Array) -> float:
    basis = _basis(u, places)
    left = v - basis @ np.linalg.lstsq(basis, v, rcond=None)[0]
    return max(float((left**2).sum()), 1e-300)


def _gain(u: Array, v: Array, places: Array, k: int) -> float:
    """BIC of the best line without break k, the others as they are, minus that with all."""
    without = _square(u, v, np.delete(places, k))
    return float(u.size * np.log(without / _square(u, v, places)) - 2 * np.log(u.size))


def _placed(u: Array, v: Array, places: Array, grid: Array) -> Array:
    """Add the best further break and let all settle, ascending."""
    first = grid[int(np.argmax(_explained(u, v, places, grid)))]
    return _turns(u, v, np.append(places, first), grid, sweeps=SWEEPS)


def _turns(u: Array, v: Array, places: Array, grid: Array, *, sweeps: int) -> Array:
    """Move each break in turn to its best candidate, the others held."""
    places = np.array(places)
    for _ in range(sweeps if places.size > 1 else 1):
        before = places.copy()
        for k in range(places.size):
            places[k] = grid[int(np.argmax(_explained(u, v, np.delete(places, k), grid)))]
        if (places == before).all():
            break
    return np.sort(places)


def _explained(u: Array, v: Array, others: Array, grid: Array) -> Array:
    """|H v|^2 of the broken line with one more kink at each candidate, (c,).

    Minus infinity where fewer than two points would lie between two breaks: the line there would
    not be determined.
    """
    squares = (np.einsum("cnk,n->ck", _orthogonal(u, others, grid), v) ** 2).sum(axis=1)
    for other in others:
        before = np.searchsorted(u, np.minimum(grid, other))
        between = np.searchsorted(u, np.maximum(grid, other)) - before
        squares = np.where(between < LEAST_BETWEEN, -np.inf, squares)
    return np.asarray(squares)


def _refitted_one(u: Array, fakes: Array, grid: Array) -> Array:
    """Best single break of every resample, (r, 1): one product for all of them."""
    q = _orthogonal(u, np.empty(0), grid)
    explained = (np.einsum("cnk,rn->rck", q, fakes, optimize=True) ** 2).sum(axis=2)
    return np.asarray(grid[np.argmax(explained, axis=1)][:, None])


def _orthogonal(u: Array, others: Array, grid: Array) -> Array:
    """Orthonormal columns of the broken lines with one more kink at each candidate, (c, n, k)."""
    fixed = _basis(u, others)
    kink = np.maximum(u[None, :] - grid[:, None], 0.0)[:, :, None]
    stacked = np.concatenate([np.broadcast_to(fixed, (grid.size, *fixed.shape)), kink], axis=2)
    return np.asarray(np.linalg.qr(stacked)[0])


def _moved(u: Array, v: Array, places: Array, grid: Array) -> Array:
    """Move breaks to where Muggeo's iteration leads from `places`; the best visited are kept.

    The kink (u - p)+ is linear in a small move of p with slope -[u > p]: a regression with those
    columns tells how far each break must go (Muggeo 2003, eq. 4).
    """
    best, least = places, _square(u, v, places)
    for _ in range(MOVES):
        beyond = -(u[:, None] > places[None, :]).astype(np.float64)
        columns = np.concatenate([_basis(u, places), beyond], axis=1)
        coefficients = np.linalg.lstsq(columns, v, rcond=None)[0]
        change, moved = np.split(coefficients[2:], 2)
        step = np.divide(moved, change, out=np.zeros_like(moved), where=np.abs(change) > 1e-9)
        places = np.sort(np.clip(places + step, grid[0], grid[-1]))
        square = _square(u, v, places)
        if square < least:
            best, least = places, square
    return best
