"""The page: title, summary, sections; HTML that loads nothing from elsewhere.

Bodies are HTML made by the functions here, which escape what they are given.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from orchestrator.report.drawing import inline_svg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One heading and what stands under it."""

    anchor: str
    """Its id; links to it survive when the page is made again."""
    heading: str
    body: str
    """HTML."""


def page(
    *, title: str, subtitle: str, sections: Sequence[Section], refresh_seconds: int = 0
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
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{html.escape(title)}</title>'
        f"<style>\n{style}</style></head>\n<body><header><h1>{html.escape(title)}</h1>"
        f'<p class="subtitle">{html.escape(subtitle)}</p></header>'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n'
        f"<main>\n{bodies}</main></body></html>\n"
    )


def paragraph(text: str, *, kind: str = "") -> str:
    """Return a paragraph; kinds are classes of page.css: note, good, bad."""
    attribute = f' class="{kind}"' if kind else ""
    return f"<p{attribute}>{html.escape(text)}</p>"


def bullets(items: Sequence[str]) -> str:
    """Return a list."""
    return f"<ul>{''.join(f'<li>{html.escape(item)}</li>' for item in items)}</ul>"


def code(text: str) -> str:
    """Return text as it would be typed."""
    return f"<pre><code>{html.escape(text)}</code></pre>"


def folded(summary: str, body: str) -> str:
    """Return HTML that is shown on demand."""
    return f"<details><summary>{html.escape(summary)}</summary>{body}</details>"


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, caption: str = "") -> str:
    """Return a table; columns of numbers, or of text that begins with one, are set right."""
    right = [bool(rows) and all(_is_number(row[at]) for row in rows) for at in range(len(columns))]
    kind = ['class="number"' if r else "" for r in right]
    head = "".join(
        f'<th scope="col" {k}>{html.escape(c)}</th>' for c, k in zip(columns, kind, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td {k}>{html.escape(str(c))}</td>" for c, k in zip(row, kind, strict=True))
        + "</tr>"
        for row in rows
    )
    told = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll"><table>{told}<thead><tr>{head}</tr></thead><tbody>{body}</tbody>'
        "</table></div>"
    )


def figure(drawn: Figure, *, description: str, caption: str) -> str:
    """Return a figure with its caption; `description` says in words what it shows."""
    picture = inline_svg(drawn, description=description)
    return f"<figure>{picture}<figcaption>{html.escape(caption)}</figcaption></figure>"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) or str(value)[:1] in set("0123456789+-.")
