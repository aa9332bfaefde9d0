"""`masga compare A B ...`: populations side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from orchestrator.commands import Subparsers
    from orchestrator.comparing.opening import Fetch

_PAGE = b"<!doctype html>"


def add(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("compare", help="compare searches: curves, genes, significance")
    parser.add_argument(
        "names",
        nargs="+",
        metavar="SEARCH",
        help="directory of a search or of several, MLflow run id, or name of an experiment",
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with figures")
    parser.add_argument(
        "--importance",
        choices=("ped-anova", "fanova"),
        default="ped-anova",
        help="how gene importance is measured; fanova is slow (default: ped-anova)",
    )
    parser.add_argument(
        "--tracking-uri", metavar="URI", help="MLflow's store (default: MLFLOW_TRACKING_URI)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Open, compare, tell."""
    import gc  # noqa: PLC0415 - not for --help, like all that follows

    # a log is millions of values, all kept to the end: walking them takes a third of the time
    gc.disable()
    try:
        return _run(arguments)
    finally:
        gc.enable()


def _run(arguments: argparse.Namespace) -> int:
    import shlex  # noqa: PLC0415
    import sys  # noqa: PLC0415

    from orchestrator.comparing.comparison import compare  # noqa: PLC0415
    from orchestrator.comparing.opening import open_searches  # noqa: PLC0415 - numpy
    from orchestrator.credentials import require_no_credentials  # noqa: PLC0415

    require_no_credentials(arguments.tracking_uri, where="--tracking-uri")
    if arguments.html is not None:
        _check_target(arguments.html)
    opened = open_searches(arguments.names, fetch=_fetch_from(arguments.tracking_uri))
    comparison = compare(opened.subjects, method=arguments.importance, left_out=opened.left_out)
    if arguments.html is not None:
        from orchestrator.comparing.html import as_html  # noqa: PLC0415 - matplotlib

        command = shlex.join(["masga", "compare", *(subject.source for subject in opened.subjects)])
        _write_whole(arguments.html, as_html(comparison, command=command))
        print(f"masga: wrote {arguments.html}", file=sys.stderr)
    if arguments.json:
        from orchestrator.comparing.document import as_json  # noqa: PLC0415

        print(as_json(comparison))
    else:
        from orchestrator.comparing.terminal import tables  # noqa: PLC0415
        from orchestrator.console.plain import PlainConsole  # noqa: PLC0415

        PlainConsole(highlight=False).print(tables(comparison))
    return 0


def _fetch_from(tracking_uri: str | None) -> Fetch:
    def fetch(name: str) -> Sequence[tuple[str, Path]]:
        from orchestrator.adapters.mlflow.searches import fetch_logs  # noqa: PLC0415 - seconds

        found = fetch_logs(name, tracking_uri=tracking_uri)
        return [(search.name, search.events_path) for search in found]

    return fetch


def _check_target(path: Path) -> None:
    """Check that a page may be written here: over an older page, not over anything else.

    Raises:
        UserError: It may not.
    """
    from orchestrator.errors import Clause, UserError  # noqa: PLC0415

    if path.is_dir():
        found = "a directory"
    elif not path.absolute().parent.is_dir():
        found = Clause(f"there is no directory {path.parent}")
    elif path.exists() and path.read_bytes()[: len(_PAGE)].lower() != _PAGE:
        found = "a file that is no page"
    else:
        return
    raise UserError(
        where=f"--html {path}",
        law="the page is written to a new file, or over an older page",
        found=found,
        remedy="Give another name.",
    )


def _write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
