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
MOST_RESUMES = 3
USERS_TO_MEND = 2
"""Exit code of a driver that says what has happened and how to go on."""
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
    if fault.driver == "ends" and subject.returncode != USERS_TO_MEND:
        troubles.append(f"the driver ended with {subject.returncode}: {subject.words()}")
    resumes = 0
    while subject.closed() < closed + _GENERATIONS and subject.returncode != 0:
        if time.monotonic() - began > PATIENCE_SECONDS:
            troubles.append(f"no progress for {PATIENCE_SECONDS:.0f} s")
            break
        if subject.returncode is not None:
            if resumes or fault.driver == "lives":
                troubles.append(f"the driver ended with {subject.returncode}: {subject.words()}")
            if resumes == MOST_RESUMES:
                troubles.append(f"the driver ended again, {resumes} times")
                break
            subject.resume()
            resumes += 1
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
