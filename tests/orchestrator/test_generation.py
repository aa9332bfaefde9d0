"""What is decided about a member does not depend on how far ahead the others are."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.census import Census
from orchestrator.events import Ledger, Ordered
from orchestrator.fitness import Fitness
from orchestrator.generation import breed, observations
from orchestrator.population import CurvePoint, Life, MemberRecord, Outcome
from orchestrator.selection import POLICIES
from orchestrator.tasks import StateKey, Train
from search_spaces.genome import genome_to_json

INTERVAL = 1000
MEMBERS = 8


def record_of(member, losses, made, answer):
    """Make a member that has trained as many intervals as there are rows of losses."""
    genome = made.first_genomes[member]
    points = tuple(
        CurvePoint(
            tokens=(i + 1) * INTERVAL,
            losses=tuple(row.tolist()),
            horizon_loss=float(np.mean(row)),
            fitness=-float(np.mean(row)),
        )
        for i, row in enumerate(losses)
    )
    generation = len(points) - 1
    task = Train(member=member, generation=generation, genome=genome, source=None,
                 tokens=INTERVAL, ledger=Ledger(), seed=0)  # fmt: skip
    ledger = Ledger(tokens=len(points) * INTERVAL)
    report = replace(answer(task), losses=points[-1].losses, ledger=ledger)
    order = Ordered(member=member, generation=generation, decision="start",
                    genome=genome_to_json(genome), digest=genome.digest, tokens=INTERVAL)  # fmt: skip
    parts = {"loss_present": -points[-1].fitness, "horizon_correction": 0.0, "cost_price": 0.0,
             "standard_error": 0.1}  # fmt: skip
    fitness = Fitness(value=points[-1].fitness, parts=tuple(parts.items()), horizon="present")
    return MemberRecord(
        member=member,
        order=order,
        running=None,
        outcome=Outcome(
            key=StateKey(member, generation),
            life=Life(genome=genome, ledger=ledger, curve=points),
            report=report,
            fitness=fitness,
        ),
    )


def census_of(records):
    census = Census()
    for record in records:
        census.enter(record)
    return census


@pytest.mark.parametrize("policy", sorted(POLICIES))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**16),
    age=st.integers(1, 4),
    ahead=st.lists(st.integers(0, 5), min_size=MEMBERS, max_size=MEMBERS),
)
def test_the_verdict_does_not_depend_on_how_far_the_others_are(
    rules, answer, policy, seed, age, ahead
):
    made = rules(members=MEMBERS, mode="asynchronous")
    draw = np.random.default_rng(seed)
    curves = [3.0 - 0.1 * np.arange(10)[:, None] + draw.normal(0, 0.3, (10, 4)) for _ in ahead]
    chosen = POLICIES[policy]()

    def verdict(lead):
        records = [
            record_of(m, curves[m][: age + (lead[m] if m else 0)], made, answer)
            for m in range(MEMBERS)
        ]
        census = census_of(records)
        (child,) = breed(
            census=census, due=records[:1], policy=chosen, proposers=made.proposers,
            space=made.space, free=made.free_genes(age), generation=age, seed=seed,
        )  # fmt: skip
        (seen,) = observations(census=census, due=records[:1])
        return child.decision, child.donor, seen.gain

    assert verdict(ahead) == verdict([0] * MEMBERS)


def test_who_is_ahead_is_copied_as_it_is_now(rules, answer):
    made = rules(members=MEMBERS, mode="asynchronous")
    curves = [np.full((6, 4), 3.0 + (m == 0)) for m in range(MEMBERS)]
    records = [record_of(m, curves[m][: 2 if m == 0 else 5], made, answer) for m in range(MEMBERS)]
    (child,) = breed(
        census=census_of(records), due=records[:1], policy=POLICIES["truncation"](), proposers=made.proposers,
        space=made.space, free=made.free_genes(2), generation=2, seed=1,
    )  # fmt: skip
    assert child.decision == "replace"
    assert child.source == StateKey(child.donor, 4)


@pytest.mark.parametrize("policy", sorted(POLICIES))
@pytest.mark.parametrize("seed", range(6))
def test_the_verdict_does_not_depend_on_the_price_at_which_the_others_were_scored(
    rules, answer, policy, seed
):
    made = rules(members=MEMBERS, mode="asynchronous")
    draw = np.random.default_rng(seed)
    curves = [
        3.0 - 0.1 * np.arange(4)[:, None] + draw.normal(0, 0.3, (4, 4)) for _ in range(MEMBERS)
    ]
    gflops = draw.gamma(2.0, 0.1, MEMBERS)

    def verdict(prices):
        records = []
        for m in range(MEMBERS):
            record = record_of(m, curves[m], made, answer)
            life, price = record.outcome.life, prices[m]
            curve = tuple(replace(p, gflops=gflops[m]).repriced(price) for p in life.curve)
            outcome = replace(
                record.outcome,
                life=replace(life, curve=curve, price=price),
                fitness=replace(
                    record.outcome.fitness,
                    value=curve[-1].fitness,
                    parts=(("loss_present", -curve[-1].fitness), ("horizon_correction", 0.0),
                           ("cost_price", 0.0), ("standard_error", 0.1)),
                ),
            )  # fmt: skip
            records.append(replace(record, outcome=outcome))
        census = census_of(records)
        (child,) = breed(
            census=census, due=records[:1], policy=POLICIES[policy](), proposers=made.proposers,
            space=made.space, free=made.free_genes(4), generation=4, seed=seed,
        )  # fmt: skip
        (seen,) = observations(census=census, due=records[:1])
        return child.decision, child.donor, pytest.approx(seen.gain, abs=1e-9)

    together = verdict([2.0] * MEMBERS)
    assert verdict([2.0, *draw.uniform(0, 20, MEMBERS - 1)]) == together
