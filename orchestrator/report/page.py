"""The page: title, summary, sections; HTML that loads nothing from elsewhere.

Bodies are HTML made by the functions here, which escape what they are given.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from orchestrator.report.drawing import NARROW, WIDE, inline_svg

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure


_NOTHING_FROM_ELSEWHERE = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'"
)
"""Content security policy: browsers refuse whatever a page would load from the network."""
_LONG = 60
"""Characters of a text that has a line of its own on a phone."""
_DIGEST = 12
"""Hexadecimal digits from which on a text is a name, not a number."""
_LEGIBLE = 0.75
"""How small a figure made for one width may be shown: its 10-point text has 10 pixels then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One heading and what stands under it."""

    anchor: str
    """Its id; links to it survive when the page is made again."""
    heading: str
    body: str
    """HTML."""


def page(
    *,
    title: str,
    subtitle: str,
    sections: Sequence[Section],
    refresh_seconds: int = 0,
) -> str:
    """Return the page as one HTML document.

    Args:
        title: Of the page and of its window.
        subtitle: One line under it.
        sections: In their order; each is linked at the top.
        refresh_seconds: Load it again after so long; 0: never.
    """
    style = resources.files("orchestrator.report").joinpath("page.css").read_text(encoding="utf-8")
    links = "".join(
        f'<li><a href="#{s.anchor}">{html.escape(s.heading)}</a></li>' for s in sections
    )
    again = f'<meta http-equiv="refresh" content="{refresh_seconds}">' if refresh_seconds else ""
    bodies = "".join(
        f'<section id="{s.anchor}"><h2>{html.escape(s.heading)}</h2>{s.body}</section>\n'
        for s in sections
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">{again}'
        f'<meta http-equiv="Content-Security-Policy" content="{_NOTHING_FROM_ELSEWHERE}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{html.escape(title)}</title>'
        f"<style>\n{style}</style></head>\n<body><header><h1>{html.escape(title)}</h1>"
        f'<p class="subtitle">{html.escape(subtitle)}</p></header>'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n'
        f"<main>\n{bodies}</main></body></html>\n"
    )


def with_script(document: str, script: str) -> str:
    """Return a page that runs JavaScript when it has loaded; none is needed to read one."""
    body, end, rest = document.rpartition("</body>")
    return f"{body}<script>{script}</script>{end}{rest}"


def paragraph(text: str, *, kind: str = "") -> str:
    """Return a paragraph; kinds are classes of page.css: note, lead, notice, good, bad."""
    attribute = f' class="{kind}"' if kind else ""
    return f"<p{attribute}>{html.escape(text)}</p>"


def heading(text: str) -> str:
    """Return a heading inside a section."""
    return f"<h3>{html.escape(text)}</h3>"


def bullets(items: Sequence[str]) -> str:
    """Return a list."""
    return f"<ul>{''.join(f'<li>{html.escape(item)}</li>' for item in items)}</ul>"


def code(text: str) -> str:
    """Return text as it would be typed."""
    return f"<pre><code>{html.escape(text)}</code></pre>"


def folded(summary: str, body: str) -> str:
    """Return HTML that is shown on demand."""
    return f"<details><summary>{html.escape(summary)}</summary>{body}</details>"


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    caption: str = "",
    marked: Sequence[int] = (),
) -> str:
    """Return a table; columns of numbers, or of text that begins with one, are set right.

    On a phone long text stands in a line of its own under the rest of its row. The roles are
    written out because a browser forgets those of a table that is laid out otherwise.

    Args:
        columns: Their headings.
        rows: One cell a column.
        caption: What the table is, above it.
        marked: Indices of the rows that stand out.
    """
    right = [bool(rows) and all(_is_number(row[at]) for row in rows) for at in range(len(columns))]
    long = [any(len(str(row[at])) > _LONG for row in rows) for at in range(len(columns))]
    kind = [
        ' class="number"' if r else ' class="long"' if is_long else ""
        for r, is_long in zip(right, long, strict=True)
    ]
    head = "".join(
        f'<th scope="col" role="columnheader"{k}>{html.escape(c)}</th>'
        for c, k in zip(columns, kind, strict=True)
    )
    emphasis = ' class="marked"'
    stacked = ' class="stacked"' if any(long) else ""
    body = "".join(
        f'<tr role="row"{emphasis if at in marked else ""}>'
        + "".join(
            f'<td role="cell"{k}>{html.escape(str(c))}</td>' for c, k in zip(row, kind, strict=True)
        )
        + "</tr>"
        for at, row in enumerate(rows)
    )
    told = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    label = html.escape(caption or f"Table: {', '.join(filter(None, columns))}", quote=True)
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{label}">'
        f'<table role="table"{stacked}>{told}<thead role="rowgroup"><tr role="row">{head}</tr>'
        f'</thead><tbody role="rowgroup">{body}</tbody></table></div>'
    )


def figure(drawn: Figure, *, description: str, caption: str) -> str:
    """Return a figure of one width; on a phone it keeps its legible size and scrolls.

    Args:
        drawn: With the colours of `drawing`.
        description: What it shows, in words, for those who cannot see it.
        caption: Stands under it.
    """
    picture = inline_svg(drawn, description=description)
    wide = re.search(r'<svg [^>]*?width="([\d.]+)pt"', picture)
    assert wide is not None
    legible = f'<svg style="min-width: {float(wide[1]) * 4 / 3 * _LEGIBLE:.0f}px" '
    label = html.escape(f"Figure: {caption}", quote=True)
    return (
        f'<figure><div class="scroll" tabindex="0" role="group" aria-label="{label}">'
        f"{picture.replace('<svg ', legible, 1)}</div>"
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def figure_at(draw: Callable[[float], Figure], *, description: str, caption: str) -> str:
    """Return a figure drawn twice, for a screen's width and for a phone's; one of them is shown.

    Args:
        draw: Makes it for a width in inches.
        description: What it shows, in words, for those who cannot see it.
        caption: Stands under it.
    """
    wide, narrow = (inline_svg(draw(width), description=description) for width in (WIDE, NARROW))
    return (
        f'<figure><div class="wide">{wide}</div><div class="narrow">{narrow}</div>'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _is_number(value: object) -> bool:
    """Return whether a cell is set right: a number, one with a unit, or a dash for none."""
    text = str(value)
    is_digest = len(text) >= _DIGEST and re.fullmatch(r"[0-9a-f]+", text) is not None
    return isinstance(value, int | float) or (
        re.match(r"[+-]?[\d.]|-$", text) is not None and not is_digest
    )
