"""What the chaos test tells: a line for each fault, and a table at the end."""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos.injection import Injection
    from tests.chaos.outcome import Outcome


def told(number: int, injection: Injection) -> str:
    """Return a fault as a line."""
    resumed = f", resumed {injection.resumes} x" if injection.resumes else ""
    troubles = "".join(f"; NOT SURVIVED: {trouble}" for trouble in injection.troubles)
    return (
        f"{number:3d}  {injection.kind:28s} generation {injection.generation:3d}: "
        f"{injection.struck}; recovered after {injection.recovered_seconds:.1f} s, "
        f"{injection.lost_seconds:.1f} s lost{resumed}; states: {injection.redone}{troubles}"
    )


def table(outcome: Outcome) -> str:
    """Return the closing table."""
    by_kind: dict[str, list[Injection]] = defaultdict(list)
    for injection in outcome.injections:
        by_kind[injection.kind].append(injection)
    lines = [
        "| fault | injected | recovered | resumed by command | seconds lost, median | most |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_row(kind, by_kind[kind]) for kind in sorted(by_kind)]
    lines.append(_row("all", outcome.injections))
    lines += ["", *(f"LOST: {what}" for what in outcome.lost)]
    rounds, took = len(outcome.round_seconds), sum(outcome.round_seconds)
    if rounds and not outcome.lost:
        more = took - rounds * outcome.undisturbed_seconds
        lines += [
            (
                f"{rounds} searches of {outcome.undisturbed_seconds:.0f} s undisturbed took "
                f"{took:.0f} s: {more:.0f} s lost to faults."
            ),
            "No interval, no member and no order was lost or done twice.",
        ]
    return "\n".join(lines)


def _row(name: str, injections: Sequence[Injection]) -> str:
    lost = [injection.lost_seconds for injection in injections] or [0.0]
    recovered = sum(not injection.troubles for injection in injections)
    resumed = sum(injection.resumes for injection in injections)
    return (
        f"| {name} | {len(injections)} | {recovered} | {resumed} | "
        f"{statistics.median(lost):.1f} | {max(lost):.1f} |"
    )
