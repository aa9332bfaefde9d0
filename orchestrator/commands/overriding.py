"""Options that put something over a run file; `search` and `submit` share them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Add `--seed` and `--set`."""
    parser.add_argument("--seed", type=int, metavar="N", help="instead of the run file's seed")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY.PATH=VALUE",
        dest="overrides",
        help="put over the run file, e.g. --set population.members=4 (may be repeated)",
    )
