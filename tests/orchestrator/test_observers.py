import logging
import threading

from orchestrator.events import GenerationClosed
from orchestrator.observers import Audience

EVENT = GenerationClosed(
    generation=0, best_member=None, best_loss=None, best_fitness=None, tokens=0, flops=0.0
)


class Witness:
    def __init__(self):
        self.seen = []

    def on_event(self, event, number, replayed):
        self.seen.append((number, replayed))

    def on_progress(self, progress):
        self.seen.append(progress)

    def close(self):
        self.seen.append("closed")


class Failing(Witness):
    def on_event(self, event, number, replayed):
        raise RuntimeError("the terminal is gone")


def test_a_failing_observer_is_warned_about_once_and_dropped(caplog):
    good, bad = Witness(), Failing()
    audience = Audience([bad, good])
    with caplog.at_level(logging.WARNING, logger="masga"):
        audience.on_event(EVENT, 1, False)
        audience.on_event(EVENT, 2, True)
        audience.on_progress(())
        audience.close()
    assert good.seen == [(1, False), (2, True), (), "closed"]
    assert bad.seen == []
    (warning,) = caplog.messages
    assert "Failing failed and is not called again" in warning
    assert "the terminal is gone" in warning


def test_closing_twice_closes_once():
    witness = Witness()
    inner = Audience([witness])
    outer = Audience([inner])
    outer.close()
    inner.close()
    assert witness.seen == ["closed"]


def test_observers_see_one_call_at_a_time():
    inside = []

    class Slow(Witness):
        def on_event(self, event, number, replayed):
            inside.append(1)
            assert len(inside) == 1
            threading.Event().wait(0.001)
            inside.pop()
            super().on_event(event, number, replayed)

    slow = Slow()
    audience = Audience([slow])
    threads = [
        threading.Thread(target=lambda: [audience.on_event(EVENT, n, False) for n in range(20)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(slow.seen) == 80


def tell(audience, number):
    audience.on_event(EVENT, number, False)


def test_the_past_is_told_first_whatever_comes_meanwhile():
    witness, began, go_on = Witness(), threading.Event(), threading.Event()
    audience = Audience([witness])

    def past():
        yield EVENT
        began.set()
        go_on.wait(30)
        yield from [EVENT] * 5000

    audience.on_past(past(), 7)
    assert began.wait(30)
    tell(audience, 5008)
    audience.on_progress(())  # of a moment that has gone when it could be shown
    threading.Thread(target=go_on.set).start()
    tell(audience, 5009)
    audience.close()
    assert witness.seen == [
        *((number, True) for number in range(7, 5008)),
        (5008, False),
        (5009, False),
        "closed",
    ]


def test_once_the_past_is_told_all_is_told_at_once():
    witness = Witness()
    audience = Audience([witness])
    audience.on_past(iter([EVENT]), 0)
    audience._teller.join()
    tell(audience, 1)
    audience.on_progress(())
    assert witness.seen == [(0, True), (1, False), ()]


def test_a_past_that_cannot_be_read_ends_the_show_and_nothing_else(caplog):
    witness = Witness()
    audience = Audience([witness])

    def past():
        yield EVENT
        raise OSError("the log has gone")

    with caplog.at_level(logging.WARNING, logger="masga"):
        audience.on_past(past(), 0)
        audience._teller.join()
    tell(audience, 1)
    audience.close()
    assert witness.seen == [(0, True), "closed"]
    (told,) = caplog.messages
    assert "the log has gone" in told
    assert "the search goes on" in told


def test_an_observer_that_fails_in_the_past_is_dropped_as_ever(caplog):
    good, bad = Witness(), Failing()
    audience = Audience([bad, good])
    with caplog.at_level(logging.WARNING, logger="masga"):
        audience.on_past(iter([EVENT, EVENT]), 0)
        audience.close()
    assert good.seen == [(0, True), (1, True), "closed"]
    assert len(caplog.messages) == 1
