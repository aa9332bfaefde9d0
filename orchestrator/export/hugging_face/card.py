"""The model card: what the model is, where it comes from, what it is worth, how to use it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from orchestrator.numerals import count
from orchestrator.story.comparison import compare, verdict
from orchestrator.story.lineage import explained, lineage

if TYPE_CHECKING:
    from orchestrator.export.hugging_face.families import Family
    from orchestrator.export.subject import Subject
    from orchestrator.story.telling import Story

_KNOWN_LICENCES = (("CC BY-SA 4.0", "cc-by-sa-4.0"), ("CC BY 4.0", "cc-by-4.0"))
"""How a stated licence begins, and what the Hub calls it."""
_USE = """## Use

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")
model = AutoModelForCausalLM.from_pretrained(".")
text = tokenizer("The ", return_tensors="pt")
print(tokenizer.decode(model.generate(**text, max_new_tokens=64)[0]))
```

The tokenizer begins every text with the separator of documents, as in training."""


def model_card(subject: Subject, family: Family, *, padding: str) -> str:
    """Return README.md.

    Args:
        subject: What was exported.
        family: As which model type.
        padding: What was padded, as a sentence; empty: nothing.
    """
    parts = (
        _front_matter(subject),
        _what(subject, family, padding),
        _USE,
        _worth(subject),
        _text(subject),
        _how(subject),
        _lineage(subject),
        _genome(subject),
    )
    return "\n\n".join(parts) + "\n"


def _front_matter(subject: Subject) -> str:
    licences = {s["licence"] for s in _sources(subject)}
    stated = licences.pop() if len(licences) == 1 else ""
    known = [name for begins, name in _KNOWN_LICENCES if stated.startswith(begins)]
    return "\n".join(
        (
            "---",
            f"license: {known[0] if known else 'unknown'}",
            "library_name: transformers",
            "pipeline_tag: text-generation",
            "tags: [masga, population-based-training]",
            "---",
        )
    )


def _what(subject: Subject, family: Family, padding: str) -> str:
    name = "The winner" if subject.is_winner else str(subject).capitalize()
    report = subject.report
    made = (
        f"{name} of a search by MASGA over architectures and training protocols of language "
        f"models: {count(report.parameters)} parameters, trained on {count(report.ledger.tokens)} "
        "tokens. It is small and made for research: expect text of the kind it was trained on, "
        "not answers."
    )
    expressed = f"The file expresses it exactly as `{family.model_class}`. {padding}".rstrip()
    return f"# {subject.run.name}: {subject.genome.digest}\n\n{made}\n\n{expressed}"


def _worth(subject: Subject) -> str:
    story = subject.story
    lines = ["## What it is worth", ""]
    if subject.report.bits_per_byte is not None:
        lines.append(
            f"* {subject.report.bits_per_byte:.4f} bits per byte on the text that the search "
            "selected by"
        )
    heldout = story.assessed.get("winner") if subject.is_winner else None
    if heldout is None:
        lines.append("* not measured on held-out text")
    else:
        lines.append(
            f"* {heldout.bits_per_byte:.4f} bits per byte on held-out text, which nothing was "
            "selected on"
        )
        lines += _beside_default(story)
    return "\n".join(lines)


def _beside_default(story: Story) -> list[str]:
    compared = compare(story)
    if compared is None:
        return []
    error = compared.standard_error
    spread = "" if error is None else f" (standard error {error:.4f})"
    return [
        (
            f"* {compared.difference:+.4f}{spread} bits per byte beside a default genome of its "
            f"size and tokens on the same {compared.batches} batches: {verdict(compared)}"
        )
    ]


def _text(subject: Subject) -> str:
    return "\n".join(
        (
            "## Text and licence",
            "",
            *(f"* {s['name']}: {s['licence']}" for s in _sources(subject)),
            "",
            "The licence of the model is stated after that of its text; check it for your use.",
        )
    )


def _how(subject: Subject) -> str:
    started = subject.story.started
    assert started is not None
    run = subject.run
    versions = started.environment.get("packages", {})
    stated = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    return "\n".join(
        (
            "## How it was made",
            "",
            (
                f"A population of {run.population.members} members, decisions every "
                f"{count(run.population.interval_tokens)} tokens, {started.generations} "
                f"generations, seed {run.seed}, selection `{run.selection.policy}`, proposers "
                f"{', '.join(f'`{p.proposer}`' for p in run.proposers) or 'none'}. "
                f"{stated or 'Versions were not recorded'}."
            ),
        )
    )


def _lineage(subject: Subject) -> str:
    rows = ["## How it came to be", "", "| generations | member | genome | what happened |"]
    rows.append("|---|---|---|---|")
    for step in lineage(subject.story, subject.member, subject.generation):
        told = explained(step).replace("|", "\\|")
        rows.append(
            f"| {step.first_generation}-{step.last_generation} | {step.member} | {step.digest} "
            f"| {told} |"
        )
    return "\n".join(rows)


def _genome(subject: Subject) -> str:
    rows = ["## Genome", "", "| gene | value |", "|---|---|"]
    for half in subject.order.genome.values():
        rows += [f"| {name} | {json.dumps(value)} |" for name, value in half.items()]
    return "\n".join(rows)


def _sources(subject: Subject) -> list[dict[str, str]]:
    assert subject.story.started is not None
    sources: list[dict[str, str]] = subject.story.started.corpus["sources"]
    return sources
