"""`masga submit RUN.yaml`: run a search on an existing Ray cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.commands.jobs import add_address
from orchestrator.commands.overriding import add_overrides
from orchestrator.commands.trusting import add_trust
from orchestrator.submission.entrypoint import DEFAULT_OUTPUT

if TYPE_CHECKING:
    import argparse

    from orchestrator.commands import Subparsers


def add(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "submit",
        help="run a search on a Ray cluster",
        description="Send a run file, its text and your own modules to a Ray cluster on which masga"
        " is installed, and start the search there.",
    )
    parser.add_argument("run_file", type=Path, metavar="RUN.yaml")
    add_address(parser)
    parser.add_argument(
        "--output",
        default=DEFAULT_OUTPUT,
        metavar="DIR",
        help="directory of searches on the cluster, the same on all of its nodes, or a URI such as "
        "s3://bucket/runs (default: %(default)s)",
    )
    parser.add_argument("--follow", action="store_true", help="show what it prints until it ends")
    parser.add_argument(
        "--resume", metavar="DIR", help="go on with a search in this directory (or at this URI)"
    )
    parser.add_argument(
        "--corpus-on-cluster",
        action="store_true",
        help="the paths of sources are the cluster's: send no text",
    )
    add_overrides(parser)
    add_trust(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Submit."""
    import tempfile  # noqa: PLC0415 - not for --help

    from orchestrator.adapters.jobs import Jobs  # noqa: PLC0415
    from orchestrator.commands.jobs import followed, options  # noqa: PLC0415
    from orchestrator.run_loading import load_run  # noqa: PLC0415
    from orchestrator.submission.entrypoint import resume_command, search_command  # noqa: PLC0415
    from orchestrator.submission.packing import pack  # noqa: PLC0415

    loaded = load_run(
        arguments.run_file,
        overrides=arguments.overrides,
        seed=arguments.seed,
        trust=arguments.trust,
    )
    jobs = Jobs(arguments.address)
    output, resume = arguments.output, arguments.resume

    def command(job: str) -> str:
        if resume is None:
            return search_command(output=output, job=job)
        return resume_command(output=output, job=job, directory=resume, trust=arguments.trust)

    with tempfile.TemporaryDirectory(prefix="masga-pack-") as directory:
        pack(loaded.config, Path(directory), with_corpus=not arguments.corpus_on_cluster)
        job = jobs.submit(
            Path(directory), command, search=loaded.config.name, output=arguments.output
        )
    print(f"submitted {job}")
    if arguments.follow:
        return followed(jobs, job)
    more = options(arguments)
    print(
        f"  masga logs {job} --follow{more}\n  masga status {job}{more}\n  masga stop {job}{more}"
    )
    return 0
