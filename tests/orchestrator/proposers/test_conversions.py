"""Genomes to Optuna's and Nevergrad's forms and back."""

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.proposers import nevergrad_parametrization as ngp
from orchestrator.proposers import optuna_trials
from orchestrator.proposers.isolation import private_randomness
from search_spaces.coordinates import coordinates
from search_spaces.domains import Choice, Integer, Real, Simplex
from search_spaces.gpt.space import GPT

SPACES = {
    "gpt": GPT,
    "mixed": GPT.narrowed(
        data_mix=Simplex(3),
        num_layers=Integer(2, 5),
        dropout=Choice((0.0, 0.1)),
        activation=Choice(("gelu",)),
        payoff_sharing=Real(-1.0, 1.0),
        price_multiplier=Real(0.25, 4.0, log=True),
    ),
    "chosen_mix": GPT.narrowed(data_mix=Choice(((0.5, 0.5), (0.25, 0.75)))),
}
seeds = st.integers(0, 2**32 - 1)
every_space = pytest.mark.parametrize("name", SPACES)


def draw(space, seed):
    return space.sample(np.random.default_rng(seed))


@every_space
@settings(max_examples=60, deadline=None)
@given(seed=seeds, other=seeds)
def test_optuna_round_trip(name, seed, other):
    space = SPACES[name]
    genome, like = draw(space, seed), draw(space, other)
    params = optuna_trials.genome_to_params(space, genome)
    assert optuna_trials.params_to_genome(space, params, like=like) == genome
    trial = optuna_trials.genome_to_trial(space, genome, value=1.5)  # checks its distributions
    assert optuna_trials.trial_to_genome(space, trial, like=like) == genome
    assert trial.value == 1.5


@every_space
@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_optuna_stores_what_it_is_told(name, seed):
    """Internal representation and back: what a study holds is the genome, exactly."""
    space = SPACES[name]
    genome = draw(space, seed)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.add_trial(optuna_trials.genome_to_trial(space, genome, value=0.0))
    assert optuna_trials.trial_to_genome(space, study.trials[0], like=space.default()) == genome


@every_space
@settings(max_examples=40, deadline=None)
@given(seed=seeds, other=seeds)
def test_nevergrad_round_trip(name, seed, other):
    space = SPACES[name]
    genome, like = draw(space, seed), draw(space, other)
    values = ngp.genome_to_values(space, genome)
    assert ngp.values_to_genome(space, values, like=like) == genome


@every_space
def test_nevergrad_parametrization_holds_the_genome(name):
    space = SPACES[name]
    with private_randomness(0):
        parameters = ngp.parametrization(space)
        parameters.random_state = np.random.RandomState(0)
        assert (
            ngp.values_to_genome(space, parameters.value, like=space.default()) == space.default()
        )
        for seed in range(20):
            genome = draw(space, seed)
            candidate = parameters.spawn_child(new_value=ngp.genome_to_values(space, genome))
            assert ngp.values_to_genome(space, candidate.value, like=space.default()) == genome


@every_space
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_a_trial_draws_what_counts_and_no_more(name, seed):
    space = SPACES[name]
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    trial = study.ask()
    values = optuna_trials.suggest(space, trial)
    assert values.keys() == trial.params.keys()
    genome = optuna_trials.params_to_genome(space, trial.params, like=space.default())
    drawn = set(optuna_trials.genome_to_params(space, genome))
    layers = genome.architecture.num_layers
    if layers == values.get("num_layers"):  # repair did not touch it
        assert {n for n in drawn if n.startswith("d_ff")} == {
            n for n in values if n.startswith("d_ff")
        }
    assert ("decay_fraction" in values) == (values["schedule"] == "wsd")


@every_space
def test_distributions_cover_every_coordinate(name):
    space = SPACES[name]
    assert optuna_trials.distributions(space).keys() == {c.name for c in coordinates(space)}


def test_log_integers_with_a_step_keep_their_scale():
    distribution = optuna_trials.distributions(
        GPT.narrowed(batch_tokens=Integer(512, 8192, 256, log=True))
    )
    assert distribution["batch_tokens"] == optuna.distributions.FloatDistribution(
        512.0, 8192.0, log=True
    )


def test_strange_parameters_are_refused():
    with pytest.raises(ValueError, match=r"but got \['colour'\]"):
        optuna_trials.params_to_genome(GPT, {"colour": 1}, like=GPT.default())
    with pytest.raises(ValueError, match="but got 0 numbers and the keys"):
        ngp.values_to_genome(GPT, {"colour": 1}, like=GPT.default())


def test_foreign_params_are_clipped_into_their_domains():
    space = GPT.narrowed(learning_rate=Real(1e-3, 2e-3, log=True))
    genome = optuna_trials.params_to_genome(space, {"learning_rate": 0.5}, like=space.default())
    assert genome.protocol.learning_rate == 2e-3
