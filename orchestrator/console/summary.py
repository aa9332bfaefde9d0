"""What a user has at the end of a search: who won, how it came to be, what it is worth, where."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from orchestrator.console.plain import PlainConsole
from orchestrator.numerals import count, duration, loss
from orchestrator.story.comparison import compare, verdict
from orchestrator.story.lineage import explained, lineage
from orchestrator.story.telling import leaderboard

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

    from orchestrator.events import Assessed
    from orchestrator.story.telling import Story


_MOST_RANKED = 30
"""Lines of the leaderboard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What lies where, and the commands that go on from here."""

    files: tuple[tuple[str, Path], ...]
    """(what it is, path)"""
    commands: tuple[tuple[str, str], ...]
    """(what it does, command)"""


def summary(story: Story, places: Places) -> RenderableType:
    """Return the final summary; every number in it comes from the events."""
    parts: list[RenderableType] = []
    for title, body in (
        ("Leaderboard", _leaderboard(story)),
        ("How the winner came to be", _lineage(story)),
        ("On held-out text, which nothing was selected on", _heldout(story)),
        ("Spent", _ledger(story)),
        ("Files", _pairs(tuple((what, str(path)) for what, path in places.files))),
        ("Next", _pairs(places.commands)),
    ):
        if body is not None:
            parts += [Text(), Text(title, style="bold"), Padding(body, (0, 0, 0, 2))]
    return Group(*parts)


def as_text(renderable: RenderableType, *, width: int) -> str:
    """Return what a file or pipe gets: no colours, and no blanks at the ends of lines."""
    console = PlainConsole(file=io.StringIO(), width=width, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(renderable, highlight=False)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _leaderboard(story: Story) -> RenderableType | None:
    standings = leaderboard(story)
    if not standings:
        return None
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("rank", "member", "genome", "parameters", "tokens", "loss", "bits/byte"):
        table.add_column(name, justify="left" if name == "genome" else "right", no_wrap=True)
    table.add_column("fitness", justify="right", no_wrap=True)
    winner = None if story.finished is None else story.finished.winner
    for at in standings[:_MOST_RANKED]:
        failed = "failed" if at.failure is not None else "-"
        table.add_row(
            "-" if at.rank is None else str(at.rank),
            str(at.member),
            at.digest,
            count(at.parameters),
            count(at.tokens),
            loss(at.nats_per_token),
            loss(at.bits_per_byte),
            failed if at.fitness is None else f"{at.fitness:.4f}",
            style="bold green" if at.member == winner else "",
        )
    more = len(standings) - _MOST_RANKED
    return table if more <= 0 else Group(table, Text(f"{more:,} more are in the event log"))


def _lineage(story: Story) -> RenderableType | None:
    finished = story.finished
    if finished is None or finished.winner is None or finished.generation is None:
        return None
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("generations", "member", "genome", "loss", "what happened"):
        numbers = name in {"generations", "loss"}
        table.add_column(
            name, justify="right" if numbers else "left", no_wrap=name != "what happened"
        )
    for step in lineage(story, finished.winner, finished.generation):
        table.add_row(
            f"{step.first_generation}-{step.last_generation}",
            str(step.member),
            step.digest,
            loss(step.nats_per_token),
            Text(explained(step)),
        )
    return table


def _heldout(story: Story) -> RenderableType | None:
    winner, baseline = story.assessed.get("winner"), story.assessed.get("baseline")
    if winner is None:
        return None
    lines = [_assessed(winner, "")]
    if baseline is not None:
        lines.append(_assessed(baseline, " (the default genome, fitted to this size)"))
    compared = compare(story)
    if compared is not None:
        error = "unknown" if compared.standard_error is None else f"{compared.standard_error:.4f}"
        lines.append(
            f"winner - baseline = {compared.difference:+.4f}, standard error {error} paired over "
            f"{compared.batches} batches: {verdict(compared)}"
        )
    return Text("\n".join(lines))


def _assessed(state: Assessed, note: str) -> str:
    return (
        f"{state.role:<8}  {state.bits_per_byte:.4f} bits per byte  {count(state.parameters)} "
        f"parameters  {count(state.tokens)} tokens  {state.digest}{note}"
    )


def _ledger(story: Story) -> RenderableType | None:
    if not story.reports:
        return None
    busy = sum(r.seconds for r in story.reports.values())
    adopting = sum(r.adoption_seconds for r in story.reports.values())
    whole = (
        f"population  {count(story.tokens)} tokens  {count(story.flops)} FLOPs  "
        f"{duration(busy)} of training and evaluation, {duration(adopting)} of adopting states "
        "(all workers)"
    )
    lines = [whole]
    finished = story.finished
    if finished is not None and finished.winner is not None and finished.generation is not None:
        spent = story.reports[finished.winner, finished.generation].ledger
        lines.append(
            f"winner      {count(spent.tokens)} tokens  {count(spent.flops)} FLOPs along its "
            f"lineage, {count(spent.inherited_tokens)} of these tokens inherited from donors"
        )
    return Text("\n".join(lines))


def _pairs(pairs: tuple[tuple[str, str], ...]) -> RenderableType | None:
    if not pairs:
        return None
    width = max(len(what) for what, _ in pairs)
    return Text("\n".join(f"{what:<{width}}  {text}" for what, text in pairs), overflow="fold")
