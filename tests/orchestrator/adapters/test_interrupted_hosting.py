"""A search whose library swallows Ctrl-C ends as interrupted, its log whole: Tune's loop by hand."""

import contextlib
import signal
from types import SimpleNamespace

import pytest
from ray import tune
from ray.tune.experiment import Trial

from orchestrator.adapters import course as course_module
from orchestrator.adapters import hosting as hosting_module
from orchestrator.adapters import mailbox as mailbox_module
from orchestrator.adapters.attendance import Attendance
from orchestrator.event_log import LOG_NAME, EventLog, read_log
from orchestrator.events import GenerationClosed, encode
from orchestrator.interrupts import remembered_interrupts
from orchestrator.journal import Journal
from orchestrator.run_config import ResourcesConfig
from orchestrator.search import Search

MEMBERS = 4
PRESSED_AFTER = 2 * MEMBERS
"""Reports; at a result, the last of them is still to be taken."""


class Box:
    """A mailbox in this process."""

    def __init__(self):
        self.waiting = []
        self.post = SimpleNamespace(remote=self._post)
        self.close = SimpleNamespace(remote=lambda: None)

    def _post(self, tasks, needed):
        self.waiting += tasks
        return "birth"


class Loop:
    """Tune's loop with one worker, in this process; Ctrl-C is pressed and swallowed beside it."""

    def __init__(self, box, answer, places):
        self.box, self.answer, self.places = box, answer, places
        self.delivered = 0

    def __call__(self, trainable, *, param_space, tune_config, run_config):
        self.scheduler, self.stopper = tune_config.scheduler, run_config.stop
        return self

    def fit(self):
        trial = Trial("worker", stub=True, config={"worker": 0})
        while not self._step(self.stopper.stop_all, at="a step"):
            reports = [encode(self.answer(self.box.waiting.pop(0)))]
            self.delivered += 1
            result = {"done": False, "reports": reports}
            self._step(
                lambda result=result: self.scheduler.on_trial_result(None, trial, result),
                at="a result",
            )

    def _step(self, call, *, at):
        if self.delivered == PRESSED_AFTER and at in self.places:
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        if "everything" not in self.places:
            return call()
        with contextlib.suppress(KeyboardInterrupt):
            return call()
        return at == "a step"


def small(rules):
    return rules(members=MEMBERS, generations=4)


def run_to_its_end(directory, rules, box, loop, monkeypatch):
    monkeypatch.setattr(course_module, "ray", SimpleNamespace(get=lambda found, timeout: found))
    monkeypatch.setattr(mailbox_module, "start_mailbox", lambda stall, spread: box)
    monkeypatch.setattr(hosting_module, "ties_of_this_driver", lambda: None)
    monkeypatch.setattr(Attendance, "watching", lambda self: contextlib.nullcontext())
    monkeypatch.setattr(tune, "with_parameters", lambda worker, **parameters: worker)
    monkeypatch.setattr(tune, "Tuner", loop)
    unwatched = SimpleNamespace(watched=lambda *_, **__: contextlib.nullcontext())
    setting = SimpleNamespace(corpus=SimpleNamespace(directory=directory), settings=None)
    hosting = hosting_module.Hosting(
        directory=directory, setting=setting, resources=ResourcesConfig(), workers=1,
        keep_generations=2, one_by_one=False, spread=None, again="masga resume",
        lifeline=unwatched,
    )  # fmt: skip
    with EventLog(directory / LOG_NAME) as log, remembered_interrupts() as interrupts:
        journal = Journal(log, lambda *_: None)
        search = Search(rules, journal)
        hosting_module.host(search, hosting, journal=journal, audience=None, interrupts=interrupts)


@pytest.mark.parametrize(
    "places", [{"a step"}, {"a result"}, {"a step", "everything"}, {"a result", "everything"}]
)
def test_it_ends_as_interrupted_and_resumes_to_the_same_search(
    tmp_path, rules, answer, simulation, monkeypatch, places
):
    box = Box()
    loop = Loop(box, answer, places)
    with pytest.raises(KeyboardInterrupt):
        run_to_its_end(tmp_path, small(rules), box, loop, monkeypatch)
    events = read_log(tmp_path / LOG_NAME)[0]
    generations = sum(isinstance(event, GenerationClosed) for event in events)
    assert generations == (1 if "a result" in places else 2)  # no report is taken after it
    resumed = simulation(tmp_path / LOG_NAME, small(rules)).run()
    assert resumed == simulation(tmp_path / "undisturbed.jsonl", small(rules)).run()


def test_without_it_the_same_loop_finishes(tmp_path, rules, answer, simulation, monkeypatch):
    box = Box()
    run_to_its_end(tmp_path, small(rules), box, Loop(box, answer, set()), monkeypatch)
    events = read_log(tmp_path / LOG_NAME)[0]
    assert events == simulation(tmp_path / "undisturbed.jsonl", small(rules)).run()
