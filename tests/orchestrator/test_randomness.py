import itertools
import subprocess
import sys

import numpy as np

from orchestrator.randomness import WHOLE_POPULATION, generator


def test_streams_depend_on_every_argument_and_on_nothing_else():
    base = (7, "select", 3, 1)
    others = [(8, "select", 3, 1), (7, "propose", 3, 1), (7, "select", 4, 1), (7, "select", 3, 2)]
    first = generator(*base).random(4)
    np.random.default_rng(0).random(10)
    assert np.array_equal(first, generator(*base).random(4))
    for a, b in itertools.combinations([base, *others, (7, "select", 3, WHOLE_POPULATION)], 2):
        assert not np.array_equal(generator(*a).random(4), generator(*b).random(4))


def test_borders_between_fields_are_kept():
    assert generator(1, "2", 3, 4).random() != generator(12, "", 3, 4).random()


def test_a_fresh_process_draws_the_same():
    code = "from orchestrator.randomness import generator; print(generator(5, 'x', 2, 1).integers(10**12))"
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert int(printed.stdout) == generator(5, "x", 2, 1).integers(10**12)
