"""`masga resume DIR`: go on with a search that was stopped, killed or cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from orchestrator.commands import Subparsers


def add(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("resume", help="go on with a search that was stopped")
    parser.add_argument("directory", metavar="DIR", help="directory or URI of the search")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Resume."""
    # pydantic and rich: not for --help
    from orchestrator.commands.watching import watch  # noqa: PLC0415
    from orchestrator.event_log import LOG_NAME, read_log  # noqa: PLC0415
    from orchestrator.resuming import has_finished, run_to_show  # noqa: PLC0415
    from orchestrator.run_directory import check_holds_search  # noqa: PLC0415
    from orchestrator.storage.working_copy import arrive  # noqa: PLC0415

    directory = arrive(arguments.directory)
    check_holds_search(directory)
    if has_finished(read_log(directory / LOG_NAME)[0]):
        print("masga: this search has finished; nothing is left to do")
    from orchestrator.adapters.driver import resume_search  # noqa: PLC0415 - ray and torch: seconds

    return watch(
        lambda observers: resume_search(directory, observers=observers),
        directory=directory,
        config=run_to_show(directory),
    )
