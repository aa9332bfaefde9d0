"""An interrupt that something swallows comes again; without one, nothing is changed."""

import signal
import threading

import pytest

from orchestrator.commands.signals import interrupted_by_ending_signals
from orchestrator.interrupts import remembered_interrupts


@pytest.fixture(autouse=True)
def handlers_of_a_fresh_process():
    """Ray leaves its own in a process that it has once started a node in."""
    fresh = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in fresh.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def swallow(number=signal.SIGINT):
    """Be a library that keeps what it should not; return it."""
    try:
        signal.raise_signal(number)
    except KeyboardInterrupt as error:
        return error
    return None


def test_what_was_swallowed_comes_again_however_often():
    with remembered_interrupts() as interrupts:
        interrupts.heed()
        assert isinstance(swallow(), KeyboardInterrupt)
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                interrupts.heed()


def test_a_finalizer_cannot_lose_it(monkeypatch):
    told = []
    monkeypatch.setattr("sys.unraisablehook", lambda lost: told.append(lost.exc_type))

    class Interrupted:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    with remembered_interrupts() as interrupts:
        Interrupted()
        assert told == [KeyboardInterrupt]
        with pytest.raises(KeyboardInterrupt):
            interrupts.heed()


def test_a_second_one_interrupts_at_once():
    with remembered_interrupts():
        swallow()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_command_lines_ending_signals_are_remembered_too(number):
    with interrupted_by_ending_signals() as interruption, remembered_interrupts() as interrupts:
        swallow(number)
        assert interrupts.came
    assert interruption.exit_code == 128 + number


def test_an_error_that_it_was_turned_into_is_told_as_what_it_was():
    def failing(*, interrupted):
        with remembered_interrupts():
            if interrupted:
                swallow()
            raise ConnectionError

    with pytest.raises(KeyboardInterrupt) as caught:
        failing(interrupted=True)
    assert isinstance(caught.value.__cause__, ConnectionError)
    with pytest.raises(ConnectionError):
        failing(interrupted=False)


def test_handlers_are_put_back_and_those_of_others_are_theirs():
    heard = []
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGHUP, lambda number, frame: heard.append(number))
    try:
        theirs = signal.getsignal(signal.SIGHUP)
        with remembered_interrupts() as interrupts:
            signal.raise_signal(signal.SIGHUP)
            assert not interrupts.came
            assert signal.getsignal(signal.SIGTERM) is before[signal.SIGTERM]  # the default
        assert heard == [signal.SIGHUP]
        assert signal.getsignal(signal.SIGHUP) is theirs
        with remembered_interrupts():
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # set inside, by a library: it stays
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before[signal.SIGHUP])
    assert before == {number: signal.getsignal(number) for number in before}


def test_in_another_thread_nothing_is_changed():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def run():
        with remembered_interrupts() as interrupts:
            seen.append((signal.getsignal(signal.SIGINT), interrupts.came))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [(before, False)]
