"""A search's state, taken apart into rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.snapshots.rows import (
    NOTHING,
    LifeRow,
    MemberRow,
    OutcomeRow,
    PastRow,
    PointRow,
    StateRows,
    TaskRow,
)
from search_spaces.genome import genome_to_json, protocol_to_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.population import CurvePoint, Life, MemberRecord, Outcome
    from orchestrator.snapshots.kept import Kept
    from orchestrator.tasks import Train
    from search_spaces.gpt.protocol import Protocol


def rows_of(kept: Kept) -> StateRows:
    """Return a state as rows; `kept_of` undoes it."""
    taking = _Taking()
    members = tuple(map(taking.member, kept.records))
    makers = tuple(map(taking.task, kept.makers))
    best_life = None if kept.best_life is None else taking.life(kept.best_life)
    return StateRows(
        genomes=tuple(taking.genomes.rows),
        protocols=tuple(taking.protocols.rows),
        points=tuple(taking.points.rows),
        pasts=tuple(taking.pasts.rows),
        lives=tuple(taking.lives.rows),
        members=members,
        makers=makers,
        best_life=best_life,
        progress=kept.progress,
        proposers=kept.proposers,
    )


class _Table:
    """Rows of values that are told apart as objects: the state holds them all the while."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self._places: dict[int, int] = {}

    def place(self, value: object, row: Callable[[], object]) -> int:
        """Return where a value's row is, which is made if it is new."""
        known = self._places.get(id(value))
        if known is None:
            made = row()
            known = self._places[id(value)] = len(self.rows)
            self.rows.append(made)
        return known

    def chain(self, values: tuple[Any, ...], row: Callable[[int, Any], object]) -> int:
        """Return where the last of some values is; one that is known was met after the same."""
        at = len(values)
        while at and id(values[at - 1]) not in self._places:
            at -= 1
        before = self._places[id(values[at - 1])] if at else NOTHING
        for value in values[at:]:
            self.rows.append(row(before, value))
            before = self._places[id(value)] = len(self.rows) - 1
        return before


class _Taking:
    """The tables that a state is taken apart into."""

    def __init__(self) -> None:
        self.genomes, self.protocols = _Table(), _Table()
        self.points, self.pasts, self.lives = _Table(), _Table(), _Table()

    def member(self, record: MemberRecord) -> MemberRow:
        return MemberRow(
            order=record.order,
            running=None if record.running is None else self.life(record.running),
            outcome=None if record.outcome is None else self._outcome(record.outcome),
        )

    def _outcome(self, outcome: Outcome) -> OutcomeRow:
        return OutcomeRow(
            life=self.life(outcome.life),
            report=outcome.report,
            fitness=None if outcome.fitness is None else outcome.fitness.to_json(),
        )

    def life(self, life: Life) -> int:
        return self.lives.place(
            life,
            lambda: LifeRow(
                genome=self.genomes.place(life.genome, lambda: genome_to_json(life.genome)),
                ledger=life.ledger,
                curve=self.points.chain(life.curve, _point),
                price=life.price,
                past=self.pasts.chain(life.past_protocols, self._past),
            ),
        )

    def task(self, task: Train) -> TaskRow:
        assert task.before is None
        return TaskRow(
            member=task.member,
            generation=task.generation,
            genome=self.genomes.place(task.genome, lambda: genome_to_json(task.genome)),
            source=None if task.source is None else (task.source.member, task.source.generation),
            tokens=task.tokens,
            ledger=task.ledger,
            seed=task.seed,
            price=task.price,
        )

    def _past(self, before: int, past: tuple[int, Protocol]) -> PastRow:
        tokens, protocol = past
        return before, tokens, self.protocols.place(protocol, lambda: protocol_to_json(protocol))


def _point(before: int, point: CurvePoint) -> PointRow:
    return (
        before,
        point.tokens,
        point.losses,
        point.horizon_loss,
        point.fitness,
        point.gflops,
        point.architecture_gflops,
        point.domain_losses,
    )
