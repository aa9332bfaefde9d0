"""What to do next: remarks that the numbers suggest, and commands that exist."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from orchestrator.numerals import gene as as_gene
from orchestrator.report.gene_reading import flat, searched_genes
from orchestrator.run_directory import RESOLVED
from orchestrator.story.ancestry import leader
from orchestrator.story.comparison import compare

if TYPE_CHECKING:
    from orchestrator.events import JSON
    from orchestrator.report.gene_reading import GeneAccount
    from orchestrator.report.subject import Subject
    from orchestrator.story.telling import Story

_FALLING = 0.01
"""Share of the best loss that the last generation must have gained to be called falling."""


def remarks(subject: Subject) -> list[str]:
    """Return what the numbers suggest, in sentences."""
    story = subject.story
    result = []
    gained = _last_gain(story)
    if subject.state == "finished" and gained is not None and gained > _FALLING:
        result.append(
            f"The best loss was still falling: the last generation lowered it by {gained:.1%}. "
            "A larger budget would go on from there."
        )
    edges = _at_edges(story)
    if edges:
        result.append(
            f"At the edge of what was searched: {'; '.join(edges)}. Wider ranges may hold better."
        )
    compared = compare(story)
    if compared is not None and not compared.is_clear:
        result.append(
            "To tell winner and default genome apart: more held-out batches "
            "(training.heldout_batches), a larger budget, or more members."
        )
    return result


def next_commands(subject: Subject) -> list[tuple[str, str]]:
    """Return (why, command) of commands that exist, the most useful first."""
    story, where = subject.story, subject.quoted
    has_winner = story.finished is not None and story.finished.winner is not None
    run = shlex.quote(str(subject.directory / RESOLVED))
    seed = 1 + int(story.started.run.get("seed", 0)) if story.started is not None else 2
    offers: list[tuple[str, str, str, bool]] = [
        ("resume", "Go on with the search:", f"masga resume {where}", subject.state == "stopped"),
        (
            "certify",
            "Find out whether the win holds: retrain winner and default genome with several seeds.",
            f"masga certify {where}",
            has_winner,
        ),
        (
            "export",
            "Use the model in Hugging Face transformers:",
            f"masga export {where} --format hf",
            leader(story) is not None,
        ),
        (
            "analyze",
            "See the game between the model's parts:",
            f"masga analyze {where}",
            leader(story) is not None,
        ),
        (
            "compare",
            "Lay it beside another search:",
            f"masga compare {where} OTHER-DIRECTORY",
            bool(story.reports),
        ),
        (
            "search",
            "Search again with another seed:",
            f"masga search {run} --seed {seed}",
            subject.state == "finished",
        ),
        ("report", "Make this report again:", f"masga report {where}", subject.state != "finished"),
    ]
    return [
        (why, command)
        for name, why, command, applies in offers
        if applies and name in subject.commands
    ]


def _last_gain(story: Story) -> float | None:
    losses = [c.best_loss for c in story.closings if c.best_loss is not None]
    if len(losses) < 2 or min(losses[:-1]) <= 0:
        return None
    return (min(losses[:-1]) - losses[-1]) / min(losses[:-1])


def _at_edges(story: Story) -> list[str]:
    """Name the leader's numbers that lie on a bound of their range."""
    front = leader(story)
    if front is None or front not in story.orders:
        return []
    genes = flat(story.orders[front].genome)
    return [
        f"{account.name} = {as_gene(genes[account.name])} "
        f"(searched: {as_gene(low)} to {as_gene(high)})"
        for account in searched_genes(story)
        if (bounds := _bounds(account)) is not None and account.is_active(genes)
        for low, high in (bounds,)
        if _touches(genes.get(account.name), low, high)
    ]


def _bounds(account: GeneAccount) -> tuple[float, float] | None:
    found = account.domain.get("real") or account.domain.get("integer")
    return None if found is None else (found[0], found[1])


def _touches(value: JSON, low: float, high: float) -> bool:
    """Return whether a value, or every layer's, lies on the same bound that could be moved.

    Nothing lies below one layer or one head, below no dropout.
    """
    values = value if isinstance(value, list | tuple) else [value]
    is_natural = low in {0, 1}
    return all(v == high for v in values) or (not is_natural and all(v == low for v in values))
