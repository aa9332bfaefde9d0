"""Where the search ran and on what text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.numerals import count
from orchestrator.report.page import Section, bullets, heading, paragraph, table

if TYPE_CHECKING:
    from orchestrator.events import JSON
    from orchestrator.report.subject import Subject


def section(subject: Subject) -> Section | None:
    """Return the section; None where the log does not tell."""
    started = subject.story.started
    if started is None:
        return None
    environment, corpus = started.environment, started.corpus
    notes = [*environment.get("notes", ()), *corpus.get("notes", ())]
    parts = []
    if notes:
        parts.append(bullets([str(note) for note in notes]))
    parts += [_machine(environment), *_text(corpus)]
    return Section(anchor="environment", heading="Environment", body="".join(parts))


def _machine(environment: dict[str, JSON]) -> str:
    rows = [
        (name, environment[key])
        for name, key in (
            ("Python", "python"),
            ("platform", "platform"),
            ("processor cores", "cores"),
            ("CUDA devices", "cuda_devices"),
        )
        if key in environment
    ]
    packages: dict[str, JSON] = environment.get("packages", {})
    rows += [(name, version or "not installed") for name, version in packages.items()]
    return table(("what", "version or number"), rows, caption="Of the driver") if rows else ""


def _text(corpus: dict[str, JSON]) -> list[str]:
    parts = [heading("Text"), paragraph(f"Digest of the corpus: {corpus['digest']}")]
    sources: list[dict[str, JSON]] = corpus.get("sources", [])
    if sources:
        parts.append(
            table(
                ("source", "licence", "SHA-256 of the content"),
                [
                    (s["name"], s.get("licence") or "not stated", str(s["content_sha256"])[:16])
                    for s in sources
                ],
            )
        )
    tokens: dict[str, int] = corpus.get("tokens", {})
    if tokens:
        parts.append(
            table(
                ("split", "documents", "tokens", "bytes of text", "used for"),
                [
                    (
                        split,
                        f"{corpus['documents'][split]:,}",
                        count(number),
                        count(corpus["text_bytes"][split]),
                        _USES.get(split, ""),
                    )
                    for split, number in tokens.items()
                ],
            )
        )
    return parts


_USES = {
    "train": "training",
    "game": "measuring the game and morphs",
    "selection": "fitness: who is replaced by whom",
    "heldout": "the final comparison only",
}
