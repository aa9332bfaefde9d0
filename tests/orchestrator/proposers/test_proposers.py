"""What each proposer does that the others do not."""

import math
import subprocess
import sys

import numpy as np
import optuna
import pytest

from orchestrator.proposers import (
    Crossover,
    Mutation,
    NevergradOptimizer,
    Observation,
    OptunaSampler,
    Proposal,
    ProposalRequest,
    RandomDraw,
    WeightedProposer,
    WeightedProposers,
)
from orchestrator.randomness import generator
from search_spaces.domains import Integer
from search_spaces.gpt.space import GPT

SPACE = GPT.narrowed(num_layers=Integer(1, 3))
RNG = generator(0, "test", 0, 0)


def request(member=0, *, seed=0, generation=1, free=None):
    rng = generator(seed, "request", generation, member)
    return ProposalRequest(
        generation=generation,
        member=member,
        donor=SPACE.sample(rng),
        replaced=SPACE.sample(rng),
        free=SPACE.names if free is None else free,
    )


def seen(member, genome, gain, generation=2):
    return Observation(
        member=member, generation=generation, genome=genome, fitness=gain, gain=gain, tokens=100
    )


def test_mutation_steps_grow_with_success_and_shrink_with_failure():
    for gain, larger in ((1.0, True), (-1.0, False)):
        mutation = Mutation(SPACE)
        start = mutation.scale
        for generation in range(60):
            child = mutation.propose(
                request(generation=generation), generator(0, "p", generation, 0)
            )
            mutation.observe((seen(0, child, gain),))
        assert (mutation.scale > start) is larger
        assert start / 4 <= mutation.scale <= 4 * start


def test_mutation_does_not_credit_itself_with_the_genomes_of_others():
    mutation = Mutation(SPACE)
    start = mutation.scale
    mutation.propose(request(), generator(0, "p", 0, 0))
    mutation.observe(
        (seen(0, SPACE.sample(np.random.default_rng(9)), 1.0), seen(1, SPACE.default(), 1.0))
    )
    assert mutation.scale == start


def test_crossover_takes_genes_from_both_parents():
    crossover = Crossover(SPACE, mutate=0.0)
    asked = request()
    names = [g.name for g in SPACE.genes if g.half == "protocol" and g.condition is None]
    sources = set()
    for seed in range(10):
        child = crossover.propose(asked, generator(seed, "p", 0, 0))
        for name in names:
            value = SPACE.gene_value(child, name)
            parents = [SPACE.gene_value(p, name) for p in (asked.donor, asked.replaced)]
            assert value in parents
            if parents[0] != parents[1]:
                sources.add(parents.index(value))
    assert sources == {0, 1}


def test_optuna_keeps_one_trial_an_observation_and_closes_what_it_asked():
    proposer = OptunaSampler(SPACE)
    child = proposer.propose(request(), RNG)
    states = [trial.state.name for trial in proposer._study.trials]
    assert states == ["RUNNING"]
    stranger = SPACE.sample(np.random.default_rng(1))
    proposer.observe((seen(0, child, 0.25), seen(1, stranger, -0.5)))
    done = [t for t in proposer._study.trials if t.state.name == "COMPLETE"]
    assert sorted(t.value for t in done) == [-0.5, 0.25]
    assert not [t for t in proposer._study.trials if t.state.name == "RUNNING"]
    proposer.propose(request(), RNG)
    proposer.propose(request(), RNG)  # never observed: the first is given up
    assert sum(t.state.name == "RUNNING" for t in proposer._study.trials) == 1


def test_optuna_records_the_genes_that_were_held():
    proposer = OptunaSampler(SPACE)
    asked = request(free=frozenset({"learning_rate"}))
    proposer.propose(asked, RNG)
    params = proposer._study.trials[-1].params
    assert params["weight_decay"] == asked.donor.protocol.weight_decay


def test_samplers_that_learn_from_their_own_points_are_told_those():
    proposer = OptunaSampler(SPACE, sampler="NSGAIISampler")
    child = proposer.propose(request(), RNG)
    proposer.observe((seen(0, child, 1.0),))
    assert [t.state.name for t in proposer._study.trials] == ["COMPLETE"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OptunaSampler(SPACE, sampler="TPESample"), "Near: TPESampler"),
        (lambda: OptunaSampler(SPACE, sampler="Quantum"), "Choose among: CmaEsSampler"),
        (
            lambda: OptunaSampler(SPACE, sampler="GridSampler"),
            "does not serve here: it walks a grid",
        ),
        (lambda: OptunaSampler(SPACE, options={"colour": 1}), r"but got \['colour'\]"),
        (lambda: OptunaSampler(SPACE, options={"seed": 1}), r"but got \['seed'\]"),
        (
            lambda: OptunaSampler(SPACE, sampler="QMCSampler", options={"qmc_type": "x"}),
            "refuses the options",
        ),
        (lambda: NevergradOptimizer(SPACE, optimizer="ngopt5"), "Near: NGOpt"),
        (lambda: NevergradOptimizer(SPACE, optimizer="twopointde"), "Near: TwoPointsDE"),
        (lambda: NevergradOptimizer(SPACE, budget=0), "budget >= 1"),
        (lambda: Mutation(SPACE, rate=0.0), "0 < rate <= 1"),
        (lambda: Mutation(SPACE, scale=2.0), "0 < scale <= 1"),
        (lambda: Mutation(SPACE, resample=2.0), "0 <= resample <= 1"),
        (lambda: Crossover(SPACE, mutate=-1.0), "0 <= mutate <= 1"),
    ],
)
def test_errors_name_the_law_and_the_remedy(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ValueError, match="needs the package 'cmaes', which is not installed"):
        OptunaSampler(SPACE, sampler="CmaEsSampler")


def test_nevergrad_is_told_of_foreign_genomes_or_says_once_that_it_cannot_be(caplog):
    for name, supports in (("DE", True), ("RandomSearch", True), ("EDA", False)):
        proposer = NevergradOptimizer(SPACE, optimizer=name, budget=50, num_workers=4)
        early = SPACE.sample(np.random.default_rng(0))
        child = proposer.propose(request(), generator(0, "p", 1, 0))
        proposer.observe((seen(0, child, 1.0), seen(1, early, 0.5), seen(2, early, 0.4)))
        assert proposer.untold == 2 * (1 - supports)
    (warned,) = caplog.messages
    assert warned.startswith("the Nevergrad optimizer EDA learns from its own proposals only")


def test_nevergrad_is_told_what_was_seen_before_its_first_proposal():
    proposer = NevergradOptimizer(SPACE, optimizer="DE")
    proposer.observe((seen(1, SPACE.default(), 0.5),))
    proposer.propose(request(), generator(0, "p", 1, 0))
    assert proposer._optimizer.num_tell_not_asked == 1


@pytest.mark.parametrize("name", ["NelderMead", "SQP"])
def test_optimizers_that_take_one_point_at_a_time_do_not_hang(name):
    proposer = NevergradOptimizer(SPACE, optimizer=name, budget=50, num_workers=8)
    for generation in range(1, 4):
        children = [
            proposer.propose(request(m, generation=generation), generator(0, "p", generation, m))
            for m in range(3)
        ]
        assert len(proposer._open) == 1
        proposer.observe(tuple(seen(m, child, 0.1 * m) for m, child in enumerate(children)))
        assert not proposer._open
    assert proposer._optimizer.num_ask == 3
    assert proposer.repeated == 6


def test_points_that_are_never_observed_are_answered():
    proposer = NevergradOptimizer(SPACE, optimizer="DE", num_workers=2)
    for generation in range(1, 5):
        proposer.propose(request(generation=generation), generator(0, "p", generation, 0))
    assert (proposer._optimizer.num_ask, proposer._optimizer.num_tell) == (4, 3)
    child = proposer.propose(request(generation=5), generator(0, "p", 5, 0))
    proposer.observe((seen(0, child, float("nan")),))
    assert proposer._optimizer.num_tell == 5


def test_a_waiting_optimizer_does_not_keep_the_process_alive():
    code = (
        "from orchestrator.proposers import NevergradOptimizer, ProposalRequest as R;"
        "from orchestrator.randomness import generator as g;"
        "from search_spaces.gpt.space import GPT as S; d = S.default();"
        "p = NevergradOptimizer(S, optimizer='NelderMead', budget=9);"
        "p.propose(R(generation=1, member=0, donor=d, replaced=d, free=S.names), g(0, 'p', 1, 0))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_optuna_is_quiet(caplog, capsys):
    proposer = OptunaSampler(SPACE)
    child = proposer.propose(request(), RNG)
    proposer.observe((seen(0, child, 1.0),))
    assert not caplog.records
    assert capsys.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == optuna.logging.ERROR


def entries(*weights):
    makes = (RandomDraw, Mutation, Crossover)
    return tuple(
        WeightedProposer(name=make.__name__, proposer=make(SPACE), weight=weight)
        for make, weight in zip(makes, weights, strict=True)
    )


def test_weights_are_frequencies_and_the_proposer_is_recorded():
    several = WeightedProposers(entries(3.0, 1.0, 0.0))
    asked = request()
    names = []
    for seed in range(200):
        proposal = several.propose_by(asked, generator(seed, "p", 0, 0))
        assert isinstance(proposal, Proposal)
        assert proposal.genome == several.propose(asked, generator(seed, "p", 0, 0))
        names.append(proposal.proposer)
    assert set(names) == {"RandomDraw", "Mutation"}
    assert math.isclose(names.count("RandomDraw") / 200, 0.75, abs_tol=0.08)


def test_weights_are_checked():
    with pytest.raises(ValueError, match="one of them > 0"):
        WeightedProposers(entries(0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="a name of its own"):
        WeightedProposers((*entries(1.0, 1.0, 1.0), *entries(1.0, 1.0, 1.0)))
