"""Laws of a schedule: one member follows it, with its seeds; what no schedule foresees ends it."""

import dataclasses
import itertools

import pytest

from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME
from orchestrator.events import Ordered, Reported, SearchFinished, SearchStarted
from orchestrator.run_loading import load_run
from orchestrator.schedule import Schedule, Stretch, require_trainable
from orchestrator.story.replay import passages
from orchestrator.story.telling import told
from orchestrator.tasks import Train
from search_spaces.domains import Choice, Integer
from search_spaces.errors import SpaceError


def story_of(events, run):
    """Tell the events of a simulation, which begins without its start."""
    started = SearchStarted(
        run=run, space={}, corpus={}, horizon_tokens=8192, generations=8, environment={}
    )
    return told((started, *events))


@pytest.fixture
def lead(simulation, rules, tmp_path_factory):
    """A finished search of ours and its winner's passages."""
    events = simulation(
        tmp_path_factory.mktemp("lead") / "search", rules(members=5, generations=8)
    ).run()
    story, end = story_of(events, {"seed": 7}), events[-1]
    return story, passages(story, end.winner, end.generation)


def replayed(tmp_path, simulation, rules, schedule, *, stop_after=None, **options):
    made = rules(
        members=1,
        generations=schedule.intervals,
        first_genomes=(schedule.stretches[0].genome,),
        first_origin="schedule",
        schedule=schedule,
        baseline=False,
    )
    made = dataclasses.replace(made, proposers=None)
    return simulation(tmp_path / LOG_NAME, made, **options).run(stop_after=stop_after)


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def test_a_replay_gives_each_interval_its_genome_and_charges_its_own_tokens(
    tmp_path, simulation, rules, lead
):
    _, led = lead
    assert len(led) > 1, "this search must have exploited"
    events = replayed(
        tmp_path, simulation, rules, Schedule(stretches=tuple(p.stretch for p in led))
    )
    orders = of(Ordered, events)
    genomes = [p.stretch.genome.digest for p in led for _ in range(p.stretch.intervals)]
    assert [order.digest for order in orders] == genomes
    turns = [at for at in range(1, 8) if genomes[at] != genomes[at - 1]]
    assert [o.generation for o in orders if o.decision == "replace"] == turns
    assert {o.donor for o in orders if o.decision == "replace"} == {0}
    assert [r.ledger.tokens for r in of(Reported, events)] == [1024 * n for n in range(1, 9)]
    assert {r.ledger.inherited_tokens for r in of(Reported, events)} == {0}
    assert isinstance(events[-1], SearchFinished)
    assert (events[-1].reason, events[-1].digest) == ("budget", genomes[-1])


def test_the_seeds_of_the_stretches_are_those_of_the_tasks_that_began_them(
    tmp_path, simulation, rules, answer, monkeypatch
):
    seeds, made = {}, rules(members=5, generations=8)

    def noted(task, **options):
        if isinstance(task, Train):
            seeds[task.member, task.generation] = task.seed
        return answer(task, **options)

    monkeypatch.setitem(simulation.run.__globals__, "answer", noted)
    events = simulation(tmp_path / "search", made).run()
    story, end = story_of(events, {"seed": 7}), events[-1]
    original = dict(seeds)
    led = passages(story, end.winner, end.generation)
    for passage in led:
        first = passage.steps[0]
        assert passage.stretch.seed == original[first.member, first.first_generation]
    seeds.clear()
    schedule = Schedule(stretches=tuple(p.stretch for p in led))
    events = replayed(tmp_path, simulation, rules, schedule)
    starts = [at for at in range(8) if at == 0 or schedule.turns_at(at)]
    assert [seeds[0, at] for at in starts] == [p.stretch.seed for p in led]
    written = [{"intervals": s.intervals, "seed": s.seed} for s in schedule.stretches]
    again = story_of(events, {"seed": 7, "schedule": {"stretches": written}})
    assert tuple(p.stretch for p in passages(again, 0, 7)) == schedule.stretches


def test_passages_of_a_lineage_cover_its_tokens_and_copies_do_not_cut_them(lead):
    story, led = lead
    end = story.finished
    tokens = story.reports[end.winner, end.generation].ledger.tokens
    assert sum(p.stretch.intervals for p in led) * 1024 == tokens
    assert all(a.stretch.genome != b.stretch.genome for a, b in itertools.pairwise(led))
    assert led[-1].stretch.genome.digest == end.digest


def test_a_failed_interval_ends_a_replay(tmp_path, simulation, rules, lead):
    _, led = lead
    events = replayed(
        tmp_path,
        simulation,
        rules,
        Schedule(stretches=tuple(p.stretch for p in led)),
        fails=lambda task: task.generation == 2,
    )
    assert [order.generation for order in of(Ordered, events)] == [0, 1, 2]
    assert (events[-1].reason, events[-1].winner) == ("all_failed", None)


@pytest.mark.parametrize("cut", range(9))
def test_a_replay_goes_on_where_it_was_cut_off(tmp_path, simulation, rules, lead, cut):
    _, led = lead
    schedule = Schedule(stretches=tuple(p.stretch for p in led))
    events = replayed(tmp_path, simulation, rules, schedule)
    (tmp_path / LOG_NAME).unlink()
    replayed(tmp_path, simulation, rules, schedule, stop_after=cut)
    assert replayed(tmp_path, simulation, rules, schedule) == events


def test_stretches_are_told_apart(rules):
    a, b = rules().first_genomes[:2]
    schedule = Schedule(
        stretches=(
            Stretch(intervals=2, genome=a, seed=1),
            Stretch(intervals=1, genome=b, seed=2),
            Stretch(intervals=3, genome=a, seed=3),
        )
    )
    assert [schedule.at(n).seed for n in range(6)] == [1, 1, 2, 3, 3, 3]
    assert [schedule.turns_at(n) for n in range(6)] == [False, False, True, True, False, False]


def test_a_genome_of_a_schedule_need_not_lie_in_the_domains_but_must_be_trainable(rules):
    space, genome = rules().space, rules().first_genomes[0]
    d_model = genome.architecture.d_model
    elsewhere = space.narrowed(d_model=Choice((d_model + 16,)), num_layers=Integer(7, 8))
    require_trainable(elsewhere, genome)
    heads = (*genome.architecture.num_heads[:-1], 3)
    kv = (*genome.architecture.num_kv_heads[:-1], 2)
    broken = space.with_genes(genome, {"num_heads": heads, "num_kv_heads": kv})
    with pytest.raises(SpaceError, match="num_kv_heads divides num_heads"):
        require_trainable(space, broken)
    with pytest.raises(SpaceError, match="constant 'vocab_size' is 128 in this run"):
        require_trainable(space.with_constants(vocab_size=128), genome)
    with pytest.raises(SpaceError, match="lies within"):
        require_trainable(space, space.with_genes(genome, {"learning_rate": -1.0}))
    with pytest.raises(SpaceError, match="data_mix"):
        require_trainable(space, space.with_genes(genome, {"data_mix": (0.5, 0.5)}))


SCHEDULE = """
population: {{members: {members}, interval_tokens: 1024}}
budget: {{{budget}}}
proposers: {proposers}
schedule:
  horizon_tokens: 4096
  stretches: [{{intervals: 2, genome: {{}}, seed: 3}}, {{intervals: {last}, genome: {{}}, seed: 4}}]
"""


@pytest.mark.parametrize(
    ("values", "law"),
    [
        ({"members": 2, "proposers": "[{proposer: mutation}]"}, "a `schedule` trains one member"),
        ({"budget": "tokens: 4096"}, "3 intervals x 1024 = 3072 tokens, but got 4096"),
        ({"budget": "flops: 1e15"}, "but got a budget in FLOPs. Write budget: {tokens: 3072}"),
        ({"last": 0}, "run.yaml:7: schedule.stretches[1].intervals: `intervals >= 1` must hold"),
    ],
)
def test_what_a_run_file_with_a_schedule_must_say(tmp_path, values, law):
    written = {"members": 1, "budget": "tokens: 3072", "proposers": "[]", "last": 1, **values}
    path = tmp_path / "run.yaml"
    path.write_text(SCHEDULE.format(**written))
    with pytest.raises(UserError) as caught:
        load_run(path)
    assert law in str(caught.value)


def test_a_search_says_nothing_of_schedules_in_its_log(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("budget: {tokens: 8M}\n")
    assert "schedule" not in load_run(path).config.deciding()
    written = {"members": 1, "budget": "tokens: 3072", "proposers": "[]", "last": 1}
    path.write_text(SCHEDULE.format(**written))
    config = load_run(path).config
    assert config.schedule.intervals == 3
    assert type(config).from_json({**config.deciding(), **config.beside()}) == config
