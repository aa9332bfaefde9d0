"""`masga analyze DIR`: the game of a model's components: utilities, values, equilibria, flows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.commands.trusting import add_trust
from orchestrator.console.printable import printable

if TYPE_CHECKING:
    import argparse

    from orchestrator.analysis.subject import Subject
    from orchestrator.commands import Subparsers


def add(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "analyze",
        help="measure the game of a model's components",
        description="Measure what the components of a model are worth to it, and to each other.",
        epilog="Example: masga analyze runs/demo",
    )
    parser.add_argument(
        "directory",
        metavar="DIR",
        help="directory or URI of a search, or a Hugging Face checkpoint of Llama type (--text)",
    )
    parser.add_argument("--member", type=int, metavar="M", help="of the search; else its winner")
    parser.add_argument("--text", type=Path, metavar="FILE", help="UTF-8 text for a checkpoint")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--output", metavar="DIR", help="for page and tables, or a URI; else DIR/analysis"
    )
    parser.add_argument(
        "--evaluations",
        type=int,
        default=512,
        metavar="N",
        help="coalitions for values, and most pairs (default: %(default)s)",
    )
    parser.add_argument("--sequences", type=int, metavar="N", help="to measure on (default: 32)")
    parser.add_argument(
        "--ablation",
        choices=("zero", "mean", "resample"),
        default="zero",
        help="what stands in for a component that is off (default: %(default)s)",
    )
    parser.add_argument(
        "--price", type=float, metavar="MU", help="nats per GFLOP per token; else the population's"
    )
    parser.add_argument(
        "--level", type=float, default=0.05, help="of the equilibrium test (default: %(default)s)"
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="of a CPU (default: %(default)s)")
    add_trust(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Analyse, write and tell."""
    # torch and scipy: not for --help
    import json  # noqa: PLC0415
    import sys  # noqa: PLC0415

    from orchestrator.analysis.analysing import Effort, analyse  # noqa: PLC0415
    from orchestrator.analysis.bars import Bars  # noqa: PLC0415
    from orchestrator.analysis.checks import check_choices, no_measurement  # noqa: PLC0415
    from orchestrator.analysis.tables import to_json  # noqa: PLC0415
    from orchestrator.analysis.telling import summary  # noqa: PLC0415
    from orchestrator.analysis.writing import write_analysis  # noqa: PLC0415
    from orchestrator.run_directory import check_writable  # noqa: PLC0415
    from orchestrator.storage.outputs import made_at  # noqa: PLC0415
    from orchestrator.storage.working_copy import arrive  # noqa: PLC0415
    from trainers.host import settle_host  # noqa: PLC0415

    check_choices(arguments)
    directory = arrive(arguments.directory)
    subject = _subject(arguments, directory)
    settle_host(arguments.threads)
    effort = Effort(
        evaluations=arguments.evaluations, ablation=arguments.ablation, level=arguments.level
    )
    with made_at(arguments.output, otherwise=directory / "analysis", force=True) as made:
        check_writable(made.path)
        with Bars() as bars, no_measurement(subject.name):
            found = analyse(subject, effort, watching=bars)
        pages = write_analysis(found, made.path)
    if arguments.json:
        print(json.dumps(to_json(found), indent=1, allow_nan=False))
    else:
        print(printable(summary(found)))
    print(f"masga: written: {', '.join(made.shown(page) for page in pages)}", file=sys.stderr)
    return 0


def _subject(arguments: argparse.Namespace, directory: Path) -> Subject:
    from orchestrator.analysis.checks import check_fits  # noqa: PLC0415
    from orchestrator.analysis.search_subject import Wanted, subject_of_search  # noqa: PLC0415
    from orchestrator.event_log import LOG_NAME  # noqa: PLC0415

    is_checkpoint = not (directory / LOG_NAME).exists() and (directory / "config.json").exists()
    check_fits(arguments, is_checkpoint=is_checkpoint)
    if is_checkpoint:
        from orchestrator.analysis.checkpoint_subject import subject_of_checkpoint  # noqa: PLC0415

        return subject_of_checkpoint(
            directory,
            arguments.text,
            sequences=arguments.sequences,
            nats_per_gflop=arguments.price,
            device=arguments.device,
        )
    return subject_of_search(
        directory,
        Wanted(
            member=arguments.member,
            sequences=arguments.sequences,
            nats_per_gflop=arguments.price,
            device=arguments.device,
            trust=arguments.trust,
        ),
    )
