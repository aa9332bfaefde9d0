import dataclasses
import io
from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.console.live_table import LiveTable, state, table, tokens_in_flight
from orchestrator.console.pace import Pace
from orchestrator.console.plain_lines import PlainLines
from orchestrator.console.summary import Places, summary
from orchestrator.events import Ordered, Scored
from orchestrator.observers import LiveProgress
from orchestrator.story.telling import told


def printed(renderable):
    console = Console(record=True, width=160, file=io.StringIO())
    console.print(renderable)
    return console.export_text()


def progress(member, generation, done):
    return LiveProgress(
        member=member,
        generation=generation,
        tokens_done=done,
        tokens_of_interval=1000,
        train_loss=2.0,
        worker=0,
    )


class Ticks:
    """A clock that moves when told."""

    now = 100.0

    def __call__(self):
        return self.now


PACE = Pace(seconds=10.0, tokens=2000, share=0.25, total_share=0.5)


def test_pace_extrapolates_this_session_only():
    assert PACE.tokens_per_second == 200
    assert PACE.seconds_left == pytest.approx(20)
    assert Pace(total_share=0.5).seconds_left is None


def test_table_shows_members_genomes_fitness_parts_and_states(tale):
    # generation 1 is ordered, member 1 replaced; nothing of it reported yet
    text = printed(table(told(tale[:10]), (progress(1, 1, 450),), PACE, lines=24))
    assert "cccccccccccc" in text
    assert "training  45%" in text
    assert "replaced by 0 via optuna" in text
    assert "queued" in text
    assert "loss_present 3" in text
    assert "cost_price 0.02" in text
    assert "best loss 3.0000 (aaaaaaaaaaaa)" in text
    assert "50% of the budget" in text
    assert "20s left" in text


def crowd(tale, members):
    """The events of the first generation, member 0's again for each of the others."""
    mine = [event for event in tale[:8] if getattr(event, "member", None) == 0]
    for member in range(2, members):
        for event in mine:
            event = dataclasses.replace(event, member=member)  # noqa: PLW2901
            if isinstance(event, Scored):
                event = dataclasses.replace(event, fitness=event.fitness - member)  # noqa: PLW2901
            yield event


@pytest.mark.parametrize(("lines", "whole"), [(106, True), (104, True), (103, False), (3, False)])
def test_table_shows_the_fittest_that_fit(tale, lines, whole):
    story = told((*tale[:8], *crowd(tale, 100)))
    text = printed(table(story, (), PACE, lines=lines)).splitlines()
    members = [int(line[:8]) for line in text if line[:8].strip().isdigit()]
    if whole:
        assert members == [*range(100)]
        assert not any("more" in line for line in text)
    else:
        most = max(1, lines - 4)
        assert members == [0, *range(2, most + 1)]  # member 1 failed
        assert f"{100 - most} members more, less fit or not judged yet" in text
    assert len(text) <= max(lines, 4)


def test_members_that_are_not_judged_yet_come_after_those_that_are(tale):
    story = told((*tale[:8], *(e for e in crowd(tale, 9) if isinstance(e, Ordered))))
    text = printed(table(story, (), PACE, lines=8))
    assert [line.split()[0] for line in text.splitlines()[1:5]] == ["0", "1", "2", "3"]


def test_baseline_in_work_is_drawn_under_the_members(tale):
    at = next(n for n, e in enumerate(tale) if getattr(e, "decision", "") == "baseline")
    shown = printed(table(told(tale[: at + 1]), (), PACE, lines=24)).splitlines()
    assert shown[3].split()[0] == "base"
    done = printed(table(told(tale), (), PACE, lines=24)).splitlines()
    assert not any(line.split()[:1] == ["base"] for line in done)


def test_states_of_a_member(tale):
    story = told(tale[:8])
    assert state(story, (0, 0), None) == "waiting"
    assert state(story, (1, 0), None) == "failed: non-finite loss at step 3"


def test_tokens_in_flight_are_those_not_reported_yet(tale):
    story = told(tale[:11])  # member 0 has reported generation 1, member 1 has not
    assert tokens_in_flight(story, (progress(0, 1, 1000), progress(1, 1, 300))) == 300


def test_live_table_is_drawn_at_most_five_times_a_second(tale):
    file, clock = io.StringIO(), Ticks()
    live = LiveTable(Console(file=file, force_terminal=True, width=160), clock=clock)
    for number, event in enumerate(tale[:8]):
        live.on_event(event, number, replayed=False)
    early = file.getvalue()
    live.on_progress((progress(0, 1, 1),))
    assert file.getvalue() == early
    clock.now += 0.3
    live.on_progress((progress(0, 1, 1),))
    assert len(file.getvalue()) > len(early)
    live.close()
    live.close()


def test_live_table_does_not_draw_what_is_replayed(tale):
    file = io.StringIO()
    live = LiveTable(Console(file=file, force_terminal=True, width=160))
    for number, event in enumerate(tale):
        live.on_event(event, number, replayed=True)
    live.close()
    assert file.getvalue() == ""


def test_plain_output_is_one_line_a_generation_without_control_characters(tale):
    file = io.StringIO()
    lines = PlainLines(Console(file=file, width=40))
    for number, event in enumerate(tale):
        lines.on_event(event, number, replayed=False)
    text = file.getvalue()
    assert "\x1b" not in text
    generations = [line for line in text.splitlines() if line.startswith("generation")]
    assert len(generations) == 3
    assert "  0 replaced" in generations[0]
    assert "best loss 2.4000 (member 1)  1 replaced" in generations[1]
    assert "failed in generation 0: non-finite loss at step 3" in text


def test_plain_output_of_a_resumed_search_starts_where_it_stopped(tale):
    file, clock = io.StringIO(), Ticks()
    lines = PlainLines(Console(file=file), clock=clock)
    for number, event in enumerate(tale):
        clock.now += 1
        lines.on_event(event, number, replayed=number < 8)
    text = file.getvalue()
    assert text.startswith("resumed after 8 events  33% of the budget")
    assert text.count("\ngeneration") == 2


def test_summary_says_who_won_how_and_what_it_is_worth(tale):
    places = Places(files=(("event log", Path("runs/tale/events.jsonl")),), commands=(("x", "y"),))
    text = printed(summary(told(tale), places))
    for part in (
        "Leaderboard",
        "adopted member 0, genome by optuna",
        "winner    4.2000 bits per byte",
        "baseline  4.8000 bits per byte",
        "winner - baseline = -0.6000, standard error 0.1155 paired over 3 batches",
        "1.00k of these tokens inherited",
        "runs/tale/events.jsonl",
    ):
        assert part in text.replace("\n", " ")


def test_summary_ranks_the_fittest_of_many(tale):
    text = printed(summary(told((*tale[:8], *crowd(tale, 100))), Places(files=(), commands=())))
    ranks = [line.split()[0] for line in text.splitlines() if "aaaaaaaaaaaa  " in line]
    assert ranks == [str(rank) for rank in range(1, 31)]
    assert "70 more are in the event log" in text


def test_summary_of_a_search_without_a_winner_is_still_told(tale):
    story = told(tale[:8])
    assert "non-finite" not in printed(summary(story, Places(files=(), commands=())))
    assert "failed" in printed(summary(story, Places(files=(), commands=())))


def test_no_color_is_respected(tale, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=160)
    console.print(summary(told(tale), Places(files=(), commands=())))
    assert "\x1b[3" not in file.getvalue()
