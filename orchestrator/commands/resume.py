"""`masga resume DIR`: go on with a search that was stopped, killed or cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.commands.trusting import add_trust

if TYPE_CHECKING:
    import argparse

    from orchestrator.commands import Subparsers


def add(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("resume", help="go on with a search that was stopped")
    parser.add_argument("directory", metavar="DIR", help="directory or URI of the search")
    add_trust(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Resume."""
    # pydantic and rich: not for --help
    from orchestrator.commands.watching import watch  # noqa: PLC0415
    from orchestrator.event_log import LOG_NAME  # noqa: PLC0415
    from orchestrator.resuming import files_of, run_to_show, seems_finished  # noqa: PLC0415
    from orchestrator.run_directory import check_holds_search  # noqa: PLC0415
    from orchestrator.storage.working_copy import arrive  # noqa: PLC0415
    from orchestrator.trust import require_trusted, search_reaches  # noqa: PLC0415

    directory = arrive(arguments.directory)
    check_holds_search(directory)
    if seems_finished(directory / LOG_NAME):
        print("masga: this search has finished; nothing is left to do")
    config = run_to_show(directory)
    require_trusted(
        lambda: search_reaches(config, directory), files=files_of(directory), trust=arguments.trust
    )
    from orchestrator.adapters.driver import resume_search  # noqa: PLC0415 - ray and torch: seconds

    return watch(
        lambda observers: resume_search(directory, observers=observers, trust=arguments.trust),
        directory=directory,
        config=config,
    )
