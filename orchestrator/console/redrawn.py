"""A part of the screen that is drawn again while something runs, not too often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.live import Live

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console, RenderableType

REDRAW_SECONDS = 0.2
REST = 9.0
"""Times as long as a drawing took: a table of thousands takes a tenth of the driver at most."""


class Redrawn:
    """Draws at most five times a second, less often what takes long; what was drawn last stays.

    Args:
        console: Where.
        draw: Makes what is shown now.
        clock: Seconds from any beginning.
    """

    def __init__(
        self, console: Console, draw: Callable[[], RenderableType], *, clock: Callable[[], float]
    ) -> None:
        self._draw, self._clock = draw, clock
        self._live = Live(console=console, auto_refresh=False, transient=False)
        self._begun = False
        self._drawn, self._rest = -REDRAW_SECONDS, REDRAW_SECONDS

    def start(self) -> None:
        """Take a part of the screen; a second call does nothing."""
        if not self._begun:
            self._begun = True
            self._live.start()

    def at_times(self) -> None:
        """Draw, unless that was done just now or there is no part of the screen."""
        if self._live.is_started and self._clock() - self._drawn >= self._rest:
            self._now()

    def close(self) -> None:
        """Draw a last time and leave it on the screen."""
        if self._live.is_started:
            self._now()
            self._live.stop()

    def _now(self) -> None:
        self._drawn = self._clock()
        self._live.update(self._draw(), refresh=True)
        took = self._clock() - self._drawn
        self._rest = max(REDRAW_SECONDS, (1.0 + REST) * took)
