"""Schedules are functions of progress alone: within [0, 1], continuous, 0 at the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainers.schedules import (
    batch_tokens_at,
    learning_rate_factor,
    ramp_boundaries,
    ramp_share,
    sequence_length_at,
)

SCHEDULES = ["constant", "cosine", "wsd", "linear"]
shares = {
    "warmup_fraction": st.floats(0.0, 0.2),
    "decay_fraction": st.floats(0.05, 0.5),
}


@given(progress=st.floats(0.0, 2.0), schedule=st.sampled_from(SCHEDULES), **shares)
def test_factor_is_a_share(progress, schedule, warmup_fraction, decay_fraction):
    factor = learning_rate_factor(
        progress,
        schedule=schedule,
        warmup_fraction=warmup_fraction,
        decay_fraction=decay_fraction,
    )
    assert 0.0 <= factor <= 1.0


@given(schedule=st.sampled_from(SCHEDULES), **shares)
def test_warms_up_to_the_peak_and_ends_at_zero(schedule, warmup_fraction, decay_fraction):
    def at(progress):
        return learning_rate_factor(
            progress,
            schedule=schedule,
            warmup_fraction=warmup_fraction,
            decay_fraction=decay_fraction,
        )

    assert at(warmup_fraction) == pytest.approx(1.0)
    if warmup_fraction > 1e-6:
        assert at(0.0) == 0.0
        assert at(warmup_fraction / 2) == pytest.approx(0.5)
    assert at(1.0) == pytest.approx(1.0 if schedule == "constant" else 0.0, abs=1e-6)
    assert at(1.5) == at(1.0)
    after = [at(warmup_fraction + i / 100 * (1 - warmup_fraction)) for i in range(101)]
    assert after == sorted(after, reverse=True)
    if schedule == "wsd":
        assert at(1.0 - decay_fraction) == pytest.approx(1.0)
        assert at(1.0 - decay_fraction * 0.75) == pytest.approx(0.5)


@given(ramp=st.sampled_from([1, 2, 4, 8]), progress=st.floats(0.0, 1.0))
def test_a_ramp_doubles_its_way_to_the_whole(ramp, progress):
    boundaries = ramp_boundaries(ramp)
    assert 2 ** len(boundaries) == ramp
    assert ramp_share(0.0, ramp) == 1 / ramp
    assert ramp_share(0.5, ramp) == 1.0
    assert ramp_share(progress, ramp) <= ramp_share(min(1.0, progress + 0.1), ramp)


@pytest.mark.parametrize("ramp", [0, 3, 6, -2])
def test_ramps_are_powers_of_two(ramp):
    with pytest.raises(ValueError, match="power of two"):
        ramp_boundaries(ramp)


def test_batch_and_sequence_follow_their_ramps(protocol):
    p = protocol(batch_tokens=512, batch_ramp=4, sequence_ramp=2)
    assert [batch_tokens_at(x, p) for x in (0.0, 0.25, 0.5)] == [128, 256, 512]
    assert [sequence_length_at(x, p, context_length=16) for x in (0.0, 0.49, 0.5)] == [8, 8, 16]


def test_sequence_ramp_divides_the_context(protocol):
    with pytest.raises(ValueError, match="sequence_ramp=4, context_length=18"):
        sequence_length_at(0.0, protocol(sequence_ramp=4), context_length=18)
