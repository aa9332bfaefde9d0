"""Who was replaced by whom, how often, and what failed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.comparing.generations import Generation


@dataclass(frozen=True, slots=True, kw_only=True)
class Turnover:
    """Exploits and failures of one search."""

    exploits: int
    """Members that adopted another one's state."""
    exploits_by_generation: tuple[int, ...]
    """Of each closed generation, the first one first."""
    exploits_by_proposer: tuple[tuple[str, int], ...]
    """(proposer of the child's genome, exploits), the most frequent first."""
    donors: int
    """Different states that were adopted."""
    restarts: int
    """Members that began again from fresh weights."""
    failures: int
    """Intervals that ended in a failure."""
    failures_by_generation: tuple[int, ...]
    failure_reasons: tuple[tuple[str, int], ...]
    """(reason, failures), the most frequent first."""


def turnover(told: Sequence[Generation]) -> Turnover:
    """Count what happened in the closed generations of one search."""
    orders = [order for generation in told for order in generation.orders]
    exploits = [order for order in orders if order.decision == "replace"]
    failures = [r.failure for g in told for r in g.reports if r.failure is not None]
    return Turnover(
        exploits=len(exploits),
        exploits_by_generation=tuple(
            sum(order.decision == "replace" for order in g.orders) for g in told
        ),
        exploits_by_proposer=_counted([order.proposer or "none" for order in exploits]),
        donors=len({order.source for order in exploits}),
        restarts=sum(order.decision == "restart" for order in orders),
        failures=len(failures),
        failures_by_generation=tuple(
            sum(report.failure is not None for report in g.reports) for g in told
        ),
        failure_reasons=_counted(failures),
    )


def _counted(names: Sequence[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(names).items(), key=lambda pair: (-pair[1], pair[0])))
