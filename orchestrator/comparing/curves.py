"""Best loss by tokens with its spread over the members, and the area under it.

A curve is a step function of the tokens that the population has trained: between two closings a
search has in hand what it had at the last one. The area under the best loss, divided by the
tokens, is the mean loss that one would have had in hand (the primal integral of Berthold 2013,
"Measuring the impact of primal heuristics"); lower is better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from orchestrator.comparing.generations import Generation
    from orchestrator.events import Reported

Unit = Literal["nats per token", "bits per byte"]

GRID = 50
"""Points of the common grid of tokens."""
MANY_SIZES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """The losses of the living members when a generation closed, in the comparison's unit."""

    generation: int
    tokens: int
    """Trained by the population until then."""
    living: int
    best: float
    lower_quartile: float
    median: float
    upper_quartile: float
    worst: float


Curve = tuple[CurvePoint, ...]
"""By tokens; generations that no member survived are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnGrid:
    """One search on the common grid of tokens, or after its own last point: None."""

    best: tuple[float | None, ...]
    lower_quartile: tuple[float | None, ...]
    median: tuple[float | None, ...]
    upper_quartile: tuple[float | None, ...]


def curve(told: Sequence[Generation], *, unit: Unit) -> Curve:
    """Return the points of one search."""
    points: list[CurvePoint] = []
    for generation in told:
        losses = [in_unit(report, unit) for report in generation.living]
        if losses:
            least, low, middle, high, most = np.quantile(losses, (0, 0.25, 0.5, 0.75, 1)).tolist()
            points.append(
                CurvePoint(
                    generation=generation.number,
                    tokens=generation.tokens,
                    living=len(losses),
                    best=least,
                    lower_quartile=low,
                    median=middle,
                    upper_quartile=high,
                    worst=most,
                )
            )
    return tuple(points)


def in_unit(report: Reported, unit: Unit) -> float:
    """Return the loss of a living member in the comparison's unit."""
    loss = report.bits_per_byte if unit == "bits per byte" else report.nats_per_token
    assert loss is not None
    return loss


def common_tokens(curves: Sequence[Curve]) -> tuple[int, int] | None:
    """Return the tokens from which, and to which, every curve is known; None: nowhere."""
    if not curves or not all(curves):
        return None
    first = max(points[0].tokens for points in curves)
    last = min(points[-1].tokens for points in curves)
    return (first, last) if first <= last else None


def is_of_many_sizes(curves: Sequence[Curve]) -> bool:
    """Return whether some searches spent so much more that equal steps would hide the others."""
    ends = [points[-1].tokens for points in curves if points]
    return bool(ends) and max(ends) > MANY_SIZES * min(ends)


def grid(curves: Sequence[Curve]) -> tuple[int, ...]:
    """Return `GRID` steps from the first point of all curves to the last one.

    They are equal, or equal in the logarithm where searches are of many sizes.
    """
    known = [points for points in curves if points]
    if not known:
        return ()
    first = min(points[0].tokens for points in known)
    last = max(points[-1].tokens for points in known)
    steps = np.geomspace if is_of_many_sizes(curves) else np.linspace
    return tuple(int(t) for t in np.unique(steps(first, last, GRID).round()))


def on_grid(points: Curve, at: Sequence[int]) -> OnGrid:
    """Return what a search had in hand at these tokens.

    None before its first point, and after its last one: it spent no more.
    """
    places = _last_at(points, at)
    within = [
        points[place] if place >= 0 and tokens <= points[-1].tokens else None
        for place, tokens in zip(places, at, strict=True)
    ]
    return OnGrid(
        best=tuple(None if p is None else p.best for p in within),
        lower_quartile=tuple(None if p is None else p.lower_quartile for p in within),
        median=tuple(None if p is None else p.median for p in within),
        upper_quartile=tuple(None if p is None else p.upper_quartile for p in within),
    )


def mean_best(points: Curve, *, first: int, last: int) -> float:
    """Return the area under the best loss between two numbers of tokens, by the tokens between.

    Args:
        points: They must reach from `first` or before to `last` or beyond.
        first: Tokens, the lower bound.
        last: Tokens, the upper bound; where it equals `first`, the loss there is returned.
    """
    if last == first:
        return points[int(_last_at(points, [first])[0])].best
    tokens = np.array([p.tokens for p in points], dtype=np.float64)
    edges = np.clip(np.append(tokens, last), first, last)
    # a point rules from its closing until the next one; what lies before `first` counts nothing
    widths = np.diff(edges)
    return float(widths @ np.array([p.best for p in points]) / widths.sum())


def _last_at(points: Curve, at: Sequence[int]) -> NDArray[np.intp]:
    tokens = np.array([p.tokens for p in points])
    return np.searchsorted(tokens, np.asarray(at), side="right") - 1
