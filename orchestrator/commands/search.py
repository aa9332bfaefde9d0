"""`masga search RUN.yaml`: run a search here or on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.commands.overriding import add_overrides
from orchestrator.commands.trusting import add_trust

if TYPE_CHECKING:
    import argparse

    from orchestrator.commands import Subparsers


def add(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("search", help="run the search of a run file")
    parser.add_argument("run_file", type=Path, metavar="RUN.yaml")
    parser.add_argument(
        "--output", metavar="DIR", help="directory of searches, or a URI such as s3://bucket/runs"
    )
    add_overrides(parser)
    add_trust(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Search."""
    # pydantic and rich: not for --help
    from orchestrator.commands.watching import watch  # noqa: PLC0415
    from orchestrator.errors import UserError  # noqa: PLC0415
    from orchestrator.run_directory import claim_directory, release_directory  # noqa: PLC0415
    from orchestrator.run_loading import load_run  # noqa: PLC0415

    loaded = load_run(
        arguments.run_file,
        overrides=arguments.overrides,
        seed=arguments.seed,
        output=arguments.output,
        trust=arguments.trust,
    )
    from orchestrator.adapters.driver import run_search  # noqa: PLC0415 - ray and torch: seconds

    directory = claim_directory(loaded.config)
    try:
        return watch(
            lambda observers: run_search(loaded.config, directory, observers=observers),
            directory=directory,
            config=loaded.config,
        )
    except UserError as error:
        raise loaded.located(error) from error
    finally:
        release_directory(directory)
