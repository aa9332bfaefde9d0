"""`masga sync DIR`: make or complete the record of a search in MLflow from its event log."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from orchestrator.commands.trusting import add_trust
from orchestrator.console.printable import printable
from orchestrator.credentials import require_no_credentials, without_credentials

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from orchestrator.adapters.mlflow.sync import Synced
    from orchestrator.commands import Subparsers


def add(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("sync", help="bring MLflow up to date with a search's event log")
    parser.add_argument("directory", metavar="DIR", help="directory or URI of a search")
    parser.add_argument(
        "--tracking-uri", metavar="URI", help="instead of the store in the search's run file"
    )
    parser.add_argument("--experiment", metavar="NAME", help="instead of the run file's")
    parser.add_argument(
        "--register-model", metavar="NAME", help="make the winner a version of this model"
    )
    add_trust(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Record."""
    # pydantic and mlflow: not for --help
    from orchestrator.adapters.mlflow.observer import (  # noqa: PLC0415
        DEFAULT_EXPERIMENT,
        look,
        tracking_uri,
    )
    from orchestrator.adapters.mlflow.sync import sync  # noqa: PLC0415
    from orchestrator.resuming import files_of, run_to_show  # noqa: PLC0415
    from orchestrator.run_directory import check_holds_search  # noqa: PLC0415
    from orchestrator.storage.working_copy import arrive  # noqa: PLC0415
    from orchestrator.trust import record_reaches, require_trusted  # noqa: PLC0415

    require_no_credentials(arguments.tracking_uri, where="--tracking-uri")
    directory = arrive(arguments.directory)
    check_holds_search(directory)
    run = run_to_show(directory)
    if arguments.tracking_uri is None:
        require_trusted(
            lambda: record_reaches(run), files=files_of(directory), trust=arguments.trust
        )
    config = run.mlflow
    uri = arguments.tracking_uri or tracking_uri(config, directory)
    synced = sync(
        directory,
        tracking_uri=uri,
        experiment=arguments.experiment or config.experiment or DEFAULT_EXPERIMENT,
        register_model=arguments.register_model or config.register_model,
    )
    if synced.damage is not None:
        print(f"masga: {printable(synced.damage)}", file=sys.stderr)
        print("masga: What is whole before that line was recorded.", file=sys.stderr)
    for line in _told(synced, directory, uri):
        print(line)
    print(look(uri))
    return 0


def _told(synced: Synced, directory: Path, uri: str) -> tuple[str, ...]:
    from orchestrator.storage.working_copy import shown  # noqa: PLC0415 - with its user

    of_all = f"{synced.generations} of {synced.planned_generations} generations"
    if synced.is_running:
        state = f"is still running: {of_all} so far; what is there was recorded"
    elif synced.is_finished:
        state = f"has finished after {synced.generations} generations"
    else:
        state = f"was interrupted after {of_all}"
    new = (
        f"{synced.new_runs} new runs, {synced.new_points} new points"
        if synced.new_runs or synced.new_points
        else "nothing was missing"
    )
    store = without_credentials(uri)
    return (
        f"{shown(directory)} {state}",
        f"{store} has it as run {synced.run_id} with {synced.segments} segments ({new})",
    )
