"""Settings are checked when they are made; seeds depend on everything that names them."""

import pytest

from trainers.seeds import seed_for
from trainers.settings import TrainerSettings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"horizon_tokens": 0}, "`horizon_tokens >= 1` must hold, but got horizon_tokens=0"),
        ({"threads": 0}, "threads=0"),
        ({"utility_every": -1}, "utility_every=-1"),
        ({"micro_batch_tokens": 0}, "micro_batch_tokens=0"),
        ({"device": "tpu"}, "'tpu'"),
        ({"dtype": "float16"}, "'float16'"),
        ({"dtype": "bfloat16"}, "On a CPU"),
    ],
)
def test_values_out_of_range_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        TrainerSettings(**{"seed": 0, "horizon_tokens": 100, **change})


def test_seeds_are_keyed_by_all_their_parts():
    seeds = [
        seed_for(1, "dropout", 2),
        seed_for(12, "dropout"),
        seed_for(1, "dropout", 2, 0),
        seed_for(1, "weights", 2),
        seed_for(2, "dropout", 1),
    ]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= s < 2**63 for s in seeds)
