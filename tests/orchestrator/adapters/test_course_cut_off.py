"""A course that is cut off from its mailbox waits for no answer, and tells why it ended."""

import threading
from types import SimpleNamespace

import pytest
import ray

from orchestrator.adapters import course as module
from orchestrator.adapters.course import Course, CutOffError
from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME, EventLog
from orchestrator.events import encode
from orchestrator.journal import Journal
from orchestrator.search import Search

CUT_OFF = UserError(where="driver", law="its node lives", found="none", remedy="Resume.")


@pytest.fixture
def silence(monkeypatch):
    """Let the mailbox answer until it is silent; returns the two events, silent and asked."""
    silent, asked = threading.Event(), threading.Event()

    def get(answer, *, timeout):
        if not silent.is_set():
            return answer
        asked.set()
        threading.Event().wait(timeout)
        raise ray.exceptions.GetTimeoutError

    monkeypatch.setattr(ray, "get", get)
    monkeypatch.setattr(module, "ASK_SECONDS", 0.01)
    return silent, asked


@pytest.fixture
def begun(silence, rules, answer, tmp_path):
    """A course of a search that has begun, and the answers to what it posted."""
    posted = []

    def post(tasks, needed):
        del needed
        posted.extend(tasks)
        return "birth"

    quiet = SimpleNamespace(remote=lambda *_: None)
    mailbox = SimpleNamespace(
        post=SimpleNamespace(remote=post), close=quiet, release=quiet, settle=quiet
    )
    (tmp_path / "checkpoints").mkdir()
    with EventLog(tmp_path / LOG_NAME) as log:
        search = Search(
            rules(members=4, generations=3, mode="asynchronous", baseline=False),
            Journal(log, lambda *_: None),
        )
        course = Course(
            conductor=search,
            mailbox=mailbox,
            checkpoints=tmp_path / "checkpoints",
            keep_generations=2,
        )
        course.post(search.begin())
        yield course, [encode(answer(task)) for task in posted]


@pytest.mark.parametrize("what", ["release", "deliver", "meet", "post"])
def test_whoever_waits_for_an_answer_is_let_go(begun, silence, what):
    course, answers = begun
    silent, asked = silence
    course.meet("birth")
    raised = []

    def wait():
        try:
            match what:
                case "release":
                    course.release(1)
                case "deliver":
                    course.deliver(answers[:1], None)
                case "meet":
                    course.meet("another birth")
                case "post":
                    course.post(())
        except CutOffError as error:
            raised.append(error)

    silent.set()
    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    assert asked.wait(60)
    assert course.error is None
    course.cut_off(CUT_OFF)
    waiting.join(60)
    assert not waiting.is_alive()
    assert course.is_over
    assert course.error is CUT_OFF
    assert len(raised) == (what in {"meet", "post"})


def test_an_error_before_is_the_one_that_is_told(begun, silence):
    course, _ = begun
    full = UserError(where="disk", law="it has room", found="none", remedy="Make some.")
    course.deliver([], full)
    silence[0].set()
    course.cut_off(CUT_OFF)
    assert course.error is full


def test_nothing_is_delivered_any_more(begun, silence):
    course, answers = begun
    silence[0].set()
    course.cut_off(CUT_OFF)
    course.deliver(answers, None)
    assert course.error is CUT_OFF
