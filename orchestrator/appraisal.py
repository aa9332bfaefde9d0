"""Appraises reports: keeps the price of cost, and what finished lineages have taught so far.

A deterministic function of the rules and of what it was told, like the search that tells it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.common_tokens import abreast, players_of
from orchestrator.component_game import ComponentGame
from orchestrator.fitness import Fitness
from orchestrator.game_terms import GameEvidence, nash_advantages
from orchestrator.guard_rail import NO_GUARD_RAIL, GuardRail, Lineages, features, fit_guard_rail
from orchestrator.pricing import Prices, front_price
from orchestrator.randomness import WHOLE_POPULATION, generator
from orchestrator.score import Score
from orchestrator.standings import learning_rates, standing
from search_spaces.gpt.cost import flops_per_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.census import Census
    from orchestrator.events import Reported, Scored
    from orchestrator.fitness import Standing, Unfit
    from orchestrator.population import Life, MemberRecord, Outcome
    from orchestrator.pricing import Priced
    from orchestrator.rules import Rules
    from search_spaces.gpt.architecture import Architecture


class Appraisal:
    """Scores a search's reports, in the order in which they come.

    Args:
        rules: Of the search.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._terms = rules.fitness.game
        self._price = rules.fitness.nats_per_gflop_per_token
        self._price_of_scores = self._price
        self._compares_domains_later = rules.mode == "asynchronous" and (
            self._terms is not None and self._terms.nash_average > 0
        )
        self._lineages = Lineages()
        self._standings: dict[int, tuple[Outcome, Standing]] = {}
        self._guard_rail = GuardRail(reason="the loss: no lineage has finished")

    @property
    def price_of_play(self) -> float | None:
        """The price at which the next tasks' games are played; none: no game is played."""
        return None if self._terms is None else self._price

    @property
    def price_of_scores(self) -> float:
        """The price at which the newest reports were scored, at which members are compared."""
        return self._price_of_scores

    def price_is(self, price: float) -> None:
        """Take the price that the log tells of, which wins over any that is computed here."""
        self._price = price

    @property
    def prices(self) -> Prices:
        """All that it remembers beside the census, but for what a guard rail has learnt."""
        return Prices(in_force=self._price, of_scores=self._price_of_scores)

    def go_on_with(self, prices: Prices) -> None:
        """Take what another one of the same rules remembered."""
        self._price, self._price_of_scores = prices.in_force, prices.of_scores

    def born(self, member: int) -> None:
        """Hear that another life begins at a member's place."""
        self._lineages.born(member)

    def score(self, reports: Sequence[Reported], census: Census) -> list[Score]:
        """Return what each report came to; those that come together are scored together.

        Args:
            reports: Answers to open orders.
            census: The whole population, before the answers are entered.
        """
        horizon = self._rules.horizon_tokens
        self._price_of_scores = self._price
        advantages = self._nash_advantages(census, reports)
        told: dict[int, Standing] = {}
        for report in reports:
            life = census[report.member].running
            assert life is not None
            if report.failure is None:
                evidence = self._evidence(report, life, advantages.get(report.member, 0.0))
                told[report.member] = standing(
                    life,
                    report,
                    past=self._rules.fitness.looks_back,
                    learning_rates=self._ahead(life),
                    evidence=evidence,
                )
        fitness = self._rules.fitness.score(
            tuple(told.values()),
            others=self._others(census, frozenset(report.member for report in reports)),
            horizon_tokens=horizon,
            price=self._price,
        )
        found = dict(zip(told, fitness, strict=True))
        return [self._score(r, told.get(r.member), found.get(r.member)) for r in reports]

    def _ahead(self, life: Life) -> NDArray[np.float64] | None:
        """Return the learning rates of a life to the end of the budget; none: nobody asks."""
        if not self._rules.fitness.looks_ahead:
            return None
        return learning_rates(life, horizon_tokens=self._rules.horizon_tokens)

    def _others(self, census: Census, reporting: frozenset[int]) -> list[Standing]:
        """Return where those stand that are still training; none of them where nobody asks."""
        if not self._rules.fitness.looks_ahead or len(reporting) == len(census):
            return []
        found: list[Standing] = []
        for record in census.records:
            outcome = record.outcome
            if record.member in reporting or outcome is None or outcome.failed:
                continue
            known = self._standings.get(record.member)
            if known is None or known[0] is not outcome:
                before = outcome.life_before()
                told = standing(before, outcome.report, learning_rates=self._ahead(before))
                known = self._standings[record.member] = (outcome, told)
            found.append(known[1])
        return found

    def _score(
        self, report: Reported, told: Standing | None, fitness: Fitness | Unfit | None
    ) -> Score:
        if told is None or not isinstance(fitness, Fitness):
            return self._failed()
        game = None if told.evidence is None else told.evidence.game
        return self._scored(report, fitness, told.flops_per_token / 1e9, game)

    def recall(self, report: Reported, told: Scored, census: Census) -> Score:
        """Return what a report came to, as a log tells of it.

        Args:
            report: The answer to an open order.
            told: Its score.
            census: The whole population, before the answer is entered.
        """
        self._price_of_scores = self._price
        if told.fitness is None:
            return self._failed()
        life = census[report.member].running
        assert life is not None
        game = None if report.game is None else ComponentGame.from_json(report.game)
        gflops = training_flops(life.genome.architecture) / 1e9
        return self._scored(report, Fitness.from_json(told.parts), gflops, game)

    def _failed(self) -> Score:
        return Score(fitness=None, price=self._price, gflops=0.0, architecture_gflops=0.0)

    def _scored(
        self, report: Reported, fitness: Fitness, gflops: float, game: ComponentGame | None
    ) -> Score:
        saved = self._saved(game)
        return Score(
            fitness=fitness,
            price=self._price,
            gflops=gflops - saved if saved else gflops,  # one number in memory where they are equal
            architecture_gflops=gflops,
            domain_losses=report.domain_losses if self._compares_domains_later else None,
        )

    def _saved(self, game: ComponentGame | None) -> float:
        """Return the GFLOPs of a training token that a member is not charged for."""
        if self._terms is None or not self._terms.best_reply or game is None:
            return 0.0
        return game.saved_gflops if game.phi_gain(self._price) > 0 else 0.0

    def close(self, generation: int, records: Sequence[MemberRecord]) -> Priced | None:
        """Learn from a generation that all have reported; return the price that its front shows.

        The front is of the living at their common tokens: their losses at the horizon, and what
        their architectures cost, as both were then. The price is in force once the log tells of it
        (`price_is`).
        """
        if self._terms is not None and self._terms.guard_rail:
            draw = generator(self._rules.seed, "guard_rail", generation, WHOLE_POPULATION)
            self._guard_rail = fit_guard_rail(self._lineages.samples(), draw)
        if not self._rules.fitness.price_of_front:
            return None
        points = [point for _, point in abreast(records).members]
        return front_price(
            [point.architecture_gflops for point in points],
            [point.horizon_loss for point in points],
            before=self._price,
        )

    def _nash_advantages(self, census: Census, reports: Sequence[Reported]) -> dict[int, float]:
        """Play members against the corpus's sources, where that is asked for: nats by member.

        Those that report together are at the same tokens. Who reports alone is rated by what the
        sources weigh at the common tokens: where some are ahead the equilibrium would be theirs,
        and whoever comes first would meet the sources alone, which play the worst for it.
        """
        if self._terms is None or not self._terms.nash_average:
            return {}
        told = {r.member: r.domain_losses for r in reports if r.domain_losses is not None}
        if not told or len(reports) == len(census):
            return nash_advantages(told)
        (report,) = reports
        return nash_advantages(told, players=players_of(census.records, report))

    def _evidence(self, report: Reported, life: Life, nash_advantage: float) -> GameEvidence | None:
        if self._terms is None:
            return None
        game = None if report.game is None else ComponentGame.from_json(report.game)
        correction = NO_GUARD_RAIL
        if self._terms.guard_rail and report.losses:
            loss = sum(report.losses) / len(report.losses)
            found = features(report.utilities, game, life.genome.architecture)
            self._lineages.reported(report.member, report.generation, features=found, loss=loss)
            correction = self._guard_rail.correct(found)
        return GameEvidence(game=game, nash_advantage=nash_advantage, guard_rail=correction)


def training_flops(architecture: Architecture) -> float:
    """Return the FLOPs of training one token at the full context."""
    return flops_per_token(architecture, sequence_length=architecture.context_length)
