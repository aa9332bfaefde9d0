"""The command line. Exit codes: 0 done, 1 our fault, 2 the user's to mend, 128 + n on signal n."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from orchestrator.commands import (
    analyze,
    certify,
    compare,
    doctor,
    export,
    jobs,
    laws,
    report,
    resume,
    schema,
    search,
    submit,
    sync,
)
from orchestrator.commands.failures import exit_code
from orchestrator.commands.signals import INTERRUPTED, interrupted_by_ending_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class _Version(argparse.Action):
    """Looks the version up only when asked: reading package metadata takes time."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - see above

        try:
            found = version("masga")
        except PackageNotFoundError:
            found = "(not installed: run from its source directory)"
        print(f"masga {found}")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="masga",
        description="Evolve language models: search architectures and training protocols.",
        epilog="Exit codes: 0 done, 1 a fault of masga, 2 yours to mend, 130 after Ctrl-C.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in (
        search,
        resume,
        report,
        compare,
        analyze,
        export,
        certify,
        sync,
        submit,
        jobs,
        laws,
        doctor,
        schema,
    ):
        command.add(commands)
    return top


def command_names() -> frozenset[str]:
    """Return the names of all subcommands."""
    actions = parser()._actions  # noqa: SLF001 - argparse tells its subcommands nowhere else
    (subparsers,) = (a for a in actions if isinstance(a, argparse._SubParsersAction))  # noqa: SLF001
    return frozenset(subparsers.choices)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        arguments = parser().parse_args(argv)
    except SystemExit as stop:  # argparse has said what was wrong, or printed help
        return stop.code if isinstance(stop.code, int) else 2
    run: Callable[[argparse.Namespace], int] = arguments.run
    with interrupted_by_ending_signals() as interruption:
        try:
            code = run(arguments)
        except KeyboardInterrupt:
            print("masga: stopped", file=sys.stderr)
            code = INTERRUPTED
        except Exception as error:  # noqa: BLE001 - the outermost handler: every failure is told and coded
            code = exit_code(error)
    return interruption.exit_code if code == INTERRUPTED else code


if __name__ == "__main__":
    sys.exit(main())
