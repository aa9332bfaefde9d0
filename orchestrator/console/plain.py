"""The console of every display: text from files is text, brackets and control characters too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.segment import Segment

from orchestrator.console.printable import UNSHOWN, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType


class PlainConsole(Console):
    """A console that takes brackets for brackets and shows control characters written out."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render, and write out what is not to be acted on; rich's own control codes stay."""
        for segment in super().render(renderable, options):
            if segment.control or UNSHOWN.search(segment.text) is None:
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)
