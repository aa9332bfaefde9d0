"""Several searches side by side, as one value: everything that tables, pages and JSON tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orchestrator.comparing.curves import common_tokens, curve, grid, in_unit, mean_best, on_grid
from orchestrator.comparing.diversity import diversity
from orchestrator.comparing.gene_values import gene_values
from orchestrator.comparing.generations import generations
from orchestrator.comparing.genome_table import genome_table
from orchestrator.comparing.importance import importances
from orchestrator.comparing.notes import notes_on
from orchestrator.comparing.ruler import ruler
from orchestrator.comparing.significance import winner_pairs
from orchestrator.comparing.spending import spending
from orchestrator.comparing.turnover import turnover
from orchestrator.story.comparison import compare as beside_baseline
from orchestrator.story.telling import leaderboard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.comparing.curves import Curve, OnGrid, Unit
    from orchestrator.comparing.diversity import Diversity
    from orchestrator.comparing.gene_values import GeneValues
    from orchestrator.comparing.generations import Generation
    from orchestrator.comparing.importance import Importance, Method
    from orchestrator.comparing.ruler import Ruler
    from orchestrator.comparing.significance import Pair, Unpaired
    from orchestrator.comparing.spending import Spending
    from orchestrator.comparing.subject import Subject
    from orchestrator.comparing.turnover import Turnover
    from orchestrator.events import Assessed
    from orchestrator.story.comparison import Comparison as BesideBaseline
    from orchestrator.story.telling import Point, Story

State = Literal["finished", "running", "stopped"]
"""Stopped: it can be resumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a search is, as far as its results depend on it."""

    seed: int
    space: str
    corpus_digest: str
    members: int
    generations: int
    """Planned; those that have closed are in `curve`."""
    selection: str
    proposers: tuple[str, ...]
    genes: tuple[str, ...]
    """Those that it searches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Winner:
    """The winner of a finished search, or the fittest member so far."""

    member: int
    generation: int
    digest: str
    parameters: int
    selection_loss: float
    """On the selection batches, in the comparison's unit."""
    heldout: Assessed | None
    """On text that nothing was selected on; None until the search has finished."""
    beside_baseline: BesideBaseline | None
    """Beside the default genome of its size, in bits per byte; None: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Everything about one search."""

    name: str
    source: str
    state: State
    reason: str | None
    """Why it ended: budget, target_loss, stagnation, all_failed."""
    damage: str | None
    """What is wrong with its log; what lies before it is compared."""
    setup: Setup
    best_loss: float | None
    """The lowest that a member ever had, in the comparison's unit; None: all failed, always."""
    mean_best_loss: float | None
    """Area under the best loss over `Comparison.common_tokens`, by these tokens."""
    winner: Winner | None
    curve: Curve
    on_grid: OnGrid
    diversity: tuple[Diversity, ...]
    gene_values: tuple[GeneValues, ...]
    """Of the genes that any of the searches searches and this one has."""
    importance: tuple[Importance, ...]
    """Overall, then by thirds of the budget."""
    turnover: Turnover
    spending: Spending


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Several searches, in the order in which they were named."""

    unit: Unit
    """Of all losses that do not name theirs."""
    common_tokens: tuple[int, int] | None
    """From where to where every search has a best loss; None: nowhere."""
    grid: tuple[int, ...]
    """Tokens of `Population.on_grid`."""
    method: Method
    """Of the gene importance."""
    ruler_genes: tuple[str, ...]
    """The genes that distances are means over."""
    populations: tuple[Population, ...]
    pairs: tuple[Pair, ...]
    unpaired: tuple[Unpaired, ...]
    notes: tuple[str, ...]
    """What a reader must know before believing the rest."""


def compare(
    subjects: Sequence[Subject], *, method: Method = "ped-anova", left_out: Sequence[str] = ()
) -> Comparison:
    """Compare searches.

    Args:
        subjects: At least one, each with a name of its own.
        method: Of the gene importance; fANOVA takes many times longer.
        left_out: Why searches are missing that one might look for; a note each.

    Raises:
        ValueError: There is none, or two have the same name.
    """
    names = [subject.name for subject in subjects]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"Searches to compare need names of their own, but got {names}.")
    corpora = {subject.settings.batches.corpus_digest for subject in subjects}
    # nats per token depend on the tokenizer, bits per byte do not
    unit: Unit = "nats per token" if len(corpora) == 1 else "bits per byte"
    told = [generations(subject.story) for subject in subjects]
    curves = [curve(each, unit=unit) for each in told]
    common, at = common_tokens(curves), grid(curves)
    measure = ruler([subject.genes for subject in subjects])
    pairs, unpaired = winner_pairs(subjects)
    return Comparison(
        unit=unit,
        common_tokens=common,
        grid=at,
        method=method,
        ruler_genes=measure.genes,
        populations=tuple(
            _population(
                subject,
                each,
                points,
                unit=unit,
                common=common,
                at=at,
                measure=measure,
                method=method,
            )
            for subject, each, points in zip(subjects, told, curves, strict=True)
        ),
        pairs=pairs,
        unpaired=unpaired,
        notes=(*notes_on(subjects), *(f"Left out: {why}" for why in left_out)),
    )


def _population(
    subject: Subject,
    told: Sequence[Generation],
    points: Curve,
    *,
    unit: Unit,
    common: tuple[int, int] | None,
    at: Sequence[int],
    measure: Ruler,
    method: Method,
) -> Population:
    story = subject.story
    lowest = story.best
    winning = _winning_point(story)
    table = genome_table(subject.genes, story.orders.values())
    first = [table.row(order) for order in told[0].orders]
    survivors = [table.rows[report.digest] for report in told[-1].living]
    return Population(
        name=subject.name,
        source=subject.source,
        state=_state(subject),
        reason=None if story.finished is None else story.finished.reason,
        damage=subject.damage,
        setup=_setup(subject),
        best_loss=None if lowest is None else in_unit(lowest, unit),
        mean_best_loss=None
        if common is None
        else mean_best(points, first=common[0], last=common[1]),
        winner=None if winning is None else _winner(story, winning, unit),
        curve=points,
        on_grid=on_grid(points, at),
        diversity=diversity(told, table=table, ruler=measure),
        gene_values=tuple(
            gene_values(
                gene,
                values=table.values[gene.name],
                first=first,
                survivors=survivors,
                winner=None if winning is None else table.row(story.orders[winning]),
            )
            for gene in subject.genes
            if gene.name in measure.genes
        ),
        importance=importances(told, table=table, method=method),
        turnover=turnover(told),
        spending=spending(story, winner=winning),
    )


def _state(subject: Subject) -> State:
    if subject.is_finished:
        return "finished"
    return "running" if subject.is_running else "stopped"


def _setup(subject: Subject) -> Setup:
    settings = subject.settings
    return Setup(
        seed=settings.seed,
        space=settings.space,
        corpus_digest=settings.batches.corpus_digest,
        members=settings.members,
        generations=subject.started.generations,
        selection=settings.selection,
        proposers=settings.proposers,
        genes=tuple(gene.name for gene in subject.genes if not gene.domain.is_fixed),
    )


def _winning_point(story: Story) -> Point | None:
    finished = story.finished
    if finished is not None:
        if finished.winner is None or finished.generation is None:
            return None
        return finished.winner, finished.generation
    standings = [standing for standing in leaderboard(story) if standing.rank is not None]
    return (standings[0].member, standings[0].generation) if standings else None


def _winner(story: Story, point: Point, unit: Unit) -> Winner:
    report = story.reports[point]
    return Winner(
        member=report.member,
        generation=report.generation,
        digest=report.digest,
        parameters=report.parameters,
        selection_loss=in_unit(report, unit),
        heldout=story.assessed.get("winner"),
        beside_baseline=beside_baseline(story),
    )
