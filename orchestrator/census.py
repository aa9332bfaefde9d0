"""The census: what is asked of the whole population, kept up to date member by member.

In an asynchronous search every report is a decision about one member beside all others. What is
asked of the others (how far the slowest is, the median gain, what selection sees of them at that
member's tokens) must not be worked out anew each time: a report would cost as much as the
population is large.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.population import MemberRecord, Outcome
    from orchestrator.selection import Candidate

_NONE_YET = -1
"""Generation of a member that has no outcome."""
MOST_VIEWS = 8
"""Kept up to date: asynchronous members that report in turn have few different token counts."""


class View:
    """What is asked of the members that have reported, as they were at some tokens and price."""

    def __init__(self, at: int | None, price: float | None) -> None:
        self._at, self._price = at, price
        self._outcomes: list[Outcome | None] = []
        self._candidates: list[Candidate | None] = []
        self._changed: set[int] = set()
        self._gains: dict[int, float] = {}
        self._sorted_gains: list[float] = []

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """What selection sees, in the order of members; who has not changed is the same object."""
        for member in self._changed:
            outcome = self._outcomes[member]
            assert outcome is not None
            found = outcome.candidate(at=self._at, price=self._price)
            if found != self._candidates[member]:
                self._candidates[member] = found
        self._changed.clear()
        return tuple(found for found in self._candidates if found is not None)

    @property
    def median_gain(self) -> float:
        """The median of all members' newest gains, nats per token; 0 where there is none."""
        gains, half = self._sorted_gains, len(self._sorted_gains) // 2
        if not gains:
            return 0.0
        return gains[half] if len(gains) % 2 else (gains[half - 1] + gains[half]) / 2

    def gain(self, member: int) -> float | None:
        """Return a member's newest gain, nats per token; none: it has not reported, or failed."""
        return self._gains.get(member)

    def enter(self, member: int, outcome: Outcome | None) -> None:
        """Take a new member, or what has become of one."""
        if member == len(self._outcomes):
            self._outcomes.append(None)
            self._candidates.append(None)
        if outcome is None:
            return
        self._outcomes[member] = outcome
        self._changed.add(member)
        forgotten = self._gains.pop(member, None)
        gained = outcome.gain(at=self._at, price=self._price)
        if forgotten is not None:
            del self._sorted_gains[bisect_left(self._sorted_gains, forgotten)]
        if gained is not None:
            self._gains[member] = gained
            insort(self._sorted_gains, gained)


class Census:
    """The records of a population; members are numbered from 0, and come in that order."""

    def __init__(self) -> None:
        self._records: list[MemberRecord] = []
        self._views: dict[tuple[int | None, float | None], View] = {}
        self._generations: Counter[int] = Counter()
        self._running = 0

    def __len__(self) -> int:
        """Return the number of members."""
        return len(self._records)

    def __getitem__(self, member: int) -> MemberRecord:
        """Return a member's record."""
        return self._records[member]

    def get(self, member: int) -> MemberRecord | None:
        """Return a member's record; none: there is no such member."""
        return self._records[member] if 0 <= member < len(self._records) else None

    @property
    def records(self) -> tuple[MemberRecord, ...]:
        """All records, by member."""
        return tuple(self._records)

    @property
    def running(self) -> int:
        """Members whose order is not answered."""
        return self._running

    @property
    def reached(self) -> int:
        """The newest generation that all members have reported; -1: none."""
        return min(self._generations, default=_NONE_YET)

    def seen(self, at: int | None, price: float | None = None) -> View:
        """Return the population as it was at some tokens.

        Args:
            at: Members that have trained more are seen as they were then, or last before. None:
                all as they are.
            price: At which all are compared, nats per token for one GFLOP per training token.
                None: each at the one at which it was scored.
        """
        view = self._views.pop((at, price), None)
        if view is None:
            view = View(at, price)
            for record in self._records:
                view.enter(record.member, record.outcome)
            if len(self._views) == MOST_VIEWS:
                del self._views[next(iter(self._views))]  # what was not asked for the longest
        self._views[at, price] = view
        return view

    def enter(self, record: MemberRecord) -> None:
        """Take a new member, or what has become of one."""
        if record.member == len(self._records):
            before = None
            self._records.append(record)
            self._generations[_NONE_YET] += 1
        else:
            before = self._records[record.member]
            self._records[record.member] = record
        self._running += (record.running is not None) - (
            before is not None and before.running is not None
        )
        known = None if before is None else before.outcome
        if record.outcome is not None and record.outcome is not known:
            was = _NONE_YET if known is None else known.key.generation
            self._generations[was] -= 1
            if not self._generations[was]:
                del self._generations[was]
            self._generations[record.outcome.key.generation] += 1
        if before is None or record.outcome is not known:
            for view in self._views.values():
                view.enter(record.member, record.outcome)
