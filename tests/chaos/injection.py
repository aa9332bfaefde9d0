"""Injects one fault into a running search, and sees it recover."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.event_log import read_log
from orchestrator.events import Reported
from tests.chaos.faults import FAULTS
from tests.chaos.run_file import MEMBERS
from tests.chaos.subject import POLL_SECONDS

if TYPE_CHECKING:
    from tests.chaos.schedule import Planned
    from tests.chaos.world import World

PATIENCE_SECONDS = 600.0
_MOST_RESUMES = 3
_GENERATIONS = 2
"""The one that was in progress and one more: then a search has recovered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """A fault and what came of it."""

    kind: str
    struck: str
    generation: int
    """In progress when it struck."""
    recovered_seconds: float
    """Until that generation and the next one had closed."""
    lost_seconds: float
    """Of these, more than they take undisturbed."""
    resumes: int
    """Times that the search was resumed by command."""
    redone: str
    """Where the states of the intervals since then came from."""
    troubles: tuple[str, ...]
    """What must not be."""


def inject(world: World, plan: Planned, *, generation_seconds: float) -> Injection:
    """Let a planned fault strike now, and wait until the search has recovered from it.

    Args:
        world: What it strikes.
        plan: Which fault, and its seed.
        generation_seconds: How long a generation takes undisturbed.
    """
    fault, subject = FAULTS[plan.kind], world.subject
    closed, reported = subject.closed(), subject.reported_since_closing()
    began_at, began = time.time(), time.monotonic()
    struck = fault.inject(world, random.Random(plan.seed))
    troubles: list[str] = []
    resumes = 0
    while subject.closed() < closed + _GENERATIONS:
        seconds = time.monotonic() - began
        code = subject.returncode
        if code is not None and code != 0:
            if fault.driver == "lives":
                troubles.append(f"the driver ended with {code}: {subject.words()[-1500:]}")
            if resumes == _MOST_RESUMES:
                troubles.append(f"not recovered: the driver ended {resumes + 1} times")
                break
            subject.resume()
            resumes += 1
        elif code == 0:  # finished
            break
        if seconds > PATIENCE_SECONDS:
            troubles.append(f"not recovered after {seconds:.0f} s")
            break
        time.sleep(POLL_SECONDS)
    took = time.monotonic() - began
    usual = (_GENERATIONS - reported / MEMBERS) * generation_seconds
    return Injection(
        kind=plan.kind,
        struck=struck,
        generation=closed,
        recovered_seconds=took,
        lost_seconds=max(0.0, took - usual),
        resumes=resumes,
        redone=_origins(world, since=began_at),
        troubles=tuple(troubles),
    )


def _origins(world: World, *, since: float) -> str:
    events = read_log(world.subject.log)[0]
    origins = Counter(e.origin for e in events if isinstance(e, Reported) and e.finished_at > since)
    return ", ".join(f"{count} {origin}" for origin, count in sorted(origins.items())) or "none"
