"""Figures as inline SVG that takes its colours from the page: one drawing for both themes.

Draw with `new_figure` and the colours named here; `inline_svg` turns each of them into the page's
CSS variable of that name (see page.css). Text stays text: it can be searched and read aloud.
"""

from __future__ import annotations

import html
import io
import re
from typing import TYPE_CHECKING

from orchestrator.numerals import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

INK, MUTED, GRID = "#101112", "#606162", "#d0d1d2"
SERIES = ("#0172b2", "#d55e02", "#019e73", "#cc79a8", "#b8860c", "#56b4ea", "#7b3fa1", "#8c564c")
"""Eight hues that colour-blind readers tell apart (after Okabe and Ito 2008)."""
_VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid"} | {
    colour: f"series-{number}" for number, colour in enumerate(SERIES, start=1)
}
_PADDING_INCHES = 0.05
WIDE, NARROW = 9.4, 3.7
"""Widths in inches: of the page's column on a screen or paper, and on a phone."""


def new_figure(*, width: float = 7.2, height: float = 4.0) -> tuple[Figure, Axes]:
    """Make a figure of one panel in the page's style; sizes in inches (72 points)."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0.0)
    axes = figure.subplots()
    dress(axes)
    return figure, axes


def new_panels(
    number: int, *, columns: int, width: float, panel_height: float
) -> tuple[Figure, list[Axes]]:
    """Make a figure of several panels of one height, row by row; sizes in inches."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second

    rows = -(-number // columns)
    figure = Figure(figsize=(width, panel_height * rows), layout="constrained")
    figure.patch.set_alpha(0.0)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for spare in grid[number:]:
        spare.remove()
    for axes in grid[:number]:
        dress(axes)
    return figure, list(grid[:number])


def counted(axis: Axis) -> None:
    """Write an axis's numbers with units: 1.5M."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415 - half a second

    axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))


def _short(value: float) -> str:
    """Return `count` without the zeros that say nothing: 200k, 1.5M."""
    return re.sub(r"\.?0+(?=[A-Za-z]?$)", "", count(value)) if "." in count(value) else count(value)


def literal(text: str) -> str:
    """Return a name for a figure: dollar signs are no mathematics there."""
    return text.replace("$", r"\$")


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
        figure: Drawn with this module's colours. Without a layout engine it keeps its margins.
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
    salt = f"{description} {figure.get_figwidth():.2f} by {figure.get_figheight():.2f}"
    style = {"svg.fonttype": "none", "svg.hashsalt": salt, "font.family": "sans-serif"}
    with mpl.rc_context(style):
        figure.savefig(
            buffer,
            format="svg",
            metadata={"Date": None, "Creator": None},
            bbox_inches="tight" if figure.get_layout_engine() is not None else None,
            pad_inches=_PADDING_INCHES,
        )
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text[text.index("<svg") :], flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', text))
    return re.sub(r' id="([^"]+)"', lambda m: m[0] if m[1] in used else "", text)


def _attribute(text: str) -> str:
    return html.escape(text, quote=True)
