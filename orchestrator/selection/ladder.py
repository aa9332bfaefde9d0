"""How many others beat each member at equal tokens, kept up to date while members report.

Comparing all pairs is quadratic, and in an asynchronous search it is asked for again with every
report, when one member of many has changed. So what the last population came to is remembered, and
only pairs with a member that changed since are compared. What is counted are wins and draws: whole
and half numbers, exact in any order of adding, so that nothing depends on what is remembered.
"""

from __future__ import annotations

import threading
from itertools import compress
from operator import is_not
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from orchestrator.selection.decision import Candidate

LARGEST_UPDATE = 0.125
"""Share of a population that may be new for an update to be tried at all."""
ALWAYS_COMPARED = 8
"""Members up to which all pairs are compared even where an order of fitness is the answer."""


class Ladder:
    """Orders populations at equal tokens, one after the other; see `equal_tokens.ranking`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._candidates: tuple[Candidate, ...] = ()
        self._order: tuple[int, ...] = ()
        self._forget()

    def order(self, candidates: tuple[Candidate, ...]) -> tuple[int, ...]:
        """Return the members, best first, failed ones last."""
        with self._lock:
            if candidates is not self._candidates:
                self._order = self._ordered(candidates)
                self._candidates = candidates
            return self._order

    def _ordered(self, candidates: tuple[Candidate, ...]) -> tuple[int, ...]:
        changed = self._changed(candidates)
        if changed is None:
            self._forget()
            if len(candidates) > ALWAYS_COMPARED and _trained_alike(candidates):
                return tuple(c.member for c in sorted(candidates, key=_by_fitness))
            changed = list(candidates)
        for candidate in changed:
            self._take(candidate)
        n = len(self._slots)
        by_rank = np.lexsort((self._members[:n], self._beaten[:n], ~self._alive[:n]))
        return tuple(self._members[by_rank].tolist())

    def _changed(self, candidates: tuple[Candidate, ...]) -> list[Candidate] | None:
        """Return those that were not met before; None: all must be compared anew."""
        before = self._candidates
        if not self._slots:
            return None
        if len(before) == len(candidates):
            found = list(compress(candidates, map(is_not, before, candidates)))
        else:
            known = set(map(id, before))  # they are kept, so that no other has their place
            found = [candidate for candidate in candidates if id(candidate) not in known]
        news = sum(candidate.member not in self._slots for candidate in found)
        too_many = len(found) > max(1, LARGEST_UPDATE * len(candidates))
        return None if too_many or len(self._slots) + news != len(candidates) else found

    def _forget(self) -> None:
        self._slots: dict[int, int] = {}
        self._members = np.zeros(0, dtype=np.int64)
        self._alive = np.zeros(0, dtype=bool)
        self._tokens, self._fitness, self._beaten = np.zeros(0), np.zeros(0), np.zeros(0)
        self._places = np.zeros(0)  # logarithms of tokens
        self._points = np.zeros(0, dtype=np.int64)
        self._x, self._y = np.zeros((0, 1)), np.zeros((0, 1))

    def _take(self, candidate: Candidate) -> None:
        """Compare a new member, or what has become of one, with all others."""
        at = self._slots.get(candidate.member)
        before: NDArray[np.float64] | None = None
        if at is None:
            at = self._slots[candidate.member] = len(self._slots)
            self._make_room(len(self._slots))
        else:
            before = _wins(self._leads(at))
        self._write(at, candidate)
        now = self._leads(at)
        beaten = self._beaten[: len(self._slots)]
        beaten += _wins(now)
        if before is not None:
            beaten -= before
        beaten[at] = _defeats(now)

    def _make_room(self, members: int) -> None:
        if members <= self._members.size:
            return
        more = max(members, 2 * self._members.size) - self._members.size
        for name in ("_members", "_alive", "_tokens", "_fitness", "_beaten", "_places", "_points"):
            column = getattr(self, name)
            setattr(self, name, np.concatenate([column, np.zeros(more, dtype=column.dtype)]))
        room = np.zeros((more, self._x.shape[1]))
        self._x, self._y = np.vstack([self._x, room]), np.vstack([self._y, room])

    def _write(self, at: int, candidate: Candidate) -> None:
        self._members[at] = candidate.member
        self._alive[at] = not candidate.failed
        self._tokens[at] = candidate.tokens
        self._places[at] = np.log(max(candidate.tokens, 1.0))
        self._fitness[at] = 0.0 if candidate.failed else candidate.fitness
        self._points[at] = 0
        if candidate.failed:
            return
        x, y = curve_to_now(candidate)
        if x.size > self._x.shape[1]:
            more = np.zeros((self._x.shape[0], x.size))  # twice as wide, and a point
            self._x, self._y = np.hstack([self._x, more]), np.hstack([self._y, more])
        self._x[at, : x.size], self._y[at, : y.size] = x, y
        self._points[at] = x.size

    def _leads(self, at: int) -> NDArray[np.float64]:  # (n,)
        """Return by how much one leads each other at equal tokens; 0: not comparable, or itself."""
        n = len(self._slots)
        alive, tokens, fitness = self._alive[:n], self._tokens[:n], self._fitness[:n]
        if not alive[at]:
            return np.zeros(n)
        lead = fitness[at] - fitness
        behind = np.flatnonzero(alive & (tokens < tokens[at]))
        if behind.size:
            count = int(self._points[at])
            x, y = self._x[at, :count], self._y[at, :count]
            own = np.interp(self._places[behind], x, y, left=np.nan)
            lead[behind] = own - fitness[behind]
        ahead = np.flatnonzero(alive & (tokens > tokens[at]))
        if ahead.size:
            lead[ahead] = fitness[at] - self._at(ahead, float(self._places[at]))
        return np.where(alive & np.isfinite(lead), lead, 0.0)

    def _at(self, rows: NDArray[np.int64], place: float) -> NDArray[np.float64]:  # (rows,)
        """Interpolate many curves at one place that lies before the end of each; NaN before them.

        As `np.interp` does it, operation by operation.
        """
        low, high = np.zeros(rows.size, dtype=np.int64), self._points[rows] - 1
        begun = self._x[rows, 0] <= place
        while (high - low > 1).any():  # x[low] <= place < x[high]
            middle = (low + high) // 2
            right = self._x[rows, middle] <= place
            low, high = np.where(right, middle, low), np.where(right, high, middle)
        x, y = self._x[rows, low], self._y[rows, low]
        rise, run = self._y[rows, high] - y, self._x[rows, high] - x
        with np.errstate(invalid="ignore", divide="ignore"):  # one point: not begun
            found = np.where(x == place, y, rise / run * (place - x) + y)
        return np.where(begun, found, np.nan)


def _trained_alike(candidates: tuple[Candidate, ...]) -> bool:
    """Return whether all living members have trained the same tokens."""
    return len({candidate.tokens for candidate in candidates if not candidate.failed}) <= 1


def _by_fitness(candidate: Candidate) -> tuple[bool, float, int]:
    """Return the key of the order that counting defeats gives where all have trained alike."""
    return candidate.failed, 0.0 if candidate.failed else -candidate.fitness, candidate.member


def _wins(leads: NDArray[np.float64]) -> NDArray[np.float64]:  # (n,)
    """Return what each other's count of defeats has of this one: 1 a defeat, 1/2 a draw."""
    won: NDArray[np.float64] = (leads > 0) + 0.5 * (leads == 0)
    return won


def _defeats(leads: NDArray[np.float64]) -> float:
    return float((leads < 0).sum() + 0.5 * (leads == 0).sum())


def curve_to_now(
    candidate: Candidate,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # (k,) each
    """Return logarithms of tokens, and fitness, of a living member's curve and its present."""
    points: Sequence[tuple[int, float]] = [p for p in candidate.curve if p[0] < candidate.tokens]
    x = np.log(np.maximum([*(point[0] for point in points), candidate.tokens], 1.0))
    return x, np.array([*(point[1] for point in points), candidate.fitness])
