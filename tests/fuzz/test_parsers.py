"""Whatever a file from outside holds, its reader reads it or says what is wrong: soon, in bounded memory.

`python -m benchmarks.fuzz` does the same with 100,000 inputs a reader, guided by coverage.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.judging import bounded_memory, judged
from tests.fuzz.parsers import PARSERS, input_of


@pytest.fixture(scope="module", autouse=True)
def _bounded():
    with bounded_memory():
        yield


@pytest.mark.parametrize("name", PARSERS)
def test_a_damaged_file_is_read_or_refused(name, tmp_path_factory):
    parser, place = PARSERS[name], tmp_path_factory.mktemp("input")

    @settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], database=None)
    @given(st.binary(max_size=96))
    def law(data):
        judgement = judged(parser, input_of(parser, data), place)
        assert not judgement.is_fault, judgement.trace

    law()
