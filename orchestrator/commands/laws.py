"""`masga laws ...`: scaling laws for anybody's table of training runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.laws import commands as laws_commands

if TYPE_CHECKING:
    import argparse

    from orchestrator.commands import Subparsers


def add(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("laws", help="scaling laws for any table of training runs")
    laws_commands.add_commands(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what the subcommand says."""
    from orchestrator.adapters.mlflow_runs import read_experiment  # noqa: PLC0415 - not for --help

    return laws_commands.run(arguments, read_experiment=read_experiment)
