"""An interval's steps hold exactly its tokens, in even batches, cut where a ramp doubles."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainers.schedules import batch_tokens_at, sequence_length_at
from trainers.steps import plan_interval, split_evenly

CONTEXT = 32
# The fixture makes frozen values and keeps nothing between examples.
with_fixture = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@with_fixture
@given(
    start=st.integers(0, 400),
    windows=st.integers(1, 400),
    horizon=st.integers(1, 30_000),
    batch=st.integers(1, 40),
    batch_ramp=st.sampled_from([1, 2, 4]),
    sequence_ramp=st.sampled_from([1, 2, 4]),
)
def test_steps_hold_exactly_the_interval(
    protocol, *, start, windows, horizon, batch, batch_ramp, sequence_ramp
):
    p = protocol(batch_tokens=batch * 16, batch_ramp=batch_ramp, sequence_ramp=sequence_ramp)
    steps = plan_interval(
        p,
        start=start * CONTEXT,
        tokens=windows * CONTEXT,
        horizon_tokens=horizon,
        context_length=CONTEXT,
    )
    assert sum(s.tokens for s in steps) == windows * CONTEXT
    position = start * CONTEXT
    for step in steps:
        progress = position / horizon
        assert step.tokens % CONTEXT == 0
        assert step.length == sequence_length_at(progress, p, context_length=CONTEXT)
        assert step.tokens <= max(CONTEXT, batch_tokens_at(progress, p) + CONTEXT / 2)
        position += step.tokens


@given(total=st.integers(1, 500), most=st.integers(1, 60))
def test_parts_are_even_and_few(total, most):
    parts = split_evenly(total, most)
    assert sum(parts) == total
    assert len(parts) == -(-total // most)
    assert max(parts) <= most
    assert max(parts) - min(parts) <= 1


def test_learning_rate_is_that_of_the_middle(protocol):
    p = protocol(
        batch_tokens=64,
        batch_ramp=1,
        sequence_ramp=1,
        schedule="linear",
        warmup_fraction=0.0,
    )
    steps = plan_interval(p, start=0, tokens=128, horizon_tokens=128, context_length=CONTEXT)
    assert [s.learning_rate_factor for s in steps] == [0.75, 0.25]


@pytest.mark.parametrize(
    ("start", "tokens", "message"),
    [(0, 33, "tokens=33"), (0, 0, "tokens=0"), (5, 32, "start=5"), (-32, 32, "start=-32")],
)
def test_intervals_are_whole_windows(protocol, start, tokens, message):
    with pytest.raises(ValueError, match=message):
        plan_interval(
            protocol(), start=start, tokens=tokens, horizon_tokens=640, context_length=CONTEXT
        )
