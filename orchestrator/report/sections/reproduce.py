"""How to get the same search again: run file, command, versions."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import yaml

from orchestrator.event_log import LOG_NAME
from orchestrator.report.page import Section, code, folded, paragraph

if TYPE_CHECKING:
    from orchestrator.events import JSON, SearchStarted
    from orchestrator.report.subject import Subject


def section(subject: Subject) -> Section | None:
    """Return the section; None where the log does not tell."""
    started = subject.story.started
    if started is None:
        return None
    name = f"{subject.name}.yaml"
    seed = started.run.get("seed")
    packages = _pins(started.environment.get("packages", {}))
    is_exact = started.run.get("population", {}).get("mode", "synchronous") == "synchronous"
    sameness = (
        "On the same kind of CPU it is the same search bit for bit, whatever the number of "
        "workers; on another kind or with other versions losses differ in their last digits, and "
        "with them who is replaced by whom."
        if is_exact
        else "An asynchronous search depends on which worker is quick: its course will differ."
    )
    parts = [
        paragraph(
            f"Save the run file below as {name} and search again. {sameness} "
            f"Its seed is {seed}; the corpus must have the digest {started.corpus['digest']}."
        ),
        code(f"masga search {shlex.quote(name)}"),
    ]
    if packages:
        parts += [paragraph("With these versions:"), code(packages)]
    parts += [
        folded("The run file, with every default", code(run_file(started))),
        paragraph(
            f"Everything here is made from {LOG_NAME} in {subject.directory}, which the search "
            "writes before each step: numbered lines, each with a checksum.",
            kind="note",
        ),
    ]
    return Section(anchor="reproduce", heading="How to reproduce it", body="".join(parts))


def run_file(started: SearchStarted) -> str:
    """Return the resolved run file, without the place where this search was put."""
    beside: dict[str, JSON] = started.environment.get("run", {})
    values = {**started.run, **{k: v for k, v in beside.items() if k != "output"}}
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _pins(packages: dict[str, JSON]) -> str:
    held = [(name, str(version)) for name, version in packages.items() if version]
    return "\n".join(f"{name}=={version}" for name, version in held)
