"""The record of a search is a function of its log, and can be completed from any part of it."""

import dataclasses

import pytest

from orchestrator.events import Reported, Scored
from orchestrator.record.artifacts import artifact_files, lineage_graph
from orchestrator.record.figures import _ancestors
from orchestrator.record.genes import LONGEST_PARAM, fitting
from orchestrator.record.search import search_record
from orchestrator.record.values import MARK, Known, applied, difference, marked
from orchestrator.story.segments import segments
from orchestrator.story.telling import told


def record_of(events, *, is_running=False):
    return search_record(
        told(tuple(events)), search="5ea", name="tale", directory="/d", is_running=is_running
    )


def by_key(record):
    return {run.key: run for run in (record.parent, *record.segments)}


def empty(run):
    return Known(
        run_id=run.key, tags={}, params=frozenset(), metrics={}, status="RUNNING",
        ended_milliseconds=None,
    )  # fmt: skip


def test_a_segment_is_a_run_with_its_genome_and_its_origin(tale):
    child = by_key(record_of(tale))["m001-s01"]
    assert child.params["learning_rate"] == "0.002"
    assert child.params["num_heads.1"] == "4"
    assert child.tags["decision"] == "replace"
    assert child.tags["generation"] == "1"
    assert child.tags["proposer"] == "optuna"
    assert child.tags["changed"].startswith("d_model 64 → 80")
    assert child.tags["morph"] == "widen d_model 64 -> 80; add 2 heads to layer 1"
    assert child.donor == "m000-s00"


@pytest.mark.parametrize("mode", ["synchronous", "asynchronous"])
def test_links_between_donors_and_children_are_the_same_in_both_directions(
    tale, simulation, rules, tmp_path, mode
):
    made = rules(members=6, generations=6, mode=mode)
    events = simulation(tmp_path / "events.jsonl", made, order=3).run()
    record = record_of((tale[0], *events))
    runs = by_key(record)
    down = {(run.key, child) for run in record.segments for child in run.children}
    up = {(run.donor, run.key) for run in record.segments if run.donor is not None}
    assert down == up != set()
    order = [run.key for run in record.segments]
    assert all(order.index(donor) < order.index(child) for donor, child in up)
    assert all(
        runs[donor].started_milliseconds <= runs[child].started_milliseconds for donor, child in up
    )


def test_every_judged_interval_is_one_point_at_its_lineages_tokens(tale):
    story, record = told(tale), record_of(tale)
    points = {
        (int(run.tags["member"]), point.generation): point
        for run in record.segments
        for point in run.points
        if point.generation is not None
    }
    assert points.keys() == story.reports.keys()
    for place, point in points.items():
        assert point.tokens == story.reports[place].ledger.tokens
        assert point.metrics.get("loss") == story.reports[place].nats_per_token
    assert points[1, 1].metrics["fitness/cost_price"] == 0.02
    assert "fitness" not in points[1, 0].metrics


def test_points_tell_the_game_where_it_was_played(tale):
    game = {"exploitability": 0.25, "removed": [["head", 0, 1], ["ffn", 1, 0]]}
    events = list(tale)
    at = next(n for n, event in enumerate(events) if isinstance(event, Reported))
    events[at] = dataclasses.replace(events[at], game=game)
    played = by_key(record_of(events))["m000-s00"].points[0].metrics
    assert played["game/exploitability"] == 0.25
    assert played["game/components_not_paying"] == 2
    assert "game/exploitability" not in by_key(record_of(tale))["m000-s00"].points[0].metrics


def test_a_point_waits_for_its_fitness(tale):
    at = max(n for n, event in enumerate(tale) if isinstance(event, Scored) and event.member == 1)
    before, after = record_of(tale[:at]), record_of(tale[: at + 1])
    assert len(by_key(after)["m001-s01"].points) == len(by_key(before)["m001-s01"].points) + 1


def test_a_record_completed_from_any_part_of_the_log_is_the_whole_record(tale):
    whole = record_of(tale)
    for length in range(1, len(tale)):
        held = {run.key: empty(run) for run in by_key(whole).values()}
        counted = dict.fromkeys(held, 0)
        for record in (record_of(tale[:length], is_running=True), whole):
            for key, run in by_key(record).items():
                change = difference(run, held[key], links={})
                if change is not None:
                    counted[key] += len(change.points)
                    held[key] = applied(change, held[key])
        for key, run in by_key(whole).items():
            assert difference(run, held[key], links={}) is None
            assert counted[key] == len(run.points)
            assert run.tags.items() <= held[key].tags.items()
            assert held[key].status == run.status


def test_the_mark_of_a_point_is_written_last(tale):
    for run in record_of(tale).segments:
        for point in run.points:
            if point.generation is not None:
                assert list(marked(point))[-1] == MARK


@pytest.mark.parametrize(
    ("events", "is_running", "search", "segments"),
    [
        (slice(None), False, "FINISHED", {"m000-s00": "FINISHED", "m001-s00": "FAILED"}),
        (slice(0, 12), True, "RUNNING", {"m000-s00": "RUNNING", "m001-s00": "FAILED"}),
        (slice(0, 12), False, "KILLED", {"m000-s00": "KILLED", "m001-s01": "KILLED"}),
    ],
)
def test_runs_end_as_their_members_do(tale, events, is_running, search, segments):
    record = record_of(tale[events], is_running=is_running)
    assert record.parent.status == search
    runs = by_key(record)
    assert {key: runs[key].status for key in segments} == segments


def test_the_heldout_results_are_with_the_segments_they_are_of(tale):
    runs = by_key(record_of(tale))
    for key, loss in (("m001-s01", 2.1), ("m002-s00", 2.4)):
        assert runs[key].points[-1].metrics["heldout/nats_per_token"] == pytest.approx(loss)
    assert all("heldout/nats_per_token" not in p.metrics for p in runs["m000-s00"].points)


def test_splits_are_datasets_of_the_corpus(tale):
    started = dataclasses.replace(
        tale[0],
        corpus={
            "digest": "d1d1", "sources": [{"name": "wiki"}], "documents": {"train": 9, "heldout": 1},
            "tokens": {"train": 90, "heldout": 10},
        },
    )  # fmt: skip
    train, heldout = record_of((started, *tale[1:])).datasets
    assert (train.name, train.context, train.profile["tokens"]) == ("wiki/train", "training", 90)
    assert (heldout.digest, heldout.context) == ("d1d1", "held-out test")


def test_artifacts_are_the_same_when_they_are_made_again(tale):
    first, second = artifact_files(told(tale)), artifact_files(told(tale))
    assert first == second
    assert {"run.yaml", "population.parquet", "lineage.svg", "lineage.json"} <= first.keys()
    assert b'aria-label="' in first["lineage.svg"]
    assert b"var(--" not in first["lineage.svg"]


def test_artifacts_of_a_search_that_has_only_begun(tale):
    for length in (1, 4):
        assert all(artifact_files(told(tale[:length])).values())


def test_the_lineage_graph_has_an_edge_for_each_exploit(tale):
    graph = lineage_graph(told(tale))
    assert graph["edges"] == [{"donor": "m000-s00", "child": "m001-s01", "generation": 1}]
    assert len(graph["nodes"]) == 4


def test_long_values_are_cut_and_told_to_be():
    (value,) = fitting({"space.genes": "x" * 10_000}).values()
    assert len(value) <= LONGEST_PARAM
    assert value.endswith("(whole in events.jsonl)")


def test_the_way_of_the_winner_ends_in_its_donor_where_it_was_adopted(tale):
    story = told(tale)
    way = {str(key): until for key, until in _ancestors(story, segments(story)).items()}
    assert way == {"m001-s01": 2, "m000-s00": 0}
