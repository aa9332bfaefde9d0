"""One self-contained HTML page about a fit: numbers, warnings, checklist and figures."""

from __future__ import annotations

import html
import io
from typing import TYPE_CHECKING

from orchestrator.laws import rendering

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from orchestrator.laws.checklist import Checklist
    from orchestrator.laws.fitting.bootstrap import Bootstrap
    from orchestrator.laws.fitting.fit import Fit
    from orchestrator.laws.table import Data

_STYLE = "body{font:16px sans-serif;max-width:60em;margin:2em auto}pre{white-space:pre-wrap}"


def page(
    fitted: Fit,
    drawn: Bootstrap | None,
    data: Data,
    listed: Checklist,
    drawings: dict[str, Figure],
) -> str:
    """Make the page; figures are inlined as SVG, nothing is loaded from elsewhere."""
    text = rendering.fit_text(fitted, drawn, data, listed)
    parts = [f"<h2>{html.escape(name)}</h2>{_svg(figure)}" for name, figure in drawings.items()]
    title = html.escape(f"{fitted.law.name}: {data.table.source}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1><pre>{html.escape(text)}</pre>"
        f"{''.join(parts)}</body></html>\n"
    )


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    return text[text.index("<svg") :]
