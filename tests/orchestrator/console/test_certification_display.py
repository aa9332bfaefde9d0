"""The display of a certification, fed by hand: what is drawn, and when; never the wall clock."""

import io

import pytest
from rich.console import Console

from orchestrator.certification import Arm, Part, Plan, tallied
from orchestrator.certification.cost import estimate, told_cost
from orchestrator.console.certification import (
    CertificationLines,
    CertificationTable,
    legend,
    table,
)
from orchestrator.events import (
    Assessed,
    CertificationFinished,
    CertificationStarted,
    Ledger,
    Reported,
)
from orchestrator.observers import LiveProgress
from orchestrator.story.telling import told
from search_spaces.gpt.cost import flops_per_token
from search_spaces.gpt.space import CENTRE


class Clock:
    seconds = 0.0

    def __call__(self):
        return self.seconds


PLAN = Plan(
    arms=tuple(
        Arm(name=name, parts=(Part(tokens=2000, genome=CENTRE),)) for name in ("winner", "default")
    ),
    seed=1,
    replicates=2,
    tokens=2000,
    winner_tokens=4000,
    interval_tokens=1000,
    horizon_tokens=2000,
)
STARTED = CertificationStarted(search={}, plan=PLAN.to_json(), notes=(), environment={})


def reported(member, generation, *, failure=None):
    return Reported(
        member=member,
        generation=generation,
        digest="d",
        parameters=1,
        ledger=Ledger(tokens=1000 * (generation + 1)),
        interval_tokens=1000,
        interval_flops=1.0,
        train_loss=1.0,
        losses=(1.0,),
        nats_per_token=1.0,
        bits_per_byte=1.0,
        failure=failure,
        morph=None,
        utilities=None,
        seconds=1.0,
        adoption_seconds=0.0,
        cpu_seconds=1.0,
        finished_at=0.0,
        worker=0,
        origin="fresh",
    )


def assessed(member, bits):
    return Assessed(
        role="replicate",
        member=member,
        generation=1,
        digest="d",
        parameters=1,
        tokens=2000,
        losses=(bits, bits),
        nats_per_token=bits,
        bits_per_byte=bits,
        seconds=0.0,
    )


def test_a_line_for_each_training_that_ends():
    out, clock = io.StringIO(), Clock()
    lines = CertificationLines(Console(file=out, width=120), clock=clock)
    for number, (seconds, event) in enumerate(
        [
            (0, STARTED),
            (10, reported(0, 0)),
            (20, reported(0, 1)),
            (20, assessed(0, 3.25)),
            (30, reported(1, 0, failure="it diverged")),
        ]
    ):
        clock.seconds = seconds
        lines.on_event(event, number, replayed=False)
    said = out.getvalue().splitlines()
    assert len(said) == 3
    assert said[1].startswith("seed 1/2  winner    3.2500 bits per byte  1/4 trainings   25% of")
    assert "100 tokens/s  1m00s left" in said[1]
    assert said[2].startswith("seed 1/2  default   failed: it diverged  2/4 trainings   50% of")


def test_going_on_says_how_far_it_had_come():
    out = io.StringIO()
    lines = CertificationLines(Console(file=out, width=120), clock=Clock())
    for number, event in enumerate([STARTED, reported(0, 0), reported(0, 1)]):
        lines.on_event(event, number, replayed=True)
    assert out.getvalue() == ""
    lines.on_event(assessed(0, 3.25), 3, replayed=False)
    assert out.getvalue().splitlines()[0] == "resumed after 3 events  0/4 trainings"


def test_the_table_has_a_row_a_seed_and_a_column_an_arm():
    tally = tallied(
        [STARTED, reported(0, 0), reported(0, 1), assessed(0, 3.25), reported(3, 0, failure="no")]
    )
    out = io.StringIO()
    Console(file=out, width=80).print(table(tally, {1: 500}))
    rows = [line.split() for line in out.getvalue().splitlines()]
    assert rows == [
        ["seed", "winner", "default"],
        ["1", "3.2500", "25%"],
        ["2", "-", "failed"],
    ]


def test_the_live_table_shows_progress_and_leaves_the_end_on_the_screen():
    out, clock = io.StringIO(), Clock()
    shown = CertificationTable(
        Console(file=out, width=80, force_terminal=True, color_system=None), clock=clock
    )
    shown.on_event(STARTED, 0, replayed=False)
    clock.seconds = 10
    progress = LiveProgress(
        member=2,
        generation=0,
        tokens_done=500,
        tokens_of_interval=1000,
        train_loss=2.0,
        worker=0,
    )
    shown.on_progress((progress,))
    assert "25%" in out.getvalue()
    assert "50 tokens/s  2m30s left" in out.getvalue()
    for number, event in enumerate([*(assessed(m, 3.0 + m) for m in range(4))], start=1):
        shown.on_event(event, number, replayed=False)
    shown.on_event(CertificationFinished(failures=0), 5, replayed=False)
    shown.close()
    last = out.getvalue()[out.getvalue().rindex("seed") :]
    assert "3.0000" in last
    assert "6.0000" in last
    assert "4/4 trainings" in last


def test_the_legend_names_the_arms():
    assert legend(STARTED).splitlines() == [
        "winner    the winner's genome",
        "default   the default genome of the winner's size",
    ]


@pytest.mark.parametrize(
    ("workers", "said"), [(None, "of one worker"), (1, "of one worker"), (4, "with 4 workers")]
)
def test_the_cost_is_that_of_all_trainings_at_the_pace_of_the_search(tale, workers, said):
    story = told(tale)
    cost = estimate(PLAN, story)
    each = 2000 * flops_per_token(CENTRE.architecture, sequence_length=128)
    assert (cost.trainings, cost.tokens) == (4, 8000)
    assert cost.flops == 4 * each
    # the tale's whole intervals: 2.5 seconds for 1e9 FLOPs
    assert cost.worker_seconds == pytest.approx(cost.flops * 2.5e-9)
    line = told_cost(cost, PLAN, workers=workers)
    assert line.startswith("2 arms x 2 seeds = 4 trainings of 2.00k tokens: 8.00k tokens, ")
    assert said in line
    assert "about" not in told_cost(estimate(PLAN, told(())), PLAN, workers=2)
