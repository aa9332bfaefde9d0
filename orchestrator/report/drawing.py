"""Figures as inline SVG that takes its colours from the page: one drawing for both themes.

Draw with `new_figure` and the colours named here; `inline_svg` turns each of them into the page's
CSS variable of that name (see page.css). Text stays text: it can be searched and read aloud.
"""

from __future__ import annotations

import html
import io
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, GRID = "#101112", "#606162", "#d0d1d2"
SERIES = ("#0172b2", "#d55e02", "#019e73", "#cc79a8", "#b8860c", "#56b4ea", "#7b3fa1", "#8c564c")
"""Eight hues that colour-blind readers tell apart (after Okabe and Ito 2008)."""
_VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid"} | {
    colour: f"series-{number}" for number, colour in enumerate(SERIES, start=1)
}
_PADDING_INCHES = 0.05


def new_figure(*, width: float = 7.2, height: float = 4.0) -> tuple[Figure, Axes]:
    """Make a figure of one panel in the page's style; sizes in inches (72 points)."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0.0)
    axes = figure.subplots()
    dress(axes)
    return figure, axes


def dress(axes: Axes) -> None:
    """Give a panel the page's style; for figures of several panels."""
    axes.patch.set_alpha(0.0)
    for name, spine in axes.spines.items():
        spine.set_visible(name in {"left", "bottom"})
        spine.set_color(MUTED)
    axes.tick_params(colors=MUTED, labelcolor=INK)
    for label in (axes.xaxis.label, axes.yaxis.label, axes.title):
        label.set_color(INK)
    axes.grid(visible=True, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def standalone_svg(figure: Figure, *, description: str) -> str:
    """Return the figure as an SVG file on white; what `inline_svg` says holds here too."""
    figure.patch.set_alpha(1.0)
    figure.patch.set_facecolor("#ffffff")
    text = _svg(figure, description=description)
    return text.replace("<svg ", f'<svg role="img" aria-label="{_attribute(description)}" ', 1)


def inline_svg(figure: Figure, *, description: str) -> str:
    """Return the figure as an SVG element; the same figure gives the same text.

    Args:
        figure: Drawn with this module's colours.
        description: What a reader sees in it, for those who cannot (its alternative text).
    """
    text = _svg(figure, description=description)
    for colour, name in _VARIABLES.items():
        text = re.sub(colour, f"var(--{name})", text, flags=re.IGNORECASE)
    return text.replace("<svg ", f'<svg role="img" aria-label="{_attribute(description)}" ', 1)


def _svg(figure: Figure, *, description: str) -> str:
    import matplotlib as mpl  # noqa: PLC0415 - half a second

    buffer = io.StringIO()
    # ids that differ between the figures of a page, and are the same when it is made again
    style = {"svg.fonttype": "none", "svg.hashsalt": description, "font.family": "sans-serif"}
    with mpl.rc_context(style):
        figure.savefig(
            buffer,
            format="svg",
            metadata={"Date": None, "Creator": None},
            bbox_inches="tight",
            pad_inches=_PADDING_INCHES,
        )
    text = buffer.getvalue()
    return re.sub(r"<metadata>.*?</metadata>\s*", "", text[text.index("<svg") :], flags=re.DOTALL)


def _attribute(text: str) -> str:
    return html.escape(text, quote=True)
