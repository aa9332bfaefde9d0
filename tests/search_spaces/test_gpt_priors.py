"""Priors centre the first generation; resizing finds a baseline of a winner's size."""

import numpy as np
import pytest

from search_spaces.domains import Choice, Integer
from search_spaces.gpt.cost import count_non_embedding_parameters, count_parameters
from search_spaces.gpt.priors import (
    first_generation,
    step_law_batch_tokens,
    step_law_learning_rate,
)
from search_spaces.gpt.resize import resize_to_parameters
from search_spaces.gpt.space import GPT
from search_spaces.limits import Limits


def rng_of(member):
    return np.random.default_rng([3, member])


def generation(space, size, prior, horizon_tokens=2_000_000):
    return first_generation(space, size, rng_of, prior=prior, horizon_tokens=horizon_tokens)


@pytest.mark.parametrize("prior", ["uniform", "step_law", "expert"])
def test_generations_are_feasible_reproducible_and_grow_at_the_end(prior):
    space = GPT.limited(Limits(max_parameters=500_000))
    members = generation(space, 12, prior)
    for genome in members:
        space.check(genome)
    assert len(set(members)) == 12
    assert generation(space, 5, prior) == members[:5]


@pytest.mark.parametrize("prior", ["step_law", "expert"])
def test_learning_rates_stray_around_step_law(prior):
    strays = []
    for genome in generation(GPT, 60, prior)[1:]:
        law = step_law_learning_rate(
            parameters=count_non_embedding_parameters(genome.architecture), tokens=2_000_000
        )
        strays.append(np.log(genome.protocol.learning_rate / np.clip(law, 1e-4, 3e-2)))
    assert abs(np.median(strays)) < 0.4
    assert 0.2 < np.std(strays) < 1.2


def test_experts_are_nearer_to_the_centre_than_uniform_draws():
    def spread(prior):
        return np.mean([GPT.distance(GPT.default(), g) for g in generation(GPT, 30, prior)[1:]])

    assert spread("expert") < 0.5 * spread("uniform")


def test_step_law_grows_with_data_and_falls_with_size():
    # the paper's example of a 1B model on 100B tokens: about 1.6e-3 and a million tokens
    rate = step_law_learning_rate(parameters=10**9, tokens=10**11)
    assert rate == pytest.approx(1.63e-3, rel=0.01)
    assert step_law_batch_tokens(tokens=10**11) == pytest.approx(1.1e6, rel=0.02)
    assert step_law_learning_rate(parameters=10**8, tokens=10**11) > rate
    assert step_law_learning_rate(parameters=10**9, tokens=10**12) > rate


def test_unknown_priors_are_refused():
    with pytest.raises(ValueError, match="prior is one of"):
        generation(GPT, 2, "guess")
    with pytest.raises(ValueError, match="horizon_tokens > 0"):
        generation(GPT, 2, "expert", horizon_tokens=0)


@pytest.mark.parametrize("parameters", [60_000, 200_000, 523_456, 1_000_000, 3_000_000])
def test_resized_models_have_the_wanted_size_and_a_like_shape(parameters):
    resized = resize_to_parameters(GPT, GPT.default(), parameters)
    a = resized.architecture
    GPT.check(resized)
    assert count_parameters(a) == pytest.approx(parameters, rel=0.02)
    assert 8 <= a.d_model / a.num_layers <= 128
    assert 1.5 <= a.d_ff[0] / a.d_model <= 9
    assert resized.protocol == GPT.default().protocol


def test_resizing_to_the_same_size_keeps_the_model():
    default = GPT.default()
    assert resize_to_parameters(GPT, default, count_parameters(default.architecture)) == default


def test_resizing_goes_as_near_as_the_space_allows():
    space = GPT.narrowed(
        num_layers=Choice((2,)), d_model=Choice((64,)), d_ff=Integer(64, 128, step=64)
    )
    sizes = {
        count_parameters(
            space.repair(space.with_genes(space.default(), {"d_ff": d})).genome.architecture
        )
        for d in ((64, 64), (64, 128), (128, 128))
    }
    nearest = resize_to_parameters(space, space.default(), 10**9)
    assert count_parameters(nearest.architecture) == max(sizes)
