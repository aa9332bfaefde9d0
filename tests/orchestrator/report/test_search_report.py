"""The report says what the log says: whole, honest about its certainty, readable by anybody."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.report_scale import population
from orchestrator.events import Assessed, Ordered, Reported, SearchFinished
from orchestrator.report import advice
from orchestrator.report.gene_reading import NumericHistory, histories
from orchestrator.report.search_report import search_report
from orchestrator.report.sections import curves, failures, genes, ledger, lineage, summary
from orchestrator.report.sections import utilities as utilities_section
from orchestrator.report.tree_reading import tree_of_the_best, whole_tree
from orchestrator.story.ancestry import ancestors, founders, leader
from orchestrator.story.proposing import living_lineages, offspring
from orchestrator.story.telling import told

SMALL, LARGE = (6, 5), (60, 6)


@pytest.fixture(scope="module")
def stories():
    return {size: population(*size) for size in (SMALL, LARGE)}


@pytest.fixture(scope="module")
def pages(stories):
    from pathlib import Path

    from orchestrator.report.subject import Subject

    return {
        size: search_report(
            Subject(
                story=story,
                directory=Path("runs/it's here"),
                state="finished",
                damage=None,
                commands=frozenset({"search", "export"}),
            )
        )
        for size, story in stories.items()
    }


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_page_is_well_formed_accessible_and_loads_nothing(pages, reading, size):
    page = reading(pages[size])
    assert all(address.startswith(("#", "data:")) for address in page.loaded)
    assert len(set(page.ids)) == len(page.ids)
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(
        after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False)
    )
    assert len(page.pictures) > 20
    assert all(len(told) > 20 for told in page.pictures)
    assert all(page.tables)


def test_every_section_is_there(pages):
    for anchor in ("answers", "loss", "population", "lineage", "genes", "utilities", "ledger",
                   "failures", "environment", "reproduce"):  # fmt: skip
        assert f'<section id="{anchor}">' in pages[SMALL]


def test_a_search_that_tells_little_has_a_page_at_every_event(tale, about, reading, undrawn):
    for end in range(1, len(tale) + 1):
        page = reading(search_report(about(tale[:end])))
        assert "None" not in page.prose.replace("None: all", "")
        assert "nan" not in page.prose.split()


def test_the_same_search_gives_the_same_page(tale, about):
    assert search_report(about(tale)) == search_report(about(tale))


def test_what_a_log_holds_is_text_not_markup(tale, about):
    evil = "<script>alert('x')</script>"
    events = [
        replace(e, failure=evil) if isinstance(e, Reported) and e.failure else e for e in tale
    ]
    body = failures.section(about(events)).body
    assert evil not in body
    assert "&lt;script&gt;" in body


def test_large_populations_are_drawn_as_quantiles(stories, pages):
    drawn = curves.loss_curves(stories[LARGE])
    assert drawn.members == ()
    assert drawn.spread.quantiles.shape == (5, LARGE[1])
    assert np.all(np.diff(drawn.spread.quantiles, axis=0) >= 0)
    assert len(curves.loss_curves(stories[SMALL]).members) > 0
    # ten times the intervals must not be ten times the page
    intervals = [len(stories[size].reports) for size in (SMALL, LARGE)]
    assert len(pages[LARGE]) / len(pages[SMALL]) < 0.3 * intervals[1] / intervals[0]


# --- what do I have, how sure, what next ---


def verdict(tale, winner, baseline):
    held = [e for e in tale if not isinstance(e, Assessed | SearchFinished)]
    for role, losses in (("winner", winner), ("baseline", baseline)):
        (state,) = (e for e in tale if isinstance(e, Assessed) and e.role == role)
        mean = sum(losses) / len(losses)
        held.append(replace(state, losses=losses, nats_per_token=mean, bits_per_byte=2 * mean))
    return [*held, tale[-1]]


@pytest.mark.parametrize(
    ("losses", "says"),
    [
        (((2.0, 2.2, 2.1), (2.3, 2.4, 2.5)), "less than the default genome"),
        (((2.3, 2.4, 2.5), (2.0, 2.2, 2.1)), "MORE than the default genome"),
        (((2.0, 2.4, 2.2), (2.1, 2.2, 2.3)), "no clear difference"),
    ],
)
def test_the_answer_says_who_won_and_when_nobody_can_tell(tale, about, reading, losses, says):
    body = summary.section(about(verdict(tale, *losses))).body
    assert says in reading(body).prose
    assert ('class="lead bad"' in body) == says.startswith("MORE")
    assert "trained once" in body
    assert "the outcome of 2 genomes" in body


def test_only_commands_that_exist_are_recommended(tale, about):
    offered = advice.next_commands(about(tale, commands=frozenset({"search", "export"})))
    assert [command.split()[1] for _, command in offered] == ["export", "search"]
    stopped = advice.next_commands(about(tale[:-4]))
    assert stopped[0][1] == "masga resume runs/tale"


def test_a_search_that_goes_on_says_so_and_is_not_called_won(tale, about, reading):
    prose = reading(summary.section(about(tale[:-4], state="running")).body).prose
    assert "still running" in prose
    assert "You have" not in prose
    assert "the comparison on held-out text comes at the end" in prose


def test_a_search_whose_members_all_failed_has_nothing(tale, about, reading):
    events = [
        replace(e, fitness=None) if type(e).__name__ == "Scored" else e
        for e in tale
        if not isinstance(e, Assessed)
    ]
    events[-1] = SearchFinished(reason="all_failed", winner=None, generation=None, digest=None)
    prose = reading(search_report(about(events))).prose
    assert "Nothing to use: every member of the last generation failed." in prose


def test_genes_on_a_bound_that_could_be_moved_are_named(stories, about):
    story = stories[SMALL]
    order = story.orders[leader(story)]
    edges = {"d_model": 512, "num_heads": [1, 1, 1, 1]}  # heads: nothing lies below one
    genome = order.genome | {"architecture": order.genome["architecture"] | edges}
    story = replace(story, orders=story.orders | {leader(story): replace(order, genome=genome)})
    (told,) = [r for r in advice.remarks(about(story)) if "edge" in r]
    assert "d_model = 512" in told
    assert "num_heads" not in told


# --- lineage ---


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_no_line_of_the_tree_crosses_another(stories, size):
    check_tree(whole_tree(stories[size]))


@pytest.mark.parametrize("mode", ["synchronous", "asynchronous"])
def test_a_search_of_either_mode_is_told(simulated, about, reading, undrawn, mode):
    story = simulated(mode)
    check_tree(whole_tree(story))
    path = [story.reports[point].ledger.tokens for point in ancestors(story, leader(story))]
    assert path == sorted(set(path))
    prose = reading(search_report(about(story))).prose
    assert f"1 of {len(story.reports)} intervals failed" in prose


@pytest.fixture
def simulated(simulation, rules, tmp_path):
    """A search whose members report in any order, one of them a failure."""

    def run(mode):
        search = simulation(
            tmp_path / "events.jsonl",
            rules(mode=mode),
            order=3,
            fails=lambda task: (task.member, task.generation) == (2, 1),
        )
        story = told(tuple(search.run()))
        story.started = population(2, 1).started  # the simulation tells none
        return story

    return run


@pytest.fixture
def undrawn(monkeypatch):
    """What is read off a story, without the seconds that drawing takes."""
    for section in (curves, lineage, ledger):
        monkeypatch.setattr(section, "figure_at", lambda draw, **told: "")
    monkeypatch.setattr(genes, "_panel", lambda history, whose: "")


def check_tree(tree):
    lines = {}
    for branch in tree:
        assert branch.begin < branch.end
        lines.setdefault(branch.row, []).append((branch.begin, branch.end))
    for held in lines.values():
        held.sort()
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(held))
    for branch in tree:  # the stem of a branch meets nothing on its way down
        for row in range((branch.parent_row or branch.row) + 1, branch.row):
            assert all(not begin < branch.begin < end for begin, end in lines.get(row, ()))


def test_the_leaders_path_is_marked_from_its_begin_to_its_end(stories):
    story = stories[SMALL]
    marked = sorted((b.begin, b.led_until) for b in whole_tree(story) if b.led_until is not None)
    assert marked[0][0] == 0.0
    assert all(before[1] == after[0] for before, after in itertools.pairwise(marked))
    assert marked[-1][1] == story.reports[leader(story)].ledger.tokens


def test_the_tree_of_the_best_is_a_part_of_the_whole(stories):
    story = stories[LARGE]
    best = tree_of_the_best(story, members=3)
    assert sum(bool(b.label) for b in best) == 3
    assert len(best) < len(whole_tree(story))


def test_everybody_descends_from_one_founder(stories):
    story = stories[SMALL]
    origin = founders(story)
    for point in story.reports:
        assert origin[point] == ancestors(story, point)[0]
        assert story.orders[origin[point]].source is None
    shares = lineage._takeover(stories[LARGE]).shares
    assert np.allclose(shares.sum(axis=0), 1)


def test_the_accounts_of_proposers_add_up(stories, tale):
    story = stories[LARGE]
    accounts = offspring(story)
    children = [o for o in story.orders.values() if o.decision == "replace"]
    assert sum(a.children for a in accounts) == len(children)
    assert sum(a.lasting for a in accounts) == sum(
        (o.member, o.generation) in living_lineages(story) for o in children
    )
    (account,) = offspring(told(tale))
    assert (account.proposer, account.compared, account.ahead, account.lasting) == (
        "optuna",
        1,
        1,
        1,
    )


# --- genes, utilities, ledger ---


def test_shares_of_options_sum_to_one_and_numbers_keep_to_their_members(stories):
    for history in histories(stories[SMALL]):
        if isinstance(history, NumericHistory):
            assert all(len(row) <= SMALL[0] for row in history.values)
            assert all(history.low <= v <= history.high for row in history.values for v in row)
        else:
            assert all(sum(row) == pytest.approx(1) or sum(row) == 0 for row in history.shares)


def test_a_gene_that_does_not_count_has_no_values(stories):
    by_name = {h.gene.name: h for h in histories(stories[SMALL])}
    # the schedule is cosine in all of them, and decay_fraction belongs to wsd
    assert all(row == () for row in by_name["decay_fraction"].values)
    assert genes.section is not None
    assert len(by_name["weight_decay"].values[0]) == SMALL[0]


def test_only_utilities_beyond_two_standard_errors_count(stories, about, reading):
    body = utilities_section.section(about(stories[SMALL])).body
    # heads: 0.01 (layer + head + 1) with an error of 0.006: the first of layer 0 is noise
    assert "20 of 21 components" in reading(body).prose
    assert "Not told from noise: layer 0 head 0." in reading(body).prose


def test_the_times_of_a_worker_fill_the_span(stories):
    span, times = ledger.time_spent(stories[SMALL])
    for worker in times:
        assert worker.training + worker.adopting + worker.rest == pytest.approx(span)


def test_failures_are_told_with_what_became_of_them(tale, about, reading):
    prose = reading(failures.section(about(tale)).body).prose
    assert "1 of 7 intervals failed" in prose
    assert "non-finite loss at step 3 replaced by member 0" in prose


def test_the_reproduced_run_file_is_the_one_that_ran(tale, about):
    import yaml

    from orchestrator.report.sections.reproduce import run_file

    assert yaml.safe_load(run_file(tale[0])) == tale[0].run


def test_orders_whose_report_is_outstanding_do_no_harm(tale, about, undrawn):
    events = [e for e in tale if not (isinstance(e, Reported) and e.generation == 2)]
    assert isinstance(events[1], Ordered)
    assert re.search("<section id=.lineage.>", search_report(about(events[:-6], state="running")))
