"""`masga doctor`: what this machine can do, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from orchestrator.commands import Subparsers


def add(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("doctor", help="say what this machine can do and what is missing")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--output", type=Path, default=Path("runs"), metavar="DIR", help="directory of searches"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Examine, print, and return 2 if something required is missing."""
    # torch, ray and mlflow: not for --help
    from orchestrator.doctor import as_json, as_text, examine, is_able  # noqa: PLC0415

    findings = examine(arguments.output)
    print(as_json(findings) if arguments.json else as_text(findings))
    return 0 if is_able(findings) else 2
