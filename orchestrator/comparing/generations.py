"""The population at the end of each generation: who had reported what when it closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.story.telling import budget, is_baseline

if TYPE_CHECKING:
    from orchestrator.events import GenerationClosed, Ordered, Reported
    from orchestrator.story.telling import Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One closed generation of the population; the baseline is not of it."""

    number: int
    tokens: int
    """Trained by the population until it closed."""
    share: float
    """Of the budget that was spent when it closed, in [0, 1]."""
    orders: tuple[Ordered, ...]
    """The orders of this generation, by member."""
    reports: tuple[Reported, ...]
    """Those of this generation, by member."""
    newest: tuple[Reported, ...]
    """Each member's newest report when it closed; in an asynchronous search the quick ones are
    generations ahead."""

    @property
    def living(self) -> tuple[Reported, ...]:
        """The newest reports of members that had not failed."""
        return tuple(r for r in self.newest if r.failure is None and r.nats_per_token is not None)


def generations(story: Story) -> tuple[Generation, ...]:
    """Return the closed generations, the first one first."""
    amount = budget(story)
    orders: dict[int, list[Ordered]] = {}
    for order in story.orders.values():
        if order.decision != "baseline":
            orders.setdefault(order.generation, []).append(order)
    told = [r for point, r in story.reports.items() if not is_baseline(story, point)]
    reports: dict[int, list[Reported]] = {}
    for report in told:
        reports.setdefault(report.generation, []).append(report)

    made: list[Generation] = []
    newest: dict[int, Reported] = {}
    tokens = at = 0
    for closing in story.closings:
        while at < len(told) and _came_before(told[at], closing, tokens):
            tokens += told[at].interval_tokens
            newest[told[at].member] = told[at]
            at += 1
        number = closing.generation
        made.append(
            Generation(
                number=number,
                tokens=closing.tokens,
                share=_share(closing, amount),
                orders=tuple(sorted(orders.get(number, ()), key=lambda o: o.member)),
                reports=tuple(sorted(reports.get(number, ()), key=lambda r: r.member)),
                newest=tuple(newest[member] for member in sorted(newest)),
            )
        )
    return tuple(made)


def _came_before(report: Reported, closing: GenerationClosed, tokens: int) -> bool:
    """Return whether a report came before the closing: the log's tokens say so.

    A report of no tokens (it failed before its first step) leaves that open; its generation does
    not, unless it ran ahead.
    """
    if report.generation <= closing.generation:
        return True
    return report.interval_tokens > 0 and tokens + report.interval_tokens <= closing.tokens


def _share(closing: GenerationClosed, amount: tuple[str, float] | None) -> float:
    if amount is None:
        return 0.0
    unit, whole = amount
    return min(1.0, (closing.tokens if unit == "tokens" else closing.flops) / whole)
