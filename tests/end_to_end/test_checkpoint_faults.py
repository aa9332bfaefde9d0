"""Whole searches in this process, without Ray: what their files suffer does not change their logs."""

import errno
import os
import shutil
from dataclasses import replace

import pytest
import yaml

from orchestrator import member_host
from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME, EventLog, read_log
from orchestrator.events import Ordered, Reported, SearchFinished, encode
from orchestrator.journal import Journal
from orchestrator.member_host import MemberHost, NoExchange
from orchestrator.resuming import open_tasks
from orchestrator.run_loading import load_run
from orchestrator.search import Search
from orchestrator.setting import prepare
from orchestrator.tasks import Assess, Train

RUN = """
name: here
seed: 3
corpus: {context_length: 32}
space:
  genes: {num_layers: {integer: [1, 2]}, d_model: {integer: [32, 48], step: 16}, head_dim: 16}
  limits: {parameters: 60_000}
population: {members: 4, interval_tokens: 512}
budget: {tokens: 8192}
proposers: [{proposer: mutation}]
training: {evaluation_sequences: 4, evaluation_batches: 2, heldout_batches: 2, utility_every: 2}
"""
OWN_SPACE = """
import dataclasses
from search_spaces.domains import Real
from search_spaces.gpt.space import GPT

WILD = dataclasses.replace(GPT, genes=tuple(
    dataclasses.replace(gene, domain=Real(1e-3, 1e9, log=True), declared=Real(1e-3, 1e9, log=True))
    if gene.name == "learning_rate" else gene for gene in GPT.genes))
"""


class Course:
    """A search with one worker in this process; running it again resumes it."""

    def __init__(self, config, directory):
        self.config = config
        self.directory = directory
        self.checkpoints = directory / "checkpoints"
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        self.origins = []

    def host(self):
        setting = prepare(self.config)
        return MemberHost(
            corpus=setting.corpus,
            settings=setting.settings,
            checkpoints=self.checkpoints,
            exchange=NoExchange(),
            worker=0,
        )

    def search(self, journal):
        """Return the search with plug-ins of its own, as each process makes them."""
        return Search(prepare(self.config).rules, journal)

    def open_tasks(self):
        """Return what a resumed search would hand out."""
        with EventLog(self.directory / LOG_NAME) as log:
            journal = Journal(log, lambda *event: None)
            return open_tasks(self.search(journal), journal)

    def run(self, *, until=lambda task: False):
        """Go on to the end, or to the first task that is not to be done; return the log's truth."""
        host = self.host()
        with EventLog(self.directory / LOG_NAME) as log:
            journal = Journal(log, lambda *event: None)
            search = self.search(journal)
            tasks = list(open_tasks(search, journal))
            try:
                while tasks and not until(tasks[0]):
                    report = host.run(tasks.pop(0))
                    host.flush()
                    self.origins.append(getattr(report, "origin", None))
                    tasks += search.receive(report)
            finally:
                host.close()
            assert journal.departures == 0
        return self.lasting()

    def lasting(self):
        return [encode(event)[:2] for event in read_log(self.directory / LOG_NAME)[0]]

    def copied(self, source, target):
        """Return the same search in a copy of a directory."""
        shutil.copytree(source, target)
        return Course(self.config, target)


@pytest.fixture(scope="module")
def run(cache, text, tmp_path_factory):
    """Load RUN, with changes; corpora are the session's."""

    def make(**changes):
        directory = tmp_path_factory.mktemp("run")
        values = yaml.safe_load(RUN)
        values["corpus"]["sources"] = [{"path": str(text)}]
        for key, value in changes.items():
            values[key] = {**values[key], **value} if isinstance(value, dict) else value
        (directory / "run.yaml").write_text(yaml.safe_dump(values))
        return load_run(directory / "run.yaml").config

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MASGA_CACHE", str(cache))
        yield make


@pytest.fixture(scope="module")
def reference(run, tmp_path_factory):
    """A search that nothing happened to, and copies of its directory on the way."""
    directory = tmp_path_factory.mktemp("reference")
    course = Course(run(), directory / "search")
    course.run(until=lambda task: isinstance(task, Train) and task.generation == 2)
    shutil.copytree(course.directory, directory / "third generation")
    course.run(until=lambda task: isinstance(task, Assess))
    shutil.copytree(course.directory, directory / "verdict")
    course.run()
    return course


@pytest.fixture
def resumable(reference, tmp_path):
    """Return the reference as it was at a moment, in a directory of its own to damage."""

    def make(moment):
        return reference.copied(reference.directory.parent / moment, tmp_path / "search")

    return make


def altered(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def tensors(directory):
    return next(directory.glob("tensors-*"))


DAMAGES = {
    "tensors altered": lambda d: altered(tensors(d)),
    "tensors cut short": lambda d: os.truncate(tensors(d), 100),
    "tensors gone": lambda d: tensors(d).unlink(),
    "state altered": lambda d: altered(d / "state.json"),
    "state cut short": lambda d: os.truncate(d / "state.json", 40),
    "state empty": lambda d: os.truncate(d / "state.json", 0),
    "everything gone": shutil.rmtree,
}


def test_the_reference_is_a_search(reference):
    events = read_log(reference.directory / LOG_NAME)[0]
    assert isinstance(events[-1], SearchFinished)
    assert any(e.decision == "replace" for e in events if isinstance(e, Ordered))
    assert any(e.morph["moves"] for e in events if isinstance(e, Reported) and e.morph)


def test_a_task_is_the_same_task_with_or_without_its_maker(resumable):
    task = next(t for t in resumable("third generation").open_tasks() if t.source is not None)
    assert task.before.key == task.source
    assert task.before.before is None
    assert replace(task, before=None).digest == task.digest


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_source_is_made_again(reference, resumable, damage):
    course = resumable("third generation")
    task = next(t for t in course.open_tasks() if t.source is not None)
    DAMAGES[damage](course.checkpoints / str(task.source))
    report = course.host().run(task)
    expected = next(
        e
        for e in read_log(reference.directory / LOG_NAME)[0]
        if isinstance(e, Reported) and (e.member, e.generation) == (task.member, task.generation)
    )
    assert encode(report)[:2] == encode(expected)[:2]
    assert report.origin == "remade"


def test_a_search_goes_on_from_damaged_checkpoints(reference, resumable):
    course = resumable("third generation")
    for task in course.open_tasks():
        altered(tensors(course.checkpoints / str(task.source)))
    assert course.run() == reference.lasting()
    assert "remade" in course.origins


def test_a_damaged_winner_is_made_again(reference, resumable):
    course = resumable("verdict")
    (winner,) = [t for t in course.open_tasks() if isinstance(t, Assess) and t.role == "winner"]
    altered(tensors(course.checkpoints / str(winner.source)))
    assert course.run() == reference.lasting()


def test_a_finished_task_with_a_damaged_checkpoint_is_done_again(reference, resumable):
    course = resumable("third generation")
    task = course.open_tasks()[0]
    host = course.host()
    host.run(task)
    host.flush()
    altered(tensors(course.checkpoints / str(task.key)))
    assert course.run() == reference.lasting()


def test_two_damaged_checkpoints_in_a_row_are_the_users_to_mend(resumable):
    course = resumable("third generation")
    task = next(t for t in course.open_tasks() if t.source is not None and t.before.source)
    for key in (task.source, task.before.source):
        altered(tensors(course.checkpoints / str(key)))
    with pytest.raises(UserError, match=r"goes on from is whole.*sha256") as error:
        course.host().run(task)
    assert error.value.where.startswith(str(course.checkpoints / str(task.before.source)))
    assert "masga resume" in error.value.remedy


def test_a_full_disk_at_a_checkpoint_loses_nothing(reference, resumable, monkeypatch):
    course = resumable("third generation")
    written = []

    def write(directory, *args):
        written.append(directory)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device", str(directory))
        real(directory, *args)

    real = member_host.write_checkpoint
    monkeypatch.setattr(member_host, "write_checkpoint", write)
    with pytest.raises(UserError, match=r"room for the log and the checkpoints.*no space left"):
        course.run()
    assert course.run() == reference.lasting()


def test_a_checkpoint_that_cannot_be_written_is_the_users_to_mend(resumable):
    course = resumable("third generation")
    task = course.open_tasks()[0]
    (course.checkpoints / str(task.key)).write_text("a file where a directory must be")
    host = course.host()
    host.run(task)
    with pytest.raises(UserError, match=r"checkpoints can be written.*the system says"):
        host.flush()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.99])
def test_a_log_cut_short_anywhere_goes_on_to_the_same_end(reference, resumable, share):
    course = resumable("third generation")
    path = course.directory / LOG_NAME
    os.truncate(path, int(path.stat().st_size * share))
    assert course.run() == reference.lasting()


def test_a_diverging_member_is_replaced_from_the_survivors(run, tmp_path):
    (tmp_path / "wild.py").write_text(OWN_SPACE)
    wild = run(
        space={
            "name": f"{tmp_path / 'wild.py'}:WILD",
            "genes": {"num_layers": 1, "d_model": 32, "head_dim": 16, "optimizer": "sgd"},
            "first_generation": "uniform",
        }
    )
    course = Course(wild, tmp_path / "search")
    course.run()
    events = read_log(course.directory / LOG_NAME)[0]
    reports = [e for e in events if isinstance(e, Reported)]
    failed = [e for e in reports if e.failure is not None and e.generation < 3]
    assert failed
    assert any(e.failure is None for e in reports)
    for failure in failed:
        assert "became" in failure.failure
        (order,) = [
            e
            for e in events
            if isinstance(e, Ordered)
            and (e.member, e.generation) == (failure.member, failure.generation + 1)
        ]
        if order.decision == "replace":
            donor = next(
                e for e in reports if (e.member, e.generation) == (order.donor, failure.generation)
            )
            assert donor.failure is None
        else:
            assert order.decision == "restart"
    for generation in range(4):
        assert len({e.member for e in reports if e.generation == generation} & {0, 1, 2, 3}) == 4
    assert isinstance(events[-1], SearchFinished)


def test_a_checkpoint_answers_only_the_task_that_made_it(run, tmp_path):
    course = Course(run(), tmp_path / "search")
    task = course.open_tasks()[0]
    host = course.host()
    first = host.run(task)
    host.flush()
    assert host.run(task) == first  # clocks and all: it was not trained again
    other = host.run(replace(task, seed=task.seed + 1))
    host.close()
    assert other.losses != first.losses
