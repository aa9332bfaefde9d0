"""Searches with the game on, in this process: real members play, whoever hosts them."""

import json
import shutil

import pytest
import yaml

from orchestrator.component_game import ComponentGame
from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME, EventLog, read_log
from orchestrator.events import GenerationClosed, Ordered, Reported, Scored, encode
from orchestrator.journal import Journal
from orchestrator.member_host import MemberHost, NoExchange
from orchestrator.resuming import open_tasks
from orchestrator.run_loading import load_run
from orchestrator.search import Search
from orchestrator.setting import prepare
from orchestrator.tasks import StateKey, Train
from trainers.checkpoint import read_checkpoint

RUN = """
name: playing
seed: 3
corpus: {context_length: 32}
space:
  genes:
    num_layers: {integer: [1, 2]}
    d_model: {integer: [32, 48], step: 16}
    d_ff: {integer: [32, 128], step: 32}
    head_dim: 16
    num_heads: {integer: [2, 4]}
    payoff_sharing: {real: [-1, 1]}
    price_multiplier: {real: [0.25, 4], log: true}
  limits: {parameters: 60_000}
population: {members: 4, interval_tokens: 512}
budget: {tokens: 8192}
proposers: [{proposer: best_reply}, {proposer: replicator}, {proposer: mutation}]
fitness: {nats_per_gflop: front, game: {nash_average: 0.2, remaining_improvement: 0.1, margin: 0}}
training: {evaluation_sequences: 4, evaluation_batches: 2, heldout_batches: 2, utility_every: 2}
baseline: false
"""


@pytest.fixture(scope="module")
def load(cache, text, tmp_path_factory):
    """Load RUN with changes, on two sources of text."""
    directory = tmp_path_factory.mktemp("playing")
    paragraphs = [p for p in text.read_text(encoding="utf-8").split("\n\n") if len(p) > 40]
    for name, part in (("first", paragraphs[::2]), ("second", paragraphs[1::2])):
        lines = "".join(json.dumps({"text": paragraph}) + "\n" for paragraph in part)
        (directory / f"{name}.jsonl").write_text(lines, encoding="utf-8")

    def make(**changes):
        values = yaml.safe_load(RUN)
        values["corpus"]["sources"] = [{"path": f"{name}.jsonl"} for name in ("first", "second")]
        values |= changes
        path = directory / "run.yaml"
        path.write_text(yaml.safe_dump(values))
        return load_run(path).config

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MASGA_CACHE", str(cache))
        yield make


def hosts_of(config, directory, count):
    setting = prepare(config)
    return [
        MemberHost(
            corpus=setting.corpus,
            settings=setting.settings,
            checkpoints=directory / "checkpoints",
            exchange=NoExchange(),
            worker=worker,
        )
        for worker in range(count)
    ]


def search(config, directory, *, workers=1, until=lambda task: False):
    """Go on to the end with so many workers that take turns; return the log's truth."""
    (directory / "checkpoints").mkdir(parents=True, exist_ok=True)
    hosts = hosts_of(config, directory, workers)
    with EventLog(directory / LOG_NAME) as log:
        journal = Journal(log, lambda *event: None)
        course = Search(prepare(config).rules, journal)
        tasks, done = list(open_tasks(course, journal)), 0
        while tasks and not until(tasks[0]):
            host = hosts[done % workers]
            tasks += course.receive(host.run(tasks.pop(0)))
            host.flush()
            done += 1
        assert journal.departures == 0
    for host in hosts:
        host.close()
    return [encode(event)[:2] for event in read_log(directory / LOG_NAME)[0]]


@pytest.fixture(scope="module")
def played(load, tmp_path_factory):
    directory = tmp_path_factory.mktemp("played")
    search(load(), directory, until=lambda task: isinstance(task, Train) and task.generation == 2)
    shutil.copytree(directory, directory.parent / "halfway")
    search(load(), directory)
    return directory


def events_of(directory, kind):
    return [e for e in read_log(directory / LOG_NAME)[0] if isinstance(e, kind)]


def test_the_log_does_not_depend_on_who_hosts_and_resumes_by_replay(played, load, tmp_path):
    truth = [encode(event)[:2] for event in read_log(played / LOG_NAME)[0]]
    assert search(load(), tmp_path / "three", workers=3) == truth
    shutil.copytree(played.parent / "halfway", tmp_path / "halfway")
    assert search(load(), tmp_path / "halfway", workers=2) == truth


def test_every_member_plays_at_the_price_of_the_generation_before_as_its_genome_scales_it(played):
    prices = [0.0, *(c.price for c in events_of(played, GenerationClosed))]
    reports = events_of(played, Reported)
    orders = {(o.member, o.generation): o for o in events_of(played, Ordered)}
    multipliers = set()
    assert len(reports) == 16
    for report in reports:
        game = ComponentGame.from_json(report.game)
        protocol = orders[report.member, report.generation].genome["protocol"]
        multipliers.add(multiplier := protocol.get("price_multiplier", 1.0))
        assert game.price == prices[report.generation] * multiplier
        assert 0 < len(game.measured) <= game.components
        assert game.evaluations <= 12
        assert len(report.domain_losses) == 2
    assert any(report.game["removed"] for report in reports)
    for score in events_of(played, Scored):
        assert {"best_reply", "nash_average", "guard_rail"} <= score.parts["parts"].keys()
    assert len(multipliers) > 1
    kappas = {o.genome["protocol"].get("payoff_sharing", 0.0) for o in events_of(played, Ordered)}
    assert len(kappas - {0.0}) > 1


def test_measurement_is_charged_to_the_member(played, load, tmp_path):
    """The same first intervals without the game cost less by exactly what it spent."""
    plain = load(fitness={"nats_per_gflop": "front"}, proposers=[{"proposer": "mutation"}])
    search(plain, tmp_path, until=lambda task: isinstance(task, Train) and task.generation == 1)
    without = {r.member: r for r in events_of(tmp_path, Reported)}
    assert len(without) == 4
    for report in events_of(played, Reported)[:4]:
        quiet = without[report.member]
        assert report.losses == quiet.losses  # and playing changed nothing else
        assert quiet.game is None
        domains = report.interval_flops - quiet.interval_flops - report.game["flops"]
        assert report.game["flops"] > 0
        assert domains == pytest.approx(quiet.interval_flops * 0, abs=0.2 * quiet.interval_flops)
        assert domains > 0  # evaluating each source by itself is charged too
        assert report.ledger.flops == report.interval_flops


def test_a_state_that_must_be_made_again_names_the_same_components(played, load):
    (host,) = hosts_of(load(), played, 1)
    report = next(r for r in events_of(played, Reported) if r.game["removed"] and r.generation == 3)
    state, _ = read_checkpoint(played / "checkpoints" / str(StateKey(report.member, 3)))
    assert [list(place) for place in state.least_worth] == report.game["removed"]
    order = next(
        o for o in events_of(played, Ordered) if (o.member, o.generation) == (report.member, 3)
    )
    tasks = []

    def remember(task):
        if isinstance(task, Train) and (task.member, task.generation) == (order.member, 3):
            tasks.append(task)
        return False

    with EventLog(played / LOG_NAME) as log:
        course = Search(prepare(load()).rules, Journal(log, lambda *event: None))
        course.begin()
        for event in log.events:
            if isinstance(event, Reported):
                for task in course.receive(event):
                    remember(task)
    (task,) = tasks
    assert task.price_of_play == report.game["price"]
    again = host._remade(task, ValueError("not raised"))
    assert again.least_worth == state.least_worth
    host.close()


@pytest.mark.parametrize(
    ("changes", "where", "law"),
    [
        ({"fitness": {}}, "proposers[0]", "needs the components' game to be played"),
        ({"training": {"utility_every": 0}}, "training.utility_every", "needs measured utilities"),
        (
            {"fitness": {"game": {"evaluations": 3}}},
            "fitness.game.evaluations",
            "`evaluations >= 4` must hold",
        ),
        ({"fitness": {"nats_per_gflop": "dear"}}, "fitness.nats_per_gflop", "front"),
        ({"fitness": {"game": {"best_replies": True}}}, "fitness.game.best_replies", "best_reply"),
        ({"fitness": {"game": {"margin": -1}}}, "fitness.game.margin", "`margin >= 0.0` must hold"),
    ],
)
def test_what_a_run_file_may_not_say(load, changes, where, law):
    with pytest.raises(UserError) as caught:
        load(**changes)
    assert where in str(caught.value)
    assert law in str(caught.value)


def test_a_nash_average_needs_two_sources(load, text):
    with pytest.raises(UserError, match="over the sources of the corpus, 2 or more"):
        load(corpus={"context_length": 32, "sources": [{"path": str(text)}]})


def test_a_game_split_that_is_too_small_is_told_before_anything_trains(load):
    config = load(fitness={"game": {"sequences": 100_000}})
    with pytest.raises(UserError, match=r"fitness\.game\.sequences: the game split holds 100000"):
        prepare(config)
