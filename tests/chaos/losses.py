"""What a disturbed search lost against the same search undisturbed; nothing is what is asked."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.event_log import LOG_NAME, read_log
from orchestrator.events import Assessed, Ordered, Reported, SearchFinished, encode
from trainers.checkpoint import CheckpointDamaged, read_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.events import Event

_CHECKPOINTS = "checkpoints"


def losses(directory: Path, undisturbed: Path) -> list[str]:
    """Compare two directories of the same search; return what is wrong with the first."""
    events, expected = (read_log(d / LOG_NAME)[0] for d in (directory, undisturbed))
    return [
        *_of_logs(events, expected),
        *_of_members(events, expected),
        *_of_checkpoints(directory / _CHECKPOINTS, undisturbed / _CHECKPOINTS),
    ]


def _of_logs(events: list[Event], expected: list[Event]) -> list[str]:
    found = []
    if not events or not isinstance(events[-1], SearchFinished):
        found.append(f"the search has not finished: {len(events)} of {len(expected)} events")
    for number, (event, other) in enumerate(zip(events, expected, strict=False)):
        if encode(event)[:2] != encode(other)[:2]:
            kind, lasting, _ = encode(event)
            told = json.dumps({"event": kind, **lasting})[:160]
            found.append(f"event {number} is not that of the undisturbed search: {told}")
            break
    if len(events) != len(expected):
        found.append(f"{len(events)} events, undisturbed {len(expected)}")
    return found


def _of_members(events: list[Event], expected: list[Event]) -> list[str]:
    """Each interval is ordered once and completed once, whoever did it how often."""
    found = []
    for kind in (Ordered, Reported, Assessed):
        counts, others = (
            Counter(_place(e) for e in log if isinstance(e, kind)) for log in (events, expected)
        )
        name = kind.__name__.lower()
        found += [f"{place} was {name} {n} times" for place, n in counts.items() if n > 1]
        found += [f"{place} was not {name}" for place in others.keys() - counts.keys()]
    return found


def _place(event: Ordered | Reported | Assessed) -> str:
    role = f" as {event.role}" if isinstance(event, Assessed) else ""
    return f"member {event.member}, generation {event.generation}{role}"


def _of_checkpoints(checkpoints: Path, undisturbed: Path) -> list[str]:
    found = []
    there, expected = ({d.name for d in each.iterdir()} for each in (checkpoints, undisturbed))
    found += [f"checkpoint {name} is missing" for name in sorted(expected - there)]
    found += [f"checkpoint {name} was not deleted" for name in sorted(there - expected)]
    for name in sorted(there & expected):
        try:
            read_checkpoint(checkpoints / name)
        except CheckpointDamaged as error:
            found.append(f"checkpoint {name}: {error}")
            continue
        ours, others = (
            {file.name for file in (each / name).iterdir()} for each in (checkpoints, undisturbed)
        )
        if ours != others:  # tensors are named by their sha256
            found.append(f"checkpoint {name} holds {sorted(ours)}, undisturbed {sorted(others)}")
    return found
