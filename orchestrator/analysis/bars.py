"""Progress on standard error: one bar a stage, with the time left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from orchestrator.console.plain import PlainConsole

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rich.console import Console


class Bars:
    """Watches an analysis; use it as a context. Where nobody looks, a line a stage is left."""

    def __init__(self, console: Console | None = None) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<22}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console or PlainConsole(stderr=True),
        )

    def stage(self, name: str, total: int) -> Callable[[int], None]:
        """Begin a stage; an estimate of its parts that was too low ends at 100 %."""
        task = self._progress.add_task(name, total=total)
        return lambda parts: self._progress.update(task, advance=parts)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:  # stages whose parts were fewer than foreseen are done too
            for task in self._progress.tasks:
                self._progress.update(task.id, completed=task.total)
        self._progress.stop()
