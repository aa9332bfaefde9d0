"""The `yaml` format: a run file that trains the member alone, through all that its ancestors were.

`masga search` runs it: one member, the genomes of the lineage stretch by stretch, the seeds of the
original tasks. Its losses on the selection split are those of the lineage, bit for bit on a CPU.
"""

from __future__ import annotations

import shlex
import textwrap
from typing import TYPE_CHECKING

from orchestrator.numerals import count
from orchestrator.story.lineage import explained
from orchestrator.trust import code_reaches, text_reaches

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.events import JSON
    from orchestrator.export.subject import Subject
    from orchestrator.story.replay import Passage

_WIDTH = 96
_LONGEST_NAME = 64


def write(subject: Subject, target: Path) -> None:
    """Write the run file.

    Raises:
        UserError: The search is not the user's own, and the run file, which then would be, would
            name code or text elsewhere.
    """
    run, home = subject.run, subject.directory
    subject.require_trusted(lambda: (*code_reaches(run), *text_reaches(run, home)))
    target.write_text(run_file(subject), encoding="utf-8")


def use(subject: Subject, target: Path) -> tuple[str, ...]:
    """Say how to run it."""
    del subject
    return (f"masga search {shlex.quote(str(target))}",)


def run_file(subject: Subject) -> str:
    """Return the text of the run file."""
    from orchestrator.story.replay import passages  # noqa: PLC0415 - numpy: not for --help

    led = passages(subject.story, subject.member, subject.generation)
    keys, tail = _keys(subject, led)
    return "\n".join(
        (
            *_comment(_about(subject, led)),
            "",
            _dump(keys),
            "schedule:",
            "  # Tokens of a whole training: the unit of the genomes' schedules.",
            f"  horizon_tokens: {subject.horizon_tokens}",
            "  stretches:",
            *(
                line
                for at, passage in enumerate(led)
                for line in _stretch(subject, led, at, passage)
            ),
            "",
            _dump(tail),
        )
    )


def _about(subject: Subject, led: tuple[Passage, ...]) -> tuple[str, ...]:
    assert subject.story.started is not None
    what = "winner" if subject.is_winner else "state"
    report = subject.report
    changed = "one genome" if len(led) == 1 else f"{len(led)} genomes, one after the other"
    return (
        (
            f"The {what} of the search {subject.run.name}, {subject}, as one member that trains "
            f"alone: {count(report.parameters)} parameters, {count(report.ledger.tokens)} tokens, "
            f"{changed}, {report.bits_per_byte:.4f} bits per byte on the selection split."
        ),
        "Run it:  masga search THIS_FILE",
        (
            "On a CPU, with the same versions of torch and of masga and the same text (corpus "
            f"{subject.story.started.corpus['digest']}), its losses on the selection split are "
            "those written at each stretch, bit for bit."
        ),
    )


def _keys(subject: Subject, led: tuple[Passage, ...]) -> tuple[dict[str, JSON], dict[str, JSON]]:
    """Return the sections before and after the schedule: the search's own, but for one member."""
    run = subject.run
    deciding, resources = run.deciding(), run.resources
    interval = run.population.interval_tokens
    intervals = sum(passage.stretch.intervals for passage in led)
    head: dict[str, JSON] = {
        "name": f"{run.name[: _LONGEST_NAME - len('-replay')]}-replay",
        "seed": run.seed,
        "corpus": {**deciding["corpus"], "sources": _sources(subject), "fallback": None},
        "space": deciding["space"],
        "population": {"members": 1, "interval_tokens": interval},
        "budget": {"tokens": intervals * interval},
        "proposers": [],
    }
    tail: dict[str, JSON] = {
        "fitness": deciding["fitness"],
        "training": deciding["training"],
        "baseline": False,
        "resources": {
            "workers": 1,
            "processes_per_member": resources.processes_per_member,
            "cpus_per_worker": resources.cpus_per_worker,
            "gpus_per_worker": resources.gpus_per_worker,
        },
    }
    return _said(head), _said(tail)


def _sources(subject: Subject) -> list[JSON]:
    """Return the sources that were read: one that stood in for another is named itself."""
    assert subject.story.started is not None
    found = subject.story.started.corpus["sources"]
    return [
        {"name": read["name"]} if source.name is not None else source.model_dump(mode="json")
        for source, read in zip(subject.run.corpus.sources, found, strict=True)
    ]


def _stretch(subject: Subject, led: tuple[Passage, ...], at: int, passage: Passage) -> list[str]:
    from search_spaces.genome import genome_to_json  # noqa: PLC0415 - numpy: not for --help

    interval = subject.run.population.interval_tokens
    before = sum(earlier.stretch.intervals for earlier in led[:at]) * interval
    stretch = passage.stretch
    after = before + stretch.intervals * interval
    last = passage.steps[-1].nats_per_token
    told = [f"Tokens {before} to {after}: {'; then '.join(map(explained, passage.steps))}."]
    if last is not None:
        told.append(f"At its end: {last!r} nats per token on the selection split.")
    written: dict[str, JSON] = {
        "intervals": stretch.intervals,
        "seed": stretch.seed,
        "genome": genome_to_json(stretch.genome),
    }
    item = textwrap.indent(_dump(written), "  ").rstrip().removeprefix("  ")
    lines = (*_comment(told), *f"- {item}".splitlines())
    return [f"    {line}" for line in lines]


def _comment(paragraphs: tuple[str, ...] | list[str]) -> list[str]:
    return [
        f"# {line}"
        for text in paragraphs
        for line in textwrap.wrap(text, _WIDTH, break_long_words=False)
    ]


def _said(values: JSON) -> JSON:
    """Leave out what is null: nothing was written there."""
    if isinstance(values, dict):
        return {name: _said(value) for name, value in values.items() if value is not None}
    return [_said(value) for value in values] if isinstance(values, list) else values


def _dump(values: JSON) -> str:
    import yaml  # noqa: PLC0415 - with its user: the formats are listed by --help

    text: str = yaml.safe_dump(
        values, sort_keys=False, allow_unicode=True, default_flow_style=None, width=_WIDTH
    )
    return text
