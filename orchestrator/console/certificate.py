"""The certificate on a terminal: the verdict, the arms, what each is beside the default genome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from orchestrator.certification.telling import (
    ARM_COLUMNS,
    COMPARISON_COLUMNS,
    arm_rows,
    comparison_rows,
    reading,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from orchestrator.certification.certificate import Certificate

_WORDS = frozenset({"arm", "genome", "each seed", "the win"})


def told_certificate(certificate: Certificate, path: Path) -> RenderableType:
    """Return what the terminal shows at the end; `path` is where the certificate was written."""
    verdicts = [
        certificate.verdict,
        *(
            f"{c.name}: {c.judgement.sentence}"
            for c in certificate.comparisons
            if c.name != "winner"
        ),
    ]
    parts: list[RenderableType] = []
    for title, body in (
        ("Certificate", Text("\n\n".join(verdicts))),
        ("Trained from scratch, on held-out text", _table(ARM_COLUMNS, arm_rows(certificate))),
        (
            "Less the default genome, bits per byte, paired by seed",
            _table(COMPARISON_COLUMNS, comparison_rows(certificate)),
        ),
        ("How to read this", Text("\n".join(reading(certificate)))),
        ("Files", Text(str(path), overflow="fold")),
    ):
        parts += [Text(), Text(title, style="bold"), Padding(body, (0, 0, 0, 2))]
    return Group(*parts)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(
            name, justify="left" if name in _WORDS else "right", no_wrap=name != "each seed"
        )
    for row in rows:
        table.add_row(*row)
    return table
