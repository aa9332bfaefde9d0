"""`masga export DIR --format F`: the winner, or another member, as other programs read it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from orchestrator.commands.trusting import add_trust
from orchestrator.console.printable import printable

if TYPE_CHECKING:
    import argparse

    from orchestrator.commands import Subparsers
    from orchestrator.export.subject import Subject


def add(commands: Subparsers) -> None:
    """Add the command to the parser."""
    import argparse  # noqa: PLC0415 - as little as --help of another command needs

    from orchestrator.export import FORMATS  # noqa: PLC0415

    width = max(map(len, FORMATS), default=0)
    parser = commands.add_parser(
        "export",
        help="write the winner in a format that other programs read",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Write the winner of a search, or another member, for other programs.",
        epilog="formats:\n"
        + "\n".join(f"  {name:<{width}}  {made.what}" for name, made in FORMATS.items()),
    )
    parser.add_argument("directory", metavar="DIR", help="directory or URI of the search")
    parser.add_argument("--format", choices=tuple(FORMATS), required=True, help="see below")
    parser.add_argument(
        "--member", type=int, metavar="M", help="instead of the winner (or the best so far)"
    )
    parser.add_argument(
        "--generation", type=int, metavar="G", help="after this one instead of the newest"
    )
    parser.add_argument(
        "--output",
        metavar="TARGET",
        help="file or directory to make, or a URI (default: in DIR/exports)",
    )
    parser.add_argument("--force", action="store_true", help="replace what is at TARGET")
    add_trust(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Export."""
    # pydantic and, in most formats, torch: not for --help
    from orchestrator.event_log import LOG_NAME  # noqa: PLC0415
    from orchestrator.export import FORMATS  # noqa: PLC0415
    from orchestrator.export.atomic import write_whole  # noqa: PLC0415
    from orchestrator.export.subject import find_subject  # noqa: PLC0415
    from orchestrator.storage.outputs import made_at  # noqa: PLC0415
    from orchestrator.storage.working_copy import arrive, has_writer  # noqa: PLC0415

    format_ = FORMATS[arguments.format]
    directory = arrive(arguments.directory)
    subject = find_subject(
        directory,
        member=arguments.member,
        generation=arguments.generation,
        trust=arguments.trust,
    )
    name = f"{arguments.format}-m{subject.member:03d}-g{subject.generation:03d}{format_.suffix}"
    force: bool = arguments.force
    if subject.damage is not None:
        print(
            f"masga: {printable(subject.damage)} What is whole before it is exported.",
            file=sys.stderr,
        )
    elif subject.story.finished is None:
        state = "is running" if has_writer(subject.directory / LOG_NAME) else "was stopped"
        print(
            f"masga: this search {state} and has no winner yet: this is {subject}", file=sys.stderr
        )
    otherwise = directory / "exports" / name
    with made_at(arguments.output, otherwise=otherwise, force=force) as made:
        write_whole(made.path, lambda part: format_.write(subject, part), force=force)
    print(f"{_name(subject)}: {arguments.format} in {made}")
    begin = "use it:" if made.stays else f"use it, once {made.path.name} is fetched from there:"
    print("\n".join((begin, *(f"  {line}" for line in format_.use(subject, made.here)))))
    return 0


def _name(subject: Subject) -> str:
    return f"the winner, {subject}" if subject.is_winner else str(subject)
