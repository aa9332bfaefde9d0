"""Writes train.py and the data it reads: tokens of the train split and the evaluation batches."""

from __future__ import annotations

import shlex
import textwrap
from importlib import resources
from typing import TYPE_CHECKING, Any

from orchestrator.export.formats import refusal
from orchestrator.export.script.facts import Course, constants, facts_of, unexpressed
from orchestrator.export.script.template import resolved
from orchestrator.numerals import count
from orchestrator.story.lineage import lineage

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.export.subject import Subject
    from search_spaces.genome import Genome
    from trainers.data import Corpus, Split
    from trainers.settings import TrainerSettings

PIECES = ("data", "model", "schedule", "optimizer", "training")
SCRIPT = "train.py"
_COMMANDS = f"""    python {SCRIPT}                     # needs the folder `data` beside it
    python {SCRIPT} --tokens 1000000    # schedules end at HORIZON all the same"""


def write(subject: Subject, target: Path) -> None:
    """Write the directory.

    Raises:
        UserError: The text cannot be read, or the script cannot express a gene.
    """
    if missing := unexpressed(subject.genome):
        raise refusal(
            subject,
            missing,
            law="the script expresses every gene",
            instead="the format yaml",
        )
    corpus = subject.corpus()
    course, settings = course_of(subject)
    (target / "data").mkdir(parents=True)
    text = script_text(subject.genome, course, about=_about(subject))
    (target / SCRIPT).write_text(text, encoding="utf-8")
    _write_data(corpus, settings, target / "data")


def use(subject: Subject, target: Path) -> tuple[str, ...]:
    """Return how to train with it."""
    del subject
    return (
        "pip install torch numpy",
        f"cd {shlex.quote(str(target))}",
        f"python {SCRIPT}",
    )


def course_of(subject: Subject) -> tuple[Course, TrainerSettings]:
    """Return what the search decides about the training, and its settings of a trainer.

    First weights are those of the member that the lineage began with.
    """
    from orchestrator.setting import trainer_settings  # noqa: PLC0415
    from orchestrator.tasks import task_seed  # noqa: PLC0415 - numpy
    from trainers.seeds import seed_for  # noqa: PLC0415

    run = subject.run
    settings = trainer_settings(run, subject.horizon_tokens)
    first = lineage(subject.story, subject.member, subject.generation)[0]
    order = subject.story.orders[first.member, first.first_generation]
    course = Course(
        tokens=subject.report.ledger.tokens,
        horizon_tokens=subject.horizon_tokens,
        interval_tokens=run.population.interval_tokens,
        seed=run.seed,
        weights_seed=seed_for(task_seed(run.seed, order), "weights"),
        threads=settings.threads,
        device=settings.device,
        bfloat16=settings.dtype == "bfloat16",
        micro_batch_tokens=settings.micro_batch_tokens,
    )
    return course, settings


def script_text(genome: Genome, course: Course, *, about: str) -> str:
    """Return the script of a genome: its constants, and the code that it needs of every piece.

    Args:
        genome: What is trained.
        course: How far, with which seeds, on what.
        about: Where it comes from, in lines of at most 96 characters.
    """
    facts = facts_of(genome, course)
    pieces = [resolved(_piece(name), facts) for name in PIECES]
    head = f'"""{about}"""\n\n{resolved(_piece("imports"), facts)}'
    return "\n\n".join((f"{head}\n{constants(genome, course)}", *pieces))


def _piece(name: str) -> str:
    folder = resources.files("orchestrator.export.script") / "pieces"
    return (folder / f"{name}.py.txt").read_text(encoding="utf-8")


def _about(subject: Subject) -> str:
    assert subject.story.started is not None
    name = "the winner" if subject.is_winner else str(subject)
    sources = [f"{s['name']} ({s['licence']})" for s in subject.story.started.corpus["sources"]]
    what = (
        f"Found by MASGA: {name} of the search {subject.run.name}, "
        f"{count(subject.report.parameters)} parameters, {count(subject.report.ledger.tokens)} "
        "tokens. The search reached it by a schedule of genomes; this trains the last one from "
        "fresh weights, so its loss is another one. On a CPU all losses are, bit for bit, those of "
        "MASGA's own trainer with this genome and these seeds."
    )
    files = (
        "Losses are in nats per token; losses.csv has every step, model.pt the weights. Text: "
        f"{', '.join(sources)}."
    )
    lines = (
        f"Train the language model {subject.genome.digest} from scratch, with torch and numpy.",
        textwrap.fill(what, 96),
        _COMMANDS,
        textwrap.fill(files, 96),
    )
    # it becomes a docstring
    return "\n\n".join(lines).replace("\\", "/").replace('"""', "'''") + "\n"


def _write_data(corpus: Corpus, settings: TrainerSettings, folder: Path) -> None:
    import numpy as np  # noqa: PLC0415 - not for --help

    for source in range(corpus.num_sources):
        np.save(folder / f"train-{source}.npy", corpus.split_tokens("train", source))
    small = np.uint16 if corpus.vocab_size <= 1 << 16 else np.uint32
    asked: tuple[tuple[Split, int], ...] = (
        ("selection", settings.evaluation_batches),
        ("heldout", settings.heldout_batches),
    )
    arrays: dict[str, Any] = {}
    for split, batches in asked:
        fixed = corpus.evaluation_batches(
            split, sequences=settings.evaluation_sequences, count=batches
        )
        arrays[split] = np.stack([batch.tokens.numpy() for batch in fixed]).astype(small)
        arrays[f"{split}_bytes"] = np.array([batch.byte_count for batch in fixed])
    np.savez(folder / "evaluation.npz", **arrays)
