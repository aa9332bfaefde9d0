"""`masga status|logs|stop JOB` and `masga list`: the searches on a Ray cluster."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from orchestrator.console.printable import printable

if TYPE_CHECKING:
    import argparse

    from orchestrator.adapters.jobs import Job, Jobs
    from orchestrator.commands import Subparsers

ADDRESS_VARIABLE = "RAY_API_SERVER_ADDRESS"
LOCAL = "http://127.0.0.1:8265"


def add_address(parser: argparse.ArgumentParser) -> None:
    """Add the option that says which cluster."""
    parser.add_argument(
        "--address",
        default=os.environ.get(ADDRESS_VARIABLE, LOCAL),
        metavar="URL",
        help="the cluster's dashboard, http://HEAD:8265; `auto` on the head node; ray://HEAD:10001 "
        f"(default: ${ADDRESS_VARIABLE}, else {LOCAL})",
    )


def add(commands: Subparsers) -> None:
    """Add the commands to the parser."""
    for name, told, act in (
        ("status", "what a submitted search is doing", status),
        ("logs", "what a submitted search has printed", logs),
        ("stop", "stop a submitted search; it can be resumed", stop),
    ):
        parser = commands.add_parser(name, help=told)
        parser.add_argument("job", metavar="JOB")
        add_address(parser)
        if name == "logs":
            parser.add_argument("--follow", action="store_true", help="go on until it ends")
        parser.set_defaults(run=act)
    parser = commands.add_parser("list", help="the searches submitted to a cluster")
    add_address(parser)
    parser.set_defaults(run=list_jobs)


def status(arguments: argparse.Namespace) -> int:
    """Tell what a job is doing."""
    jobs = _jobs(arguments)
    job = jobs.get(arguments.job)
    print(_line(job))
    lines = [line for line in jobs.logs(job.id).splitlines() if line.strip()]
    if lines:
        print(f"  last line: {printable(lines[-1].strip())}")
    if job.message:
        print(f"  Ray says: {printable(job.message)}")
    return 0


def logs(arguments: argparse.Namespace) -> int:
    """Show what a job has printed."""
    jobs = _jobs(arguments)
    if arguments.follow:
        return followed(jobs, arguments.job)
    print(jobs.logs(arguments.job), end="")
    return 0


def stop(arguments: argparse.Namespace) -> int:
    """Stop a job."""
    jobs = _jobs(arguments)
    was_running = jobs.stop(arguments.job)
    job = jobs.wait(arguments.job)
    print(_line(job) if was_running else f"{_line(job)}: there was nothing to stop")
    if was_running and job.search:
        told = shlex.quote(_search(job))
        print(
            "  go on with it: masga submit RUN.yaml --resume "
            f"{told}{options(arguments)}  (the directory that its log names)"
        )
    return 0


def list_jobs(arguments: argparse.Namespace) -> int:
    """List the searches of a cluster."""
    found = _jobs(arguments).all()
    for job in found:
        print(_line(job))
    if not found:
        print("no searches were submitted to this cluster")
    return 0


def followed(jobs: Jobs, job: str) -> int:
    """Show what a job prints until it ends, and return its exit code."""
    for text in jobs.follow(job):
        print(text, end="", flush=True)
    ended = jobs.wait(job)
    print(_line(ended))
    if ended.exit_code is not None:
        return ended.exit_code
    return 0 if ended.status == "SUCCEEDED" else 1


def options(arguments: argparse.Namespace) -> str:
    """Return the options that name the same cluster again."""
    default = os.environ.get(ADDRESS_VARIABLE, LOCAL)
    address: str = arguments.address
    return "" if address == default else f" --address {shlex.quote(address)}"


def _jobs(arguments: argparse.Namespace) -> Jobs:
    from orchestrator.adapters.jobs import Jobs  # noqa: PLC0415 - ray: seconds

    return Jobs(arguments.address)


def _search(job: Job) -> str:
    from orchestrator.storage.place import Place, is_remote  # noqa: PLC0415 - with its user

    if is_remote(job.output):
        return str(Place.parse(job.output, where="output of the job") / job.search)
    return f"{job.output}/{job.search}"


def _line(job: Job) -> str:
    import time  # noqa: PLC0415

    from orchestrator.numerals import duration  # noqa: PLC0415

    ran = ""
    if job.started_at is not None:
        ran = f"  {duration((job.ended_at or time.time()) - job.started_at)}"
    return f"{job.id}  {job.status}{ran}"
