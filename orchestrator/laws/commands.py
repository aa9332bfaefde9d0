"""The command `masga laws` and its subcommands.

Only argparse is imported here, so that help and `list` are quick; numbers come in on use.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from orchestrator.console.printable import printable

if TYPE_CHECKING:
    import argparse

    from orchestrator.laws.reading import ExperimentReader


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `laws` and its own subcommands to the `masga` parser."""
    parser = subparsers.add_parser("laws", help="scaling laws for any table of training runs")
    add_commands(parser)


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands to a parser."""
    commands = parser.add_subparsers(dest="laws_command", required=True)
    commands.add_parser("list", help="list the laws")

    fit = commands.add_parser("fit", help="fit a law and say how far to trust it")
    _add_data(fit)
    _add_law(fit)
    _add_outputs(fit)

    predict = commands.add_parser("predict", help="fit a law and predict at new inputs")
    _add_data(predict)
    _add_law(predict)
    predict.add_argument(
        "--at", action="append", required=True, metavar="N=1e9,D=2e10", help="where; repeatable"
    )
    predict.add_argument("--json", action="store_true", help="print JSON")

    compare = commands.add_parser("compare", help="fit small runs, predict large ones, rank laws")
    _add_data(compare)
    compare.add_argument("--laws", required=True, metavar="A,B,C", help="laws to compare")
    compare.add_argument(
        "--holdout", default="largest:20%", metavar="largest:P%[:COLUMN]", help="rows to predict"
    )
    _add_loss(compare)
    compare.add_argument("--json", action="store_true", help="print JSON")

    plan = commands.add_parser("plan", help="compute-optimal size and tokens, three ways")
    _add_data(plan, optional=True)
    plan.add_argument(
        "--flops", action="append", required=True, type=float, metavar="C", help="repeatable"
    )
    plan.add_argument("--bootstrap", type=int, default=1000, metavar="R")
    _add_loss(plan)
    _add_outputs(plan)

    reconcile = commands.add_parser(
        "reconcile", help="Kaplan against Chinchilla: which convention moves the exponent"
    )
    _add_data(reconcile)
    reconcile.add_argument("--bootstrap", type=int, default=200, metavar="R")
    _add_loss(reconcile)
    reconcile.add_argument("--json", action="store_true", help="print JSON")

    cross = commands.add_parser("crossover", help="do two curves cross, and how surely")
    _add_data(cross)
    _add_law(cross)
    cross.add_argument(
        "--split", required=True, metavar="COLUMN[=FIRST,SECOND]", help="which rows are which curve"
    )
    cross.add_argument(
        "--range", default="", metavar="LOW:HIGH", help="where; default: the runs and ten times on"
    )
    cross.add_argument("--json", action="store_true", help="print JSON")

    breaks = commands.add_parser("breaks", help="where a curve breaks, and whether it does")
    _add_data(breaks)
    breaks.add_argument("--most", type=int, default=1, metavar="K", help="breaks to look for")
    breaks.add_argument("--bootstrap", type=int, default=500, metavar="R")
    breaks.add_argument("--json", action="store_true", help="print JSON")

    ladder = commands.add_parser("ladder", help="a grid of small runs for a budget")
    ladder.add_argument("--flops", type=float, required=True, metavar="C", help="of all runs")
    ladder.add_argument("--sizes", type=int, default=5, metavar="K")
    ladder.add_argument("--span", type=float, default=16.0, help="largest over smallest size")
    ladder.add_argument(
        "--multipliers", default="10,20,40,80", metavar="M,M", help="tokens per parameter"
    )
    ladder.add_argument("--json", action="store_true", help="print JSON")


def _add_data(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    told = "CSV, Parquet or JSONL file, or mlflow:EXPERIMENT"
    if optional:
        parser.add_argument("data", nargs="?", help=f"{told}; without: by published fits")
    else:
        parser.add_argument("data", help=told)
    parser.add_argument(
        "--columns", default="", metavar="N=params,D=tokens,L=loss", help="names in your table"
    )
    parser.add_argument("--scale", default="", metavar="D=1e9", help="factors to raw units")
    parser.add_argument(
        "--filter", action="append", default=[], metavar="'loss<4'", help="rows to keep; repeatable"
    )
    parser.add_argument("--cluster", metavar="COLUMN", help="rows of one run (a training curve)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--size-counts", choices=["total", "non-embedding"], help="what N counts, for the record"
    )
    parser.add_argument("--flops-counts", help="how FLOPs were counted, for the record")


def _add_law(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--law", required=True, help="a name that `masga laws list` shows")
    parser.add_argument("--fix", default="", metavar="alpha=0.34", help="parameters to hold")
    parser.add_argument("--tie", action="append", default=[], metavar="alpha=beta")
    parser.add_argument("--bootstrap", type=int, default=1000, metavar="R", help="0: none")
    parser.add_argument("--starts", type=int, default=81)
    _add_loss(parser)


def _add_loss(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--loss", choices=["huber", "l1", "l2"], default="huber")
    parser.add_argument("--delta", type=float, default=1e-3, help="of the Huber loss")


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--figures", metavar="DIR", help="write figures there")
    parser.add_argument("--format", choices=["png", "svg"], default="svg")
    parser.add_argument("--html", metavar="FILE", help="write a page with numbers and figures")


def run(arguments: argparse.Namespace, *, read_experiment: ExperimentReader | None = None) -> int:
    """Run a subcommand: 0, or 2 where the user has something to mend."""
    if arguments.laws_command == "list":
        from orchestrator.laws.rendering import listing  # noqa: PLC0415 - heavy, loaded on use

        print(listing())
        return 0
    from orchestrator.errors import UserError  # noqa: PLC0415 - heavy, loaded on use
    from orchestrator.laws.actions import ACTIONS  # noqa: PLC0415 - heavy, loaded on use

    try:
        text = ACTIONS[arguments.laws_command](arguments, read_experiment)
    except UserError as error:
        print(printable(f"masga laws: {error}"), file=sys.stderr)
        return 2
    print(printable(text))
    return 0
