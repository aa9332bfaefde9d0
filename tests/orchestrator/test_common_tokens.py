"""Laws of equal tokens: what is told of a generation does not depend on who is ahead."""

import pytest

from orchestrator.common_tokens import abreast
from orchestrator.event_log import LOG_NAME
from orchestrator.events import GenerationClosed, Scored
from orchestrator.fitness import FitnessRule
from orchestrator.game_terms import GameTerms
from orchestrator.horizon import PowerLaw, PresentLoss
from orchestrator.search_state import SearchState
from orchestrator.selection.decision import Keep

INTERVAL = 1024


class Keeping:
    """A policy by which everybody goes on: no weights are exchanged."""

    def select(self, candidates, *, due, generation, rng):
        return dict.fromkeys(due, Keep())


def closings(events):
    return {e.generation: e for e in events if isinstance(e, GenerationClosed)}


@pytest.mark.parametrize("horizon", [PresentLoss(), PowerLaw()])
@pytest.mark.parametrize("order", [None, 1, 2])
def test_without_exchange_every_generation_has_the_price_of_the_synchronous_search(
    tmp_path, simulation, rules, order, horizon
):
    def prices(mode, order):
        made = rules(
            mode=mode, members=5, generations=6, policy=Keeping(),
            fitness=FitnessRule(price_of_front=True, horizon=horizon),
        )  # fmt: skip
        told = closings(simulation(tmp_path / f"{mode}.jsonl", made, order=order).run())
        return [(c.price, c.price_reason) for c in told.values()]

    together = prices("synchronous", None)
    assert any(price > 0 for price, _ in together)
    assert prices("asynchronous", order) == together


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("failing", [False, True])
def test_all_living_members_are_at_exactly_the_same_tokens(
    tmp_path, simulation, rules, monkeypatch, order, failing
):
    """Whoever copied whom, and however far ahead: nobody is left out, and nobody is newer."""
    close, told = SearchState.close, []

    def checking(self, generation, priced):
        records = self.census.records
        found = abreast(records)
        assert [o.key.member for o, _ in found.members] == [
            r.member for r in records if not r.outcome.failed
        ]
        assert {point.tokens for _, point in found.members} <= {found.tokens}
        ahead = [o.life.ledger.tokens > found.tokens for o, _ in found.members]
        told.append((found.tokens, any(ahead)))
        return close(self, generation, priced)

    monkeypatch.setattr(SearchState, "close", checking)
    made = rules(mode="asynchronous", members=6, generations=8)
    fails = (lambda task: (task.member + 2 * task.generation) % 7 == 6) if failing else None
    options = {} if fails is None else {"fails": fails}
    simulation(tmp_path / LOG_NAME, made, order=order, **options).run()
    tokens = [at for at, _ in told]
    assert len(tokens) == 8
    assert tokens == sorted(tokens)  # nobody started afresh: they never fall back
    assert tokens[0] == INTERVAL
    assert any(ahead for _, ahead in told)


def test_in_a_synchronous_search_they_are_everybodys_newest(tmp_path, simulation, rules):
    side = simulation(tmp_path / LOG_NAME, rules(members=5, generations=4))
    side.run()
    found = abreast(side.search.records)
    assert found.tokens == 4 * INTERVAL
    assert all(point is outcome.life.curve[-1] for outcome, point in found.members)
    assert len(found.members) == 5


def test_where_nobody_lives_there_are_no_common_tokens(tmp_path, simulation, rules):
    side = simulation(tmp_path / LOG_NAME, rules(members=3, generations=1), fails=lambda task: True)
    side.run()
    assert abreast(side.search.records) == abreast(())
    assert abreast(()).tokens is None


def test_the_front_is_of_architectures_as_they_were_then(tmp_path, simulation, rules):
    """A point says what its own architecture costs, whatever became of the lineage since."""
    side = simulation(
        tmp_path / LOG_NAME, rules(mode="asynchronous", members=6, generations=8), order=2
    )
    side.run()
    changed = 0
    for record in side.search.records:
        life = record.outcome.life
        assert life.curve[-1].architecture_gflops == life.curve[-1].gflops  # no game: no saving
        changed += len({point.architecture_gflops for point in life.curve}) > 1
        for point in life.curve:
            assert point.repriced(3.0).horizon_loss == point.horizon_loss
            assert point.horizon_loss == pytest.approx(-point.fitness)
    assert changed


@pytest.mark.parametrize("mode", ["synchronous", "asynchronous"])
def test_a_point_tells_loss_and_cost_without_price_and_game(tmp_path, simulation, rules, mode):
    fitness = FitnessRule(nats_per_gflop_per_token=2.0, game=GameTerms())
    made = rules(mode=mode, members=5, generations=5, fitness=fitness)
    side = simulation(tmp_path / LOG_NAME, made, order=1)
    scored = {(e.member, e.generation): e.parts for e in side.run() if isinstance(e, Scored)}
    saving = 0
    for record in side.search.records:
        point = record.outcome.life.curve[-1]
        named = scored[record.member, record.order.generation]["parts"]
        assert point.horizon_loss == named["loss_present"] + named["horizon_correction"]
        assert 2.0 * point.architecture_gflops == pytest.approx(named["cost_price"])
        assert (point.gflops < point.architecture_gflops) == (named["best_reply"] < 0)
        saving += named["best_reply"] < 0
    assert saving
