"""Figures to a folder and a page of them, if asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import UserError

if TYPE_CHECKING:
    import argparse

    from orchestrator.laws.checklist import Checklist
    from orchestrator.laws.fitting.bootstrap import Bootstrap
    from orchestrator.laws.fitting.fit import Fit
    from orchestrator.laws.planning.plan import Plan
    from orchestrator.laws.table import Data


def write_figures(
    arguments: argparse.Namespace,
    *,
    fitted: Fit,
    drawn: Bootstrap | None,
    data: Data,
    listed: Checklist,
    plans: list[Plan],
    told: str,
) -> None:
    """Write figures to a folder, and a page with what the command printed, if asked."""
    from orchestrator.laws import figures, page  # noqa: PLC0415 - heavy, loaded on use

    try:
        drawings = figures.draw_all(fitted, drawn, data, plans)
    except ImportError as error:
        raise UserError(
            where="--figures or --html", law="figures need matplotlib", found=str(error),
            remedy="pip install matplotlib.",
        ) from error  # fmt: skip
    try:
        if arguments.figures:
            folder = Path(arguments.figures)
            folder.mkdir(parents=True, exist_ok=True)
            for name, drawing in drawings.items():
                figures.save(drawing, folder / f"{name}.{arguments.format}")
        if arguments.html:
            text = page.page(fitted, drawn, data, listed, drawings, told=told)
            Path(arguments.html).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(
            where=arguments.figures or arguments.html, law="figures are written to a folder",
            found=str(error), remedy="Choose a writable place.",
        ) from error  # fmt: skip
