"""The population: what the search knows of each member, as values."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING

from orchestrator.events import Ledger
from orchestrator.selection import Candidate
from orchestrator.tasks import StateKey

if TYPE_CHECKING:
    from orchestrator.events import Ordered, Reported
    from orchestrator.fitness import Fitness
    from orchestrator.score import Score
    from search_spaces.genome import Genome
    from search_spaces.gpt.protocol import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One evaluation along a lineage."""

    tokens: int
    losses: tuple[float, ...]
    """Nats per token, one a selection batch."""
    horizon_loss: float
    """Loss at the horizon as it was estimated then, without price and terms of the game; nats per
    token."""
    fitness: float
    gflops: float = 0.0
    """GFLOPs of a training token that the fitness was charged for."""
    architecture_gflops: float = 0.0
    """GFLOPs of a training token of the architecture then: what was charged, and what the game
    saved."""
    domain_losses: tuple[float, ...] | None = None
    """Nats per token on each source of the corpus, where they are compared later; none: they are
    not."""

    @property
    def loss(self) -> float:
        """Mean loss in nats per token."""
        return sum(self.losses) / len(self.losses)

    def repriced(self, change: float) -> CurvePoint:
        """Return the point as it would be at a price that is higher by so much."""
        return replace(self, fitness=self.fitness - change * self.gflops) if change else self


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """A genome and the lineage that led to it."""

    genome: Genome
    ledger: Ledger = Ledger()
    """Spent along the lineage so far."""
    curve: tuple[CurvePoint, ...] = ()
    """Evaluations along the lineage, donors' included, oldest first; all at one price."""
    price: float = 0.0
    """The price of the curve, nats per token for one GFLOP per training token."""
    past_protocols: tuple[tuple[int, Protocol], ...] = ()
    """(tokens at which it was given up, protocol) of the ancestors, oldest first."""

    def curve_until(self, tokens: int | None) -> tuple[CurvePoint, ...]:
        """Return the curve up to some tokens; all of it where it begins after them, or for none."""
        curve = self.curve
        if tokens is None or not curve or curve[-1].tokens <= tokens:
            return curve
        return curve[: bisect_right(curve, tokens, key=_TOKENS) or len(curve)]

    def until(self, tokens: int | None) -> Life:
        """Return the life as its curve was at some tokens; see `curve_until`."""
        curve = self.curve_until(tokens)
        return self if len(curve) == len(self.curve) else replace(self, curve=curve)

    def at_price(
        self, points: tuple[CurvePoint, ...], price: float | None
    ) -> tuple[CurvePoint, ...]:
        """Return points of its curve as they would be at a price; None: at its own."""
        if price is None or price == self.price:
            return points
        return tuple(point.repriced(price - self.price) for point in points)

    def is_fitter_than(self, other: Life | None) -> bool:
        """Return whether it ends fitter than another life, at this one's price."""
        if other is None:
            return True
        then = other.curve[-1].repriced(self.price - other.price)
        return self.curve[-1].fitness > then.fitness


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A life after an interval; its state is at `key`."""

    key: StateKey
    life: Life
    report: Reported
    fitness: Fitness | None
    """None: the interval failed."""

    @property
    def failed(self) -> bool:
        """Whether nothing can be inherited from it."""
        return self.fitness is None

    @property
    def loss(self) -> float:
        """Mean loss in nats per token on the selection split; infinite after a failure."""
        return math.inf if self.failed else self.life.curve[-1].loss

    def life_before(self) -> Life:
        """Return the life as it was before the interval's evaluation; not of a failed one."""
        return replace(self.life, curve=self.life.curve[:-1])

    def candidate(self, *, at: int | None = None, price: float | None = None) -> Candidate:
        """Return what selection policies see.

        Args:
            at: Tokens of whom it is compared with. One that has trained more is seen as it was
                then, or last before. None: as it is now.
            price: At which both are compared, nats per token for one GFLOP per training token.
                None: its own.
        """
        curve = self.life.curve
        past = curve if self.failed else self.life.curve_until(at)
        if len(past) < len(curve):
            losses, tokens = past[-1].losses, past[-1].tokens
        else:
            losses, tokens = self.report.losses, self.life.ledger.tokens
        past = self.life.at_price(past, price)
        completed = self.key.generation + 1
        return Candidate(
            member=self.key.member,
            fitness=-math.inf if self.failed else past[-1].fitness,
            batch_losses=losses,
            generation=max(1, completed - (len(curve) - len(past))),
            tokens=tokens,
            curve=tuple((point.tokens, point.fitness) for point in past),
            failed=self.failed,
        )

    def gain(self, *, at: int | None = None, price: float | None = None) -> float | None:
        """Return the fitness after the interval less the one it started from; none: it failed.

        It started from its own or from its donor's; fresh weights started from nothing.

        Args:
            at: Tokens of whom it is compared with; see `candidate`.
            price: At which both are compared; see `candidate`.
        """
        if self.failed:
            return None
        curve = self.life.at_price(self.life.curve_until(at)[-2:], price)
        return curve[-1].fitness - (curve[-2].fitness if len(curve) > 1 else 0.0)


_TOKENS = attrgetter("tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRecord:
    """One slot of the population; slots live as long as the search."""

    member: int
    order: Ordered
    """What it does, or did last."""
    running: Life | None
    """The life in training; none: the order has been answered."""
    outcome: Outcome | None = None
    """Its newest finished interval; while it trains, still the one before."""

    def answered(self, report: Reported, score: Score) -> MemberRecord:
        """Return the record after the report to its open order.

        Earlier points of the curve are told at the present price: fitness that changes because a
        price has changed is no gain of anyone's.

        Args:
            report: The answer.
            score: What it came to.
        """
        assert self.running is not None
        before = self.running
        curve, fitness = before.curve, score.fitness
        if fitness is not None:
            curve = before.at_price(curve, score.price)
            point = CurvePoint(
                tokens=report.ledger.tokens,
                losses=report.losses,
                horizon_loss=fitness.horizon_loss,
                fitness=fitness.value,
                gflops=score.gflops,
                architecture_gflops=score.architecture_gflops,
                domain_losses=score.domain_losses,
            )
            curve = (*curve, point)
        life = Life(
            genome=before.genome,
            ledger=report.ledger,
            curve=curve,
            price=before.price if fitness is None else score.price,
            past_protocols=before.past_protocols,
        )
        key = StateKey(self.member, report.generation)
        outcome = Outcome(key=key, life=life, report=report, fitness=fitness)
        return MemberRecord(member=self.member, order=self.order, running=None, outcome=outcome)

    def ordered(self, order: Ordered, life: Life) -> MemberRecord:
        """Return the record with a new order."""
        return MemberRecord(member=self.member, order=order, running=life, outcome=self.outcome)


def changed(life: Life, genome: Genome) -> Life:
    """Return the life as it goes on with a genome, its own or another."""
    if genome == life.genome:
        return life
    past = (*life.past_protocols, (life.ledger.tokens, life.genome.protocol))
    return replace(life, genome=genome, past_protocols=past)


def inherited(life: Life, genome: Genome) -> Life:
    """Return the life of a child that adopts this one's state: what was spent is inherited."""
    ledger = replace(
        life.ledger, inherited_tokens=life.ledger.tokens, inherited_flops=life.ledger.flops
    )
    return replace(changed(life, genome), ledger=ledger)
