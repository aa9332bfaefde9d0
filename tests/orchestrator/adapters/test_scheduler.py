"""What we lean on in Ray Tune: failures that are counted, a stop of all, nothing pickled."""

import pickle

import pytest
from ray.tune.experiment import Trial

from orchestrator.adapters.scheduler import Generations, WhenOver


def calm():
    """There was no interrupt."""


@pytest.mark.parametrize("reports", [[], ["a report"]])
def test_a_worker_that_gets_something_done_has_not_failed_so_far(reports):
    delivered = []
    scheduler = Generations(deliver=lambda *step: delivered.append(step), release=print, heed=calm)
    trial = Trial("worker", stub=True, max_failures=2)
    trial.run_metadata.num_failures = 3
    assert not trial.should_recover()
    answer = scheduler.on_trial_result(None, trial, {"done": False, "reports": reports})
    assert answer == "CONTINUE"
    assert delivered == [(reports, None, ())]
    assert trial.should_recover() is bool(reports)


def test_a_worker_that_died_gives_its_tasks_back_at_once():
    released = []
    scheduler = Generations(deliver=print, release=released.append, heed=calm)
    trial = Trial("worker", stub=True, config={"worker": 3})
    scheduler.on_trial_error(None, trial)
    assert released == [3]


def test_all_end_when_the_work_is_over():
    over = []
    stopper = WhenOver(lambda: bool(over), heed=calm)
    assert not stopper("a trial", {})
    assert not stopper.stop_all()
    over.append(True)
    assert stopper.stop_all()


def test_what_tune_pickles_holds_nothing_of_the_search():
    made = Generations(deliver=lambda *step: None, release=lambda worker: None, heed=calm)
    assert type(pickle.loads(pickle.dumps(made))).__name__ == "FIFOScheduler"
    assert not pickle.loads(pickle.dumps(WhenOver(lambda: True, heed=calm))).stop_all()
