"""Who keeps the garbage collector away, in whatever order they come and go."""

import gc

import pytest

from orchestrator.garbage import uncollected


@pytest.fixture(params=[True, False], ids=["on", "off"])
def was_on(request):
    before = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if before else gc.disable)()


def test_the_collector_comes_back_when_the_last_one_leaves(was_on):
    first, second = uncollected(), uncollected()  # of two threads: none waits for the other
    first.__enter__()
    second.__enter__()
    assert not gc.isenabled()
    first.__exit__(None, None, None)
    assert not gc.isenabled()
    second.__exit__(None, None, None)
    assert gc.isenabled() == was_on


def test_the_collector_comes_back_after_an_exception(was_on):
    with pytest.raises(KeyError), uncollected():
        raise KeyError
    assert gc.isenabled() == was_on
