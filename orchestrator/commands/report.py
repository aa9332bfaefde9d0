"""`masga report DIR`: one HTML page about a search, also while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.console.printable import printable

if TYPE_CHECKING:
    import argparse

    from orchestrator.commands import Subparsers


def add(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("report", help="write what a search found as one HTML page")
    parser.add_argument("directory", metavar="DIR", help="directory or URI of the search")
    parser.add_argument(
        "--output", metavar="FILE", help="where to write it (default: DIR/report.html)"
    )
    parser.add_argument(
        "--watch",
        action="store_true",
        help="serve it on this machine and make it again as the search goes on, until Ctrl-C",
    )
    parser.add_argument("--port", type=int, metavar="N", help="for --watch (default: a free one)")
    parser.add_argument(
        "--host",
        metavar="ADDRESS",
        help="for --watch: the address to serve at (default: 127.0.0.1, this machine only)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the report, or serve it."""
    # matplotlib and yaml: not for --help; the parser is what imports this module
    from orchestrator.cli import command_names  # noqa: PLC0415
    from orchestrator.errors import UserError  # noqa: PLC0415
    from orchestrator.report.making import (  # noqa: PLC0415
        REPORT_NAME,
        subject_of,
        write_report,
    )
    from orchestrator.storage.outputs import made_at  # noqa: PLC0415
    from orchestrator.storage.working_copy import arrive  # noqa: PLC0415

    directory = arrive(arguments.directory)
    if arguments.watch:
        from orchestrator.report.serving import serve  # noqa: PLC0415

        serve(
            directory,
            commands=command_names(),
            host=arguments.host or "127.0.0.1",
            port=arguments.port or 0,
            output=None if arguments.output is None else Path(arguments.output),
        )
        return 0
    if arguments.port is not None or arguments.host is not None:
        raise UserError(
            where="masga report",
            law="--port and --host say where --watch serves",
            found="no --watch",
            remedy="Add --watch, or leave them out.",
        )
    subject = subject_of(directory, commands=command_names())
    with made_at(arguments.output, otherwise=directory / REPORT_NAME, force=True) as made:
        write_report(subject, made.path)
    if subject.damage is not None:
        print(f"masga: {printable(subject.damage)} The report tells what is whole before it.")
    elif subject.state != "finished":
        print(f"masga: this search is {subject.state}; the report tells how it stands")
    print(f"report: {made}")
    return 0
