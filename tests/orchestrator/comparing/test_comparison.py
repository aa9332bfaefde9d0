"""A comparison adds up, says what it cannot say, and is the same for the same logs."""

import json
from dataclasses import replace

import pytest

from orchestrator.comparing.comparison import compare
from orchestrator.comparing.document import as_json
from orchestrator.comparing.headlines import headlines
from orchestrator.comparing.sheets import sheets
from orchestrator.comparing.terminal import tables
from orchestrator.console.summary import as_text
from orchestrator.events import GenerationClosed, SearchFinished, SearchStarted
from search_spaces.domains import Choice, Real
from search_spaces.gpt.space import GPT


@pytest.fixture
def two(subject):
    return compare([subject("a", fails={(0, 0)}), subject("b", seed=1, shift=0.2, members=4)])


def until(events, generation):
    at = next(
        i
        for i, e in enumerate(events)
        if isinstance(e, GenerationClosed) and e.generation == generation
    )
    return events[: at + 1]


def test_what_was_spent_copied_and_lost_adds_up(two, subject):
    story = subject("a", fails={(0, 0)}).story
    a = two.populations[0]
    assert a.spending.tokens == story.tokens == 36_000
    assert a.spending.seconds == 2.0 * 36
    replaced = [o for o in story.orders.values() if o.decision == "replace"]
    assert a.turnover.exploits == len(replaced) == sum(a.turnover.exploits_by_generation)
    assert dict(a.turnover.exploits_by_proposer) == {"mutation": len(replaced)}
    assert a.turnover.failure_reasons == (("non-finite loss at step 3", 1),)
    assert a.turnover.failures_by_generation == (1, 0, 0, 0, 0, 0)
    assert a.spending.winner == story.reports[story.finished.winner, 5].ledger
    assert 0 < a.spending.inherited_share < 1


def test_the_search_with_lower_losses_has_the_lower_mean_at_common_tokens(two):
    a, b = two.populations
    assert two.common_tokens == (6000, 24_000)
    assert a.mean_best_loss < b.mean_best_loss
    assert a.best_loss == min(point.best for point in a.curve)
    assert headlines(two)[0].startswith("At equal tokens, from 6.00k to 24.0k tokens, a had")


def test_gene_values_are_those_of_the_genomes(two, subject):
    story = subject("a", fails={(0, 0)}).story
    last = [story.orders[point].genome for point in sorted(story.judged.values())]
    for value in two.populations[0].gene_values:
        if value.gene == "learning_rate":
            own = [genome["protocol"]["learning_rate"] for genome in last]
            assert (value.survivors.low, value.survivors.high) == (min(own), max(own))
        if value.gene == "num_heads":
            layers = [n for genome in last for n in genome["architecture"]["num_heads"]]
            assert value.is_per_layer
            assert value.survivors.low == min(layers)
        if value.gene == "activation":
            assert sum(number for _, number in value.survivors.counts) == len(last)
            winner = story.orders[story.finished.winner, 5].genome
            assert value.winner == winner["architecture"]["activation"]
    beta2 = next(v for v in two.populations[0].gene_values if v.gene == "beta2")
    assert beta2.survivors.genomes == sum(g["protocol"]["optimizer"] != "sgd" for g in last)


def test_the_same_logs_give_the_same_document(subject):
    documents = [as_json(compare([subject("a"), subject("b", seed=1)])) for _ in range(2)]
    assert documents[0] == documents[1]


def test_the_document_has_every_part_and_no_number_that_json_has_not(two):
    document = json.loads(as_json(two))
    assert document["format"] == 1
    assert [p["name"] for p in document["populations"]] == ["a", "b"]
    assert document["pairs"][0]["is_clear"] is True
    population = document["populations"][0]
    assert len(population["curve"]) == len(population["diversity"]) == 6
    assert len(population["on_grid"]["best"]) == len(document["grid"])
    assert population["importance"][0]["part"] == "all"


def test_searches_of_other_spaces_are_compared(subject):
    narrow = GPT.narrowed(optimizer=Choice(("adamw",)), learning_rate=Real(1e-5, 1e-3, log=True))
    made = compare([subject("a"), subject("b", space=narrow)])
    a, b = made.populations
    assert "optimizer" in made.ruler_genes
    assert "optimizer" not in b.setup.genes
    fixed = next(v for v in b.gene_values if v.gene == "optimizer")
    assert fixed.survivors.counts == (("adamw", 6),)
    assert all(0 < d.mean_distance < 1 for d in (*a.diversity, *b.diversity))


def test_other_corpora_are_compared_in_bits_per_byte_and_it_is_said(subject):
    made = compare([subject("a"), subject("b", corpus="beef")])
    assert made.unit == "bits per byte"
    assert any("corpora differ" in note for note in made.notes)
    assert "not paired" in as_text(tables(made), width=100)


def test_one_search_is_compared_with_nobody(subject):
    made = compare([subject("alone")])
    assert (made.pairs, made.unpaired, made.notes) == ((), (), ())
    text = as_text(tables(made), width=100)
    assert "Winners on the same held-out batches" not in text
    assert "alone" in text


def test_a_running_search_is_compared_by_what_has_closed(subject, search):
    events = search()
    running = subject("b", events=until(events, 2), is_running=True)
    made = compare([subject("a"), running])
    b = made.populations[1]
    assert b.state == "running"
    assert len(b.curve) == 3
    assert b.winner.heldout is None
    assert "b is still running: compared by the 3 of 6 generations that have closed" in made.notes
    assert made.unpaired[0].reason.startswith("b has not finished")


def test_a_search_in_the_middle_of_a_generation_is_compared_by_the_closed_ones(subject, search):
    events = search()
    at = len(until(events, 2))
    made = compare([subject("b", events=events[: at + 9])])  # 6 orders, 3 reports
    assert [d.generation for d in made.populations[0].diversity] == [0, 1, 2]
    assert made.populations[0].winner is not None


def test_a_search_that_failed_wholly_is_told_of(subject, search):
    every = {(m, g) for m in range(6) for g in range(6)}
    events = [*search(fails=every)[:-2]]
    events.append(SearchFinished(reason="all_failed", winner=None, generation=None, digest=None))
    made = compare([subject("a"), subject("lost", events=events)])
    lost = made.populations[1]
    assert (lost.winner, lost.best_loss, lost.curve, made.common_tokens) == (None, None, (), None)
    assert lost.turnover.failures == 36
    text = as_text(tables(made), width=100)
    assert "36 failed: non-finite loss" in text
    json.loads(as_json(made))


def test_a_search_of_one_member_and_one_generation_is_told_of(subject):
    made = compare([subject("tiny", members=1, generations=1)])
    assert made.populations[0].diversity[0].mean_distance is None
    assert "at least 10 are needed" in as_text(tables(made), width=100)


def test_what_differs_between_the_searches_is_noted(subject, search):
    events = list(search())
    start = events[0]
    assert isinstance(start, SearchStarted)
    events[0] = replace(
        start,
        run={
            **start.run,
            "budget": {"tokens": None, "flops": 1e12},
            "training": {"evaluation_sequences": 8, "evaluation_batches": 2},
        },
    )
    notes = " ".join(compare([subject("a"), subject("b", events=events)]).notes)
    assert "selection batches differ" in notes
    assert "budgets differ" in notes


def test_names_must_differ(subject):
    with pytest.raises(ValueError, match="names of their own"):
        compare([subject("a"), subject("a")])


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_any_number_of_searches_fits_every_sheet(subject, count):
    made = compare([subject(f"s{i}", seed=i, generations=3) for i in range(count)])
    for sheet in sheets(made, most_columns=4, most_rows=5, room_for_winners=2):
        assert all(len(row) == len(sheet.columns) for row in sheet.rows)
    text = as_text(tables(made), width=100)
    assert all(f"s{i}" in text for i in range(count))
    assert ("3 more searches" in text) == (count == 7)
