"""`masga schema`: the JSON Schema of run files, for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from orchestrator.commands import Subparsers


def add(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("schema", help="print the JSON Schema of run files")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:  # noqa: ARG001 - every command takes them
    """Print the schema."""
    from orchestrator.run_schema import schema_text  # noqa: PLC0415 - pydantic

    print(schema_text(), end="")
    return 0
