"""What a course asks of its whole population, it asks now and then: not with every report."""

from types import SimpleNamespace

import pytest

from orchestrator.adapters import course as course_module
from orchestrator.adapters.course import TIDY_SHARE, Course
from orchestrator.event_log import LOG_NAME, EventLog
from orchestrator.events import encode
from orchestrator.journal import Journal
from orchestrator.search import Search


class Box:
    """A mailbox in this process."""

    def __init__(self):
        self.waiting = []
        self.needed = []
        self.post = SimpleNamespace(remote=self._post)
        self.close = SimpleNamespace(remote=lambda: None)

    def _post(self, tasks, needed):
        self.waiting += tasks
        self.needed.append(needed)
        return "birth"


@pytest.mark.parametrize("members", [4, 32])
def test_states_that_nobody_needs_are_looked_for_now_and_then(
    tmp_path, rules, answer, monkeypatch, members
):
    monkeypatch.setattr(course_module, "ray", SimpleNamespace(get=lambda found, timeout: found))
    made = rules(members=members, generations=6, mode="asynchronous", baseline=False)
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    box = Box()
    with EventLog(tmp_path / LOG_NAME) as log:
        search = Search(made, Journal(log, lambda *_: None))
        course = Course(conductor=search, mailbox=box, checkpoints=checkpoints, keep_generations=2)
        course.post(search.begin())
        while box.waiting:
            task = box.waiting.pop(0)
            (checkpoints / str(task.key)).mkdir(exist_ok=True)
            course.deliver([encode(answer(task))], None)
            assert course.error is None
    assert search.finished
    looked = sum(needed is not None for needed in box.needed)
    posts = len(box.needed)
    assert posts >= 5 * members
    assert looked <= 2 + posts / (TIDY_SHARE * members)
    if TIDY_SHARE * members > 1:
        assert looked < posts / 2
    left = {path.name for path in checkpoints.iterdir()}
    assert {str(key) for key in search.needed_states()} <= left
    assert len(left) <= 4 * members  # of six generations


def test_the_mailbox_lets_more_workers_wait_than_a_cluster_has():
    from orchestrator.adapters.mailbox import MOST_CALLS

    assert MOST_CALLS >= 10 * 10_000
