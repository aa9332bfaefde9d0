"""From a model to findings: the order of the measurements, and what each is for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from orchestrator.analysis.allocation import allocation
from orchestrator.analysis.credit import credit
from orchestrator.analysis.findings import Findings
from orchestrator.analysis.history import shares_by_generation
from orchestrator.analysis.roles import flops_shares, role_coalitions
from orchestrator.analysis.sizes import SizedEquilibrium, trend_of
from orchestrator.analysis.standing import standing
from orchestrator.randomness import generator
from search_spaces.gpt.cost import count_parameters
from trainers.measurement import (
    Spent,
    coalition_losses,
    components_of,
    measure_integrated_gradient,
    measure_leave_one_out,
    measure_pair_interactions,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from orchestrator.analysis.subject import Subject
    from orchestrator.game.coalitions import CoalitionMatrix
    from trainers.measurement import Ablation, Components, IntegratedGradient, PairInteractions
    from trainers.model import Transformer


QUADRATURES = (4, 8, 16, 32)
"""Points of the integrated gradient that are tried in turn."""
INCOMPLETE = 0.05
"""Share of the total that its values may miss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much to measure, and in which game."""

    evaluations: int = 512
    """Coalitions for the values of components and layers, about; and most pairs."""
    ablation: Ablation = "zero"
    z: float = 2.0
    """Margin of the exploitability in standard errors."""
    level: float = 0.05
    """Probability of one false claim or more about an equilibrium."""
    seed: int = 0
    """Of the samplers and of the draws of errors."""


class Watching(Protocol):
    """Is told how the analysis goes."""

    def stage(self, name: str, total: int) -> Callable[[int], None]:
        """Begin a stage of so many parts; what is returned is called as parts are done."""


def analyse(subject: Subject, effort: Effort, *, watching: Watching) -> Findings:
    """Measure the game of a model and find what it says.

    Raises:
        UserError: A member's checkpoint cannot be read.
        ValueError: The model has diverged, or the effort does not hold the least sample.
    """
    begun = time.perf_counter()
    model, batches, ablation = subject.model, subject.batches, effort.ablation
    components = components_of(model.architecture, sequence_length=batches[0].tokens.shape[1] - 1)
    n, parts = len(components), len(batches)
    gradient, spent_on_gradient, doubts = _gradient(subject, components, effort, watching)
    alone = measure_leave_one_out(
        model, batches, ablation=ablation, progress=watching.stage("leave-one-out", (n + 1) * parts)
    )
    pairs, notes = _pairs(subject, components, gradient, effort, watching)
    game = _Game(subject, components, effort, watching)
    shared = credit(
        game.values,
        [c.layer for c in gradient.players],
        budget=effort.evaluations,
        rng=generator(effort.seed, "analysis", 0, 0),
    )
    roles, spent_on_roles = _role_losses(model, subject, components, effort)
    sizes, spent_on_sizes = _sizes(subject, effort, watching)
    spent = spent_on_gradient + alone.spent + pairs.spent + game.spent
    spent += spent_on_roles + spent_on_sizes
    return Findings(
        name=subject.name,
        text=subject.text,
        parameters=count_parameters(model.architecture),
        components=components,
        leave_one_out=alone,
        gradient=gradient,
        credit=shared,
        pairs=pairs,
        standing=standing(
            alone, components.flops_per_token, subject.price, z=effort.z, level=effort.level
        ),
        allocation=allocation(
            roles, flops_shares(model.architecture), rng=generator(effort.seed, "analysis", 1, 0)
        ),
        proxies=subject.proxies,
        history=()
        if subject.story is None
        else shares_by_generation(subject.story, rng=generator(effort.seed, "analysis", 2, 0)),
        sizes=sizes,
        trend=trend_of(sizes),
        notes=(*subject.notes, *doubts, *notes, *_notes(shared.owen is None, shared.owen_needs)),
        spent=spent,
        seconds=time.perf_counter() - begun,
    )


def _gradient(
    subject: Subject, components: Components, effort: Effort, watching: Watching
) -> tuple[IntegratedGradient, Spent, tuple[str, ...]]:
    """Double the points of the quadrature until the values add up, as far as that pays."""
    players = [c for c in components.ids if c.kind != "embedding"]
    parts = len(subject.batches)
    advance = watching.stage("integrated gradient", sum(QUADRATURES) * parts)
    spent = Spent()
    for points in QUADRATURES:
        measured = measure_integrated_gradient(
            subject.model,
            subject.batches,
            players=players,
            points=points,
            ablation=effort.ablation,
            progress=advance,
        )
        spent += measured.spent
        if abs(measured.completeness_error) <= INCOMPLETE * abs(measured.total):
            return measured, spent, ()
    note = (
        f"The integrated gradient is not to be believed for this model: with {points} points its "
        f"values miss {abs(measured.completeness_error / measured.total):.0%} of the total (the "
        f"loss moves almost wholly where gates are nearly closed). Read the Shapley values."
    )
    return measured, spent, (note,)


class _Game:
    """v of coalitions of heads and blocks; the embedding is always present."""

    def __init__(
        self, subject: Subject, components: Components, effort: Effort, watching: Watching
    ) -> None:
        self._subject, self._components, self._effort = subject, components, effort
        self._advance = watching.stage(
            "values of coalitions", effort.evaluations * len(subject.batches)
        )
        self.spent = Spent()

    def values(self, coalitions: CoalitionMatrix) -> NDArray[np.float64]:
        present = np.ones((len(coalitions), 1), dtype=np.bool_)
        measured = coalition_losses(
            self._subject.model,
            self._subject.batches,
            np.hstack([coalitions, present]),
            components=self._components,
            ablation=self._effort.ablation,
            progress=self._advance,
        )
        self.spent += measured.spent
        return measured.values


def _pairs(
    subject: Subject,
    components: Components,
    gradient: IntegratedGradient,
    effort: Effort,
    watching: Watching,
) -> tuple[PairInteractions, tuple[str, ...]]:
    """Measure the pairs of heads and blocks; those of the most valuable if all are too many."""
    players = gradient.players
    count = len(players)
    notes: tuple[str, ...] = ()
    most = min(count, max(2, int((1 + np.sqrt(1 + 8 * effort.evaluations)) / 2)))
    if most < count:
        note = (
            f"Interactions were measured among the {most} most valuable of {count} components: "
            f"all {count * (count - 1) // 2} pairs exceed the {effort.evaluations} evaluations "
            f"allowed (--evaluations)."
        )
        notes = (note,)
    kept = set(np.argsort(-np.abs(gradient.values), kind="stable")[:most].tolist())
    chosen = [player for at, player in enumerate(players) if at in kept]
    pairs = [(k, l) for at, k in enumerate(chosen) for l in chosen[at + 1 :]]  # noqa: E741
    measured = measure_pair_interactions(
        subject.model,
        subject.batches,
        pairs=pairs,
        ablation=effort.ablation,
        among=components,
        progress=watching.stage(
            "pair interactions", (1 + most + len(pairs)) * len(subject.batches)
        ),
    )
    return measured, notes


def _role_losses(
    model: Transformer, subject: Subject, components: Components, effort: Effort
) -> tuple[NDArray[np.float64], Spent]:
    measured = coalition_losses(
        model,
        subject.batches,
        role_coalitions(components.ids),
        components=components,
        ablation=effort.ablation,
    )
    return measured.losses, measured.spent


def _sizes(
    subject: Subject, effort: Effort, watching: Watching
) -> tuple[tuple[SizedEquilibrium, ...], Spent]:
    """Find the equilibrium of every living member's own game, the subject's among them."""
    spent = Spent()
    found: list[SizedEquilibrium] = []
    if not subject.peers:
        return (), spent
    advance = watching.stage("members of other sizes", len(subject.peers))
    for peer in subject.peers:
        model = peer.load()
        components = components_of(model.architecture)
        losses, cost = _role_losses(model, subject, components, effort)
        spent += cost
        shares = flops_shares(model.architecture)
        rng = generator(effort.seed, "analysis", 3, peer.member)
        found.append(
            SizedEquilibrium(
                member=peer.member,
                parameters=count_parameters(model.architecture),
                shares=shares,
                equilibrium=allocation(losses, shares, rng=rng).equilibrium,
            )
        )
        advance(1)
    return tuple(found), spent


def _notes(owen_is_missing: bool, needs: int) -> tuple[str, ...]:  # noqa: FBT001
    if not owen_is_missing:
        return ()
    note = (
        f"Owen's value was left out: it needs {needs:,} coalitions (--evaluations {needs} "
        f"measures them)."
    )
    return (note,)
