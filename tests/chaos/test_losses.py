"""What the chaos test is judged by: whatever a search loses or does twice is found."""

import shutil

import pytest
import yaml

from orchestrator.event_log import LOG_NAME, EventLog, read_log
from orchestrator.events import Ordered, Reported
from orchestrator.journal import Journal
from orchestrator.member_host import MemberHost, NoExchange
from orchestrator.resuming import open_tasks
from orchestrator.run_loading import load_run
from orchestrator.search import Search
from orchestrator.setting import prepare
from tests.chaos.losses import losses
from tests.chaos.run_file import write_run_file


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The directory of a small search of two generations, run in this process."""
    place = tmp_path_factory.mktemp("losses")
    path = write_run_file(place, generations=2, address=None, tracking_uri=None)
    values = yaml.safe_load(path.read_text())
    values["population"]["interval_tokens"] = 512
    values["budget"] = {"tokens": 6 * 512 * 2}
    path.write_text(yaml.safe_dump(values))
    directory = place / "search"
    (directory / "checkpoints").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MASGA_CACHE", str(place / "cache"))
        setting = prepare(load_run(path).config)
    host = MemberHost(
        corpus=setting.corpus,
        settings=setting.settings,
        checkpoints=directory / "checkpoints",
        exchange=NoExchange(),
        worker=0,
    )
    with EventLog(directory / LOG_NAME) as log:
        journal = Journal(log, lambda *event: None)
        search = Search(setting.rules, journal)
        tasks = list(open_tasks(search, journal))
        while tasks:
            tasks += search.receive(host.run(tasks.pop(0)))
        host.close()
    return directory


@pytest.fixture
def disturbed(undisturbed, tmp_path):
    """A copy, to damage."""
    return shutil.copytree(undisturbed, tmp_path / "search")


def write_log(directory, events):
    (directory / LOG_NAME).unlink()
    with EventLog(directory / LOG_NAME) as log:
        log.append(events)


def events_of(directory):
    return read_log(directory / LOG_NAME)[0]


def checkpoint(directory):
    return min((directory / "checkpoints").iterdir())


def test_the_same_search_lost_nothing(disturbed, undisturbed):
    assert losses(disturbed, undisturbed) == []


def test_a_search_that_did_not_finish(disturbed, undisturbed):
    write_log(disturbed, events_of(disturbed)[:-1])
    found = losses(disturbed, undisturbed)
    assert found[0].startswith("the search has not finished")


def test_a_lost_interval(disturbed, undisturbed):
    events = events_of(disturbed)
    lost = next(e for e in events if isinstance(e, Reported) and e.generation == 1)
    write_log(disturbed, [e for e in events if e is not lost])
    assert f"member {lost.member}, generation 1 was not reported" in losses(disturbed, undisturbed)


def test_an_order_that_was_given_twice(disturbed, undisturbed):
    events = events_of(disturbed)
    order = next(e for e in events if isinstance(e, Ordered) and e.generation == 1)
    write_log(disturbed, [*events[:-1], order, events[-1]])
    told = f"member {order.member}, generation 1 was ordered 2 times"
    assert told in losses(disturbed, undisturbed)


def test_another_course_of_events(disturbed, undisturbed):
    events = events_of(disturbed)
    write_log(disturbed, [events[0], events[2], events[1], *events[3:]])
    (found,) = losses(disturbed, undisturbed)
    assert found.startswith("event 1 is not that of the undisturbed search")


def test_a_checkpoint_that_is_gone(disturbed, undisturbed):
    gone = checkpoint(disturbed)
    shutil.rmtree(gone)
    assert losses(disturbed, undisturbed) == [f"checkpoint {gone.name} is missing"]


def test_a_checkpoint_that_was_to_go(disturbed, undisturbed):
    extra = checkpoint(disturbed)
    shutil.copytree(extra, extra.with_name("g00000-m00099"))
    assert losses(disturbed, undisturbed) == ["checkpoint g00000-m00099 was not deleted"]


def test_a_checkpoint_that_is_damaged(disturbed, undisturbed):
    tensors = next(checkpoint(disturbed).glob("tensors-*"))
    content = bytearray(tensors.read_bytes())
    content[-1] ^= 1
    tensors.write_bytes(content)
    (found,) = losses(disturbed, undisturbed)
    assert "is damaged" in found


def test_a_checkpoint_of_another_state(disturbed, undisturbed):
    first, second = sorted((disturbed / "checkpoints").iterdir())[:2]
    shutil.rmtree(first)
    shutil.copytree(second, first)
    (found,) = losses(disturbed, undisturbed)
    assert found.startswith(f"checkpoint {first.name} holds")
