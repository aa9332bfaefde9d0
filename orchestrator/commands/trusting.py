"""The option `--trust`, of every command that may use what a run file or a log names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Add `--trust`."""
    parser.add_argument(
        "--trust",
        action="store_true",
        help="use the code, the files elsewhere and the servers that it names, whosever it is "
        "(needed only for what is not your own: see docs/security.md)",
    )
