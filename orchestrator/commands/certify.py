"""`masga certify DIR`: train the winner again from scratch, beside what it must beat."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from orchestrator.commands.trusting import add_trust

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from rich.console import Console

    from orchestrator.certification import Certificate, Plan
    from orchestrator.commands import Subparsers
    from orchestrator.events import CertificationStarted
    from orchestrator.export.subject import Subject
    from orchestrator.run_config import ResourcesConfig
    from orchestrator.setting import Setting

SEEDS = 7
"""With three comparisons the fewest that can tell a win at the level of 5%."""
_PLAIN_WIDTH = 160


def add(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "certify",
        help="train the winner again from scratch with several seeds, and say whether it wins",
        description="Train from scratch, at equal tokens: the winner's genome, its replayed "
        "schedule, the default genome of its size, and the best of the first generation. The same "
        "command goes on where it was stopped, and shows a certificate that is finished.",
    )
    parser.add_argument("directory", metavar="DIR", help="directory or URI of the search")
    parser.add_argument(
        "--seeds",
        type=int,
        default=SEEDS,
        metavar="N",
        help=f"trainings of each (default: {SEEDS}, the fewest that can tell at 5%%)",
    )
    parser.add_argument(
        "--tokens",
        metavar="SHARE",
        help="train only a share of the winner's tokens (0.25, 25%%) or so many (50k)",
    )
    parser.add_argument("--workers", type=int, metavar="N", help="instead of the run file's")
    add_trust(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Certify."""
    # pydantic, torch and rich: not for --help
    from orchestrator.certification.directory import place_of  # noqa: PLC0415
    from orchestrator.certification.tally import tallied  # noqa: PLC0415
    from orchestrator.console.plain import PlainConsole  # noqa: PLC0415
    from orchestrator.export.subject import find_subject  # noqa: PLC0415
    from orchestrator.resuming import run_to_resume  # noqa: PLC0415
    from orchestrator.run_corpus import corpus_of_search  # noqa: PLC0415
    from orchestrator.run_directory import check_holds_search  # noqa: PLC0415
    from orchestrator.setting import prepare  # noqa: PLC0415
    from orchestrator.storage.working_copy import arrive, shown  # noqa: PLC0415

    _check(arguments)
    directory = arrive(arguments.directory)
    check_holds_search(directory)
    subject = find_subject(directory)
    assert subject.story.started is not None
    config = run_to_resume([subject.story.started], directory, trust=arguments.trust)
    text = corpus_of_search(config, directory, subject.story.started.corpus)
    setting = prepare(config, text=text)
    plan, started = _commission(arguments, subject, setting)
    place, events = place_of(directory, started)
    console: Console = PlainConsole()
    if not console.is_terminal:
        console = PlainConsole(width=_PLAIN_WIDTH)
    if subject.story.finished is None:
        print(f"masga: this search has not finished: {subject} is what there is", file=sys.stderr)
    if not tallied(events).finished:
        console.print(f"certification in {shown(place)}", highlight=False, soft_wrap=True)
        resources = config.resources
        if arguments.workers is not None:
            resources = resources.model_copy(update={"workers": arguments.workers})
        _tell_cost(console, plan, subject, resources)
        code = _train(
            console, started, place, setting=_lasting(setting, plan), resources=resources,
            again=_again(arguments),
        )  # fmt: skip
        if code:
            return code
    return _show(console, place)


def _check(arguments: argparse.Namespace) -> None:
    from orchestrator.certification.sign_flip import MOST_PAIRS  # noqa: PLC0415 - numpy
    from orchestrator.errors import UserError  # noqa: PLC0415 - with its users

    if not 2 <= arguments.seeds <= MOST_PAIRS:
        raise UserError(
            where=f"--seeds {arguments.seeds}",
            law=f"a certificate has 2 to {MOST_PAIRS} seeds",
            found=f"{arguments.seeds}",
            remedy=f"Write --seeds {SEEDS} or leave it out: fewer cannot tell at 5%.",
        )
    if arguments.workers is not None and arguments.workers < 1:
        raise UserError(
            where=f"--workers {arguments.workers}",
            law="at least one worker trains",
            found=f"{arguments.workers}",
            remedy="Write --workers 2, or leave it out for the run file's.",
        )


def _commission(
    arguments: argparse.Namespace, subject: Subject, setting: Setting
) -> tuple[Plan, CertificationStarted]:
    """Plan the certification; the same search and options give the same one."""
    from orchestrator.certification import plan_certification  # noqa: PLC0415
    from orchestrator.certification.tokens import tokens_of  # noqa: PLC0415
    from orchestrator.event_log import LOG_NAME  # noqa: PLC0415
    from orchestrator.events import CertificationStarted, SearchStarted  # noqa: PLC0415
    from orchestrator.resuming import require_same_text  # noqa: PLC0415
    from orchestrator.run_corpus import corpus_json  # noqa: PLC0415

    logged = subject.story.started
    assert isinstance(logged, SearchStarted)
    corpus = corpus_json(setting.corpus, setting.notes)
    require_same_text(logged, corpus, subject.directory / LOG_NAME)
    whole = subject.report.ledger.tokens
    tokens = None if arguments.tokens is None else tokens_of(arguments.tokens, whole=whole)
    plan, notes = plan_certification(
        subject.story,
        subject.point,
        rules=setting.rules,
        replicates=arguments.seeds,
        tokens=tokens,
    )
    finished = subject.story.finished is not None
    if not finished:
        notes = (*notes, "The search had not finished: its winner is the best there was.")
    started = CertificationStarted(
        search={
            "name": subject.run.name,
            "seed": subject.run.seed,
            "corpus": corpus["digest"],
            "member": subject.member,
            "generation": subject.generation,
            "digest": subject.genome.digest,
            "finished": finished,
        },
        plan=plan.to_json(),
        notes=notes,
        environment=setting.environment,
    )
    return plan, started


def _lasting(setting: Setting, plan: Plan) -> Setting:
    """Return the setting with the certification's horizon."""
    from dataclasses import replace  # noqa: PLC0415 - with its user

    return replace(setting, settings=replace(setting.settings, horizon_tokens=plan.horizon_tokens))


def _again(arguments: argparse.Namespace) -> str:
    parts = ["masga", "certify", str(arguments.directory), "--seeds", str(arguments.seeds)]
    if arguments.tokens is not None:
        parts += ["--tokens", arguments.tokens]
    if arguments.workers is not None:
        parts += ["--workers", str(arguments.workers)]
    return shlex.join(parts)


def _tell_cost(console: Console, plan: Plan, subject: Subject, resources: ResourcesConfig) -> None:
    import os  # noqa: PLC0415 - with its user

    from orchestrator.certification.cost import estimate, told_cost  # noqa: PLC0415

    workers: int | None = None
    if resources.workers != "auto":
        workers = resources.workers
    elif resources.address is None and not resources.gpus_per_worker:
        of_one = resources.cpus_per_worker * resources.processes_per_member
        workers = max(1, int((os.cpu_count() or 1) / of_one))
    most = None if workers is None else min(workers, plan.members)
    console.print(
        told_cost(estimate(plan, subject.story), plan, workers=most),
        highlight=False,
        soft_wrap=True,
    )


def _train(
    console: Console,
    started: CertificationStarted,
    place: Path,
    *,
    setting: Setting,
    resources: ResourcesConfig,
    again: str,
) -> int:
    """Train to the end; return the exit code of an interruption, or 0."""
    from orchestrator.adapters.certifier import run_certification  # noqa: PLC0415 - ray
    from orchestrator.commands.signals import INTERRUPTED  # noqa: PLC0415
    from orchestrator.console.certification import (  # noqa: PLC0415
        CertificationLines,
        CertificationTable,
        legend,
    )
    from orchestrator.event_log import LOG_NAME  # noqa: PLC0415

    console.print(legend(started), highlight=False)
    display = CertificationTable(console) if console.is_terminal else CertificationLines(console)
    try:
        run_certification(
            started,
            place,
            setting=setting,
            resources=resources,
            again=again,
            observers=(display,),
        )
    except KeyboardInterrupt:
        print(f"masga: stopped; go on with: {again}", file=sys.stderr)
        return INTERRUPTED
    except Exception:  # told, and passed on to the outermost handler
        if (place / LOG_NAME).exists():
            print(f"masga: What was done is kept; go on with: {again}", file=sys.stderr)
        raise
    return 0


def _show(console: Console, place: Path) -> int:
    """Write the certificate from its log and show it."""
    from orchestrator.certification.record import write_certificate  # noqa: PLC0415
    from orchestrator.console.certificate import told_certificate  # noqa: PLC0415
    from orchestrator.console.summary import as_text  # noqa: PLC0415
    from orchestrator.storage.working_copy import publish  # noqa: PLC0415

    certificate = _certificate(place)
    path = write_certificate(certificate, place)
    publish(path)
    told = told_certificate(certificate, path)
    if console.is_terminal:
        console.print(told, highlight=False)
    else:
        print(as_text(told, width=_PLAIN_WIDTH))
    return 0


def _certificate(place: Path) -> Certificate:
    from orchestrator.certification import certificate_of, tallied  # noqa: PLC0415
    from orchestrator.event_log import LOG_NAME, read_log  # noqa: PLC0415

    return certificate_of(tallied(read_log(place / LOG_NAME)[0]))
