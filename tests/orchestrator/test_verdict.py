"""The baseline is the default genome, of the winner's size."""

import pytest

from orchestrator.verdict import default_of_size
from search_spaces.domains import Choice, Integer
from search_spaces.gpt.cost import count_parameters
from search_spaces.gpt.space import GPT

SPACE = GPT.with_constants(vocab_size=264, context_length=64)


@pytest.mark.parametrize("parameters", [60_000, 350_000, 2_000_000])
def test_it_has_the_size_asked_for_even_in_a_narrowed_space(parameters):
    narrow = SPACE.narrowed(
        d_model=Integer(32, 64, step=16), num_layers=Integer(1, 2), activation=Choice(("swiglu",))
    )
    genome = default_of_size(narrow, parameters, horizon_tokens=1_000_000)
    assert count_parameters(genome.architecture) == pytest.approx(parameters, rel=0.03)
    assert genome.architecture.activation == "swiglu"  # what the run fixed stays fixed


def test_its_protocol_is_the_default_with_the_batch_of_the_horizon():
    short = default_of_size(SPACE, 350_000, horizon_tokens=500_000).protocol
    long = default_of_size(SPACE, 350_000, horizon_tokens=5_000_000).protocol
    default = SPACE.default().protocol
    assert short.learning_rate == long.learning_rate == default.learning_rate
    # Step Law: 0.58 D^0.571 tokens
    assert short.batch_tokens == pytest.approx(0.58 * 500_000**0.571, rel=0.15)
    assert long.batch_tokens == pytest.approx(0.58 * 5_000_000**0.571, rel=0.15)
