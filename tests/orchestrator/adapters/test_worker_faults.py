"""Workers that die, or meet what only the user can mend; Ray is played by a loop of our own."""

import asyncio
import errno
import types

import pytest
import ray

from orchestrator.adapters import course as course_module
from orchestrator.adapters import worker as worker_module
from orchestrator.adapters.course import Course
from orchestrator.adapters.mailbox import Closed, Mailbox
from orchestrator.adapters.worker import LOST_WORKERS, Worker, WorkerSetup
from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME, EventLog, read_log
from orchestrator.events import Ordered, Reported, SearchFinished, encode
from orchestrator.journal import Journal
from orchestrator.leases import WorkerLife
from orchestrator.search import Search
from orchestrator.tasks import Assess, Train
from trainers.data import CorpusError

LIFE = WorkerLife(worker=0, incarnation="a life", node="node")


class Handle:
    """An actor's handle: `handle.method.remote(...)` calls at once, in one loop."""

    def __init__(self, actor):
        self._actor, self._loop = actor, asyncio.new_event_loop()

    def __getattr__(self, name):
        call = getattr(self._actor, name)  # of a later actor, if this one was lost
        return types.SimpleNamespace(
            remote=lambda *args, **kw: self._loop.run_until_complete(call(*args, **kw))
        )


class FormulaHost:
    """A host whose reports are a formula; raises what the test puts into `fault`."""

    def __init__(self, answer):
        self.answer, self.fault, self.resident, self.done = answer, None, (), []

    def run(self, task, *, progress):
        if self.fault is not None:
            raise self.fault(task)
        self.done.append(task)
        return self.answer(task)

    def finished_before(self, task):
        return None

    def flush(self):
        pass

    def close(self):
        pass


@pytest.fixture
def mailbox(monkeypatch):
    fake = types.SimpleNamespace(get=lambda value, timeout=None: value, exceptions=ray.exceptions)
    monkeypatch.setattr(worker_module, "ray", fake)
    monkeypatch.setattr(course_module, "ray", fake)
    monkeypatch.setattr(worker_module, "this_node", lambda: "node")
    handle = Handle(Mailbox())
    yield handle
    handle._loop.close()


@pytest.fixture
def worker(mailbox, tmp_path):
    """Make a worker, or a reborn one of the same number, with a host of the test's."""

    def make(host=None, *, number=0, asynchronous=False, corpus=None):
        setup = WorkerSetup(
            corpus=corpus or tmp_path,
            checkpoints=tmp_path,
            settings=None,
            asynchronous=asynchronous,
            stall_seconds=None,
        )
        made = Worker.__new__(Worker)
        made.setup({"worker": number}, mailbox=mailbox, setup=setup)
        made._host = host
        return made

    return make


@pytest.fixture
def search(tmp_path, rules, mailbox):
    """A search with its course; closes its log in the end."""
    with EventLog(tmp_path / LOG_NAME) as log:
        made = Search(rules(members=4, generations=3), Journal(log, lambda *event: None))
        course = Course(conductor=made, mailbox=mailbox, checkpoints=tmp_path, keep_generations=2)
        course.post(made.begin())
        yield types.SimpleNamespace(
            search=made, course=course, events=lambda: read_log(tmp_path / LOG_NAME)[0]
        )


def go_on(worker, course):
    """Step a worker until there is nothing left, as Tune does."""
    while not (result := worker.step())["done"]:
        course.deliver(result["reports"], result.get("error"), result.get("doing", ()))
    assert result == {"done": True, "reports": []}


class Killed(BaseException):
    """The process is gone: nothing in it can answer."""


def test_a_task_that_kills_three_workers_is_given_up_and_its_member_replaced(
    search, worker, answer
):
    def kills(task):
        deaths.append(task)
        raise Killed

    def deadly(task):
        if isinstance(task, Train) and (task.member, task.generation) == (2, 1):
            kills(task)
        return answer(task)

    deaths = []
    while True:
        host = FormulaHost(deadly)
        try:
            go_on(worker(host), search.course)  # each life of worker 0 is a new incarnation
        except Killed:
            continue
        break
    assert search.course.error is None
    assert len(deaths) == LOST_WORKERS
    events = search.events()
    assert isinstance(events[-1], SearchFinished)
    (report,) = [e for e in events if isinstance(e, Reported) and e.failure is not None]
    assert (report.member, report.generation) == (2, 1)
    assert report.failure == "3 workers died while they trained it"
    (order,) = [e for e in events if isinstance(e, Ordered) and (e.member, e.generation) == (2, 2)]
    assert order.decision == "replace"
    assert order.donor != 2
    assert len(search.search.records) == 4


def test_an_assessment_that_kills_three_workers_ends_the_search_with_a_remedy(
    search, worker, answer
):
    deaths = []

    def deadly(task):
        if isinstance(task, Assess):
            deaths.append(task)
            raise Killed
        return answer(task)

    while True:
        try:
            go_on(worker(FormulaHost(deadly)), search.course)
        except Killed:
            continue
        break
    assert len(deaths) == LOST_WORKERS
    assert isinstance(search.course.error, UserError)
    assert "3 workers died while they did it" in str(search.course.error)
    assert not isinstance(search.events()[-1], SearchFinished)  # it can be resumed


def test_what_a_lost_worker_had_in_hand_is_done_by_another(search, worker, answer, mailbox):
    quick, lost = FormulaHost(answer), FormulaHost(answer)

    def dies(task):
        raise Killed

    lost.fault = dies
    with pytest.raises(Killed):
        worker(lost, number=1).step()
    search.course.release(1)
    go_on(worker(quick), search.course)
    assert isinstance(search.events()[-1], SearchFinished)
    assert all(e.failure is None for e in search.events() if isinstance(e, Reported))


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_only_the_user_can_mend_ends_the_search(search, worker, answer, asynchronous):
    told = UserError(where="disk", law="room is left", found="none", remedy="Make room.")
    host = FormulaHost(answer)

    def full(task):
        return told

    worker_of_one = worker(host, asynchronous=asynchronous)
    result = worker_of_one.step()
    search.course.deliver(result["reports"], result.get("error"), result.get("doing", ()))
    before = search.events()
    host.fault = full
    go_on(worker_of_one, search.course)
    assert search.course.error is told
    assert search.events() == before  # nothing more, and nothing less
    other = worker(FormulaHost(answer), number=1)
    assert other.step() == {"done": True, "reports": []}  # let go, whatever was still waiting


def test_a_corpus_that_is_damaged_on_a_workers_machine_ends_the_search(search, worker, tmp_path):
    go_on(worker(None, corpus=tmp_path / "gone"), search.course)
    assert isinstance(search.course.error, UserError)
    assert not isinstance(search.course.error, CorpusError)
    assert "manifest" in str(search.course.error)
    assert "but got it" not in str(search.course.error)


def test_a_full_disk_at_the_log_ends_the_search_and_keeps_what_was_there(
    search, worker, answer, monkeypatch
):
    before = search.events()

    def write(file, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("orchestrator.event_log.os.write", write)
    go_on(worker(FormulaHost(answer)), search.course)
    assert isinstance(search.course.error, UserError)
    assert "no space left" in str(search.course.error)
    assert search.events() == before


def test_reports_after_an_error_change_nothing(search, worker, answer):
    told = UserError(where="disk", law="room is left", found="none", remedy="Make room.")
    search.course.deliver([], told)
    before = search.events()
    tasks = Search(search.search._rules, NoJournal()).begin()
    search.course.deliver([encode(answer(task)) for task in tasks], None)
    assert search.events() == before


class NoJournal:
    def record(self, events):
        return tuple(events)

    def settled(self, *, newest):
        assert newest
        return ()


def test_a_closed_mailbox_gives_nothing_out(mailbox, rules):
    tasks = Search(rules(), NoJournal()).begin()
    mailbox.post.remote(tasks, frozenset())
    mailbox.close.remote()
    assert isinstance(mailbox.lease.remote(LIFE, (), wait=True), Closed)


def test_a_lost_mailbox_is_given_the_open_tasks_again(search, worker, answer, mailbox):
    deaths = 0

    def loses_the_mailbox(task):
        nonlocal deaths
        if deaths < 6:
            deaths += 1
            mailbox._actor = Mailbox()  # Ray starts it again, empty
            search.course.meet(mailbox.status.remote().birth)
        return answer(task)

    go_on(worker(FormulaHost(loses_the_mailbox)), search.course)
    assert deaths == 6
    events = search.events()
    assert isinstance(events[-1], SearchFinished)
    reports = [(e.member, e.generation) for e in events if isinstance(e, Reported)]
    assert len(reports) == len(set(reports)) == 4 * 3 + 3  # the population's and the baseline's


def test_a_mailbox_lost_between_two_posts_is_noticed_by_the_second(search, worker, answer, mailbox):
    result = worker(FormulaHost(answer)).step()
    mailbox._actor = Mailbox()
    search.course.deliver(result["reports"], None)  # posts the next generation
    go_on(worker(FormulaHost(answer), number=1), search.course)
    assert isinstance(search.events()[-1], SearchFinished)


def test_answers_that_come_twice_change_nothing(search, worker, answer):
    at_work, twice = worker(FormulaHost(answer)), []
    while not (result := at_work.step())["done"]:
        search.course.deliver(result["reports"], None)
        twice += result["reports"]
        before = search.events()
        search.course.deliver(twice, None)  # of all workers that were taken for dead
        assert search.events() == before
    assert isinstance(search.events()[-1], SearchFinished)


def test_what_goes_wrong_with_a_task_that_others_have_done_changes_nothing(
    search, worker, answer, mailbox, caplog
):
    stopped, others = worker(FormulaHost(answer), number=0), worker(FormulaHost(answer), number=1)
    told = UserError(where="checkpoint", law="it is there", found="none", remedy="Restore it.")

    def falls_silent(task):
        mailbox.release.remote(0)  # all it holds goes to others, who do it
        result = others.step()
        search.course.deliver(result["reports"], None)
        return told

    stopped._host.fault = falls_silent
    result = stopped.step()
    assert result["error"] is told
    before = search.events()
    search.course.deliver(result["reports"], result["error"], result["doing"])
    assert search.course.error is None
    assert search.events() == before
    assert "others have done" in caplog.text
    stopped._host.fault = None
    go_on(stopped, search.course)
    assert isinstance(search.events()[-1], SearchFinished)


def test_a_worker_on_a_draining_node_tells_what_it_did_and_leaves(
    search, worker, answer, mailbox, monkeypatch
):
    class Left(BaseException):
        pass

    def leave():
        raise Left

    actor = types.SimpleNamespace(exit_actor=leave)
    fake = types.SimpleNamespace(get=lambda value: value, actor=actor)
    monkeypatch.setattr(worker_module, "ray", fake)
    host = FormulaHost(answer)
    leaving = worker(host)

    def drains(task):
        mailbox.attend.remote(frozenset({"node", "other"}), frozenset({"node"}))
        return answer(task)

    host.answer = drains
    result = leaving.step()
    assert len(result["reports"]) == 1  # it had the others not yet taken
    search.course.deliver(result["reports"], None)
    with pytest.raises(Left):
        leaving.step()
    monkeypatch.setattr(worker_module, "this_node", lambda: "other")
    go_on(worker(FormulaHost(answer)), search.course)
    events = search.events()
    assert isinstance(events[-1], SearchFinished)
    assert all(e.failure is None for e in events if isinstance(e, Reported))
