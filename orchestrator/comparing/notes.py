"""What a reader must know before believing a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.comparing.subject import Subject


def notes_on(subjects: Sequence[Subject]) -> tuple[str, ...]:
    """Return the notes: on single searches first, then on what differs between them."""
    notes: list[str] = []
    for subject in subjects:
        if subject.damage is not None:
            notes.append(
                f"{subject.name}: its log is damaged, only what lies before is compared: "
                f"{subject.damage}"
            )
        if not subject.is_finished:
            closed, planned = len(subject.story.closings), subject.started.generations
            how = "is still running" if subject.is_running else "has not finished"
            notes.append(
                f"{subject.name} {how}: compared by the {closed} of {planned} generations that "
                "have closed"
            )
    if _differ(subjects, lambda s: s.settings.batches.corpus_digest):
        notes.append(
            "The corpora differ: losses are in bits per byte, which no tokenizer changes, but "
            "they are of different text"
        )
    elif _differ(subjects, lambda s: (s.settings.batches, s.settings.selection_batches)):
        notes.append(
            "The selection batches differ (context length, batch size or number): losses on them "
            "differ by more than the models do"
        )
    if _differ(subjects, lambda s: s.settings.budget):
        notes.append(
            "The budgets differ: compare at equal tokens (mean best loss, loss by tokens), "
            "not at the ends"
        )
    if len(subjects) > 1:
        notes.append(
            "Intervals and p-values tell of the held-out text, not of the searches: another seed "
            "of the same search finds another winner"
        )
    return tuple(notes)


def _differ(subjects: Sequence[Subject], read: Callable[[Subject], object]) -> bool:
    first = read(subjects[0])
    return any(read(subject) != first for subject in subjects)
