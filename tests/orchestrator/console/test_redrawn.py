"""What is drawn again and again leaves the time to those who are drawn."""

import io

import pytest
from rich.console import Console

from orchestrator.console.redrawn import REDRAW_SECONDS, REST, Redrawn


@pytest.mark.parametrize("drawing_seconds", [0.0, 0.01, 2.0])
def test_drawing_takes_a_tenth_of_the_time_at_most(drawing_seconds):
    now, spent = 0.0, 0.0

    def draw():
        nonlocal now, spent
        now += drawing_seconds
        spent += drawing_seconds
        return "drawn"

    redrawn = Redrawn(Console(file=io.StringIO()), draw, clock=lambda: now)
    redrawn.start()
    while now < 100.0:
        redrawn.at_times()
        now += 0.05
    assert spent <= now / (1 + REST) + drawing_seconds
    if drawing_seconds:
        assert spent >= 0.5 * min(drawing_seconds / REDRAW_SECONDS, 1 / (1 + REST)) * now
    redrawn.close()
