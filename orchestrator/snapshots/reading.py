"""A search's state, put together from rows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from orchestrator.fitness import Fitness
from orchestrator.population import CurvePoint, Life, MemberRecord, Outcome
from orchestrator.snapshots.kept import Kept
from orchestrator.snapshots.rows import NOTHING
from orchestrator.tasks import StateKey, Train
from search_spaces.genome import genome_from_json, protocol_from_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.snapshots.rows import (
        LifeRow,
        MemberRow,
        OutcomeRow,
        PastRow,
        PointRow,
        StateRows,
        TaskRow,
    )
    from search_spaces.genome import Genome
    from search_spaces.gpt.protocol import Protocol

Value = TypeVar("Value")
Row = TypeVar("Row", bound=tuple[Any, ...])


def kept_of(rows: StateRows) -> Kept:
    """Return the state that `rows_of` took apart.

    Raises:
        ValueError: They are not the rows of a state.
    """
    genomes = tuple(map(genome_from_json, rows.genomes))
    protocols = tuple(map(protocol_from_json, rows.protocols))
    points, pasts = _Chains(rows.points, _point), _Chains(rows.pasts, partial(_past, protocols))
    lives = tuple(_life(row, genomes, points, pasts) for row in rows.lives)
    kept = Kept(
        records=tuple(_member(n, row, lives) for n, row in enumerate(rows.members)),
        makers=tuple(_task(row, genomes) for row in rows.makers),
        best_life=None if rows.best_life is None else _at(lives, rows.best_life),
        progress=rows.progress,
        proposers=rows.proposers,
    )
    if kept.best_life is not None and not kept.best_life.curve:
        raise ValueError("the best life must have been evaluated, but has no curve.")
    return kept


class _Chains(Generic[Value]):
    """Values by the row of the last one.

    Args:
        rows: Each names the row before it.
        made: Makes a row's value.
    """

    def __init__(self, rows: Sequence[Row], made: Callable[[Row], Value]) -> None:
        self._values = [made(row) for row in rows]
        self._before = [row[0] for row in rows]
        if not all(NOTHING <= before < at for at, before in enumerate(self._before)):
            raise ValueError("a row must come after the one before it, but does not.")

    def up_to(self, row: int) -> tuple[Value, ...]:
        """Return the values of a chain, the last of which is at a row; `NOTHING`: none."""
        if not NOTHING <= row < len(self._values):
            raise _no_row(row)
        found: list[Value] = []
        while row != NOTHING:
            found.append(self._values[row])
            row = self._before[row]
        return tuple(reversed(found))


def _at(values: Sequence[Value], row: int) -> Value:
    if not 0 <= row < len(values):
        raise _no_row(row)
    return values[row]


def _no_row(row: int) -> ValueError:
    return ValueError(f"rows are known by their place, but there is none at {row}.")


def _point(row: PointRow) -> CurvePoint:
    _, tokens, losses, horizon_loss, fitness, gflops, architecture_gflops, domain_losses = row
    return CurvePoint(
        tokens=tokens,
        losses=losses,
        horizon_loss=horizon_loss,
        fitness=fitness,
        gflops=gflops,
        architecture_gflops=architecture_gflops,
        domain_losses=domain_losses,
    )


def _past(protocols: Sequence[Protocol], row: PastRow) -> tuple[int, Protocol]:
    _, tokens, protocol = row
    return tokens, _at(protocols, protocol)


def _life(
    row: LifeRow,
    genomes: Sequence[Genome],
    points: _Chains[CurvePoint],
    pasts: _Chains[tuple[int, Protocol]],
) -> Life:
    return Life(
        genome=_at(genomes, row.genome),
        ledger=row.ledger,
        curve=points.up_to(row.curve),
        price=row.price,
        past_protocols=pasts.up_to(row.past),
    )


def _member(member: int, row: MemberRow, lives: Sequence[Life]) -> MemberRecord:
    outcome = None if row.outcome is None else _outcome(row.outcome, lives)
    running = None if row.running is None else _at(lives, row.running)
    newest = row.order.generation - (running is not None)
    reported = -1 if outcome is None else outcome.key.generation
    members = {row.order.member, member if outcome is None else outcome.key.member}
    if members != {member} or reported != newest:
        raise ValueError(f"member {member} must be where its orders led it, but is not.")
    return MemberRecord(member=member, order=row.order, running=running, outcome=outcome)


def _outcome(row: OutcomeRow, lives: Sequence[Life]) -> Outcome:
    life, fitness = _at(lives, row.life), row.fitness
    if fitness is not None and not life.curve:
        raise ValueError("a life with a fitness must have been evaluated, but has no curve.")
    return Outcome(
        key=StateKey(row.report.member, row.report.generation),
        life=life,
        report=row.report,
        fitness=None if fitness is None else Fitness.from_json(fitness),
    )


def _task(row: TaskRow, genomes: Sequence[Genome]) -> Train:
    return Train(
        member=row.member,
        generation=row.generation,
        genome=_at(genomes, row.genome),
        source=None if row.source is None else StateKey(*row.source),
        tokens=row.tokens,
        ledger=row.ledger,
        seed=row.seed,
        price=row.price,
    )
