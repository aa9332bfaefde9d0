"""Writes masga_config.py, the tokenizer and the text.

Fields were read from torchtitan 0.3.0, whose configurations are Python: its blocks are made layer
by layer, so layers may differ.
"""

from __future__ import annotations

import shlex
from importlib import resources
from typing import TYPE_CHECKING

from orchestrator.export.departures import departures
from orchestrator.export.formats import refusal
from orchestrator.export.script.facts import as_constants, facts_of
from orchestrator.export.script.template import resolved

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.export.departures import Departure
    from orchestrator.export.script.facts import Course
    from orchestrator.export.subject import Subject
    from search_spaces.genome import Genome
    from search_spaces.gpt.architecture import Architecture

MODULE = "masga_config"
CUT = "#: cut\n"
"""Where the constants stand in the piece."""
_TRAIN = f"torchrun -m torchtitan.train --module {MODULE} --config train"
_COMMANDS = ("pip install torchtitan", f"PYTHONPATH=. {_TRAIN}")
_OTHERWISE = "TorchTitan orders data by itself and packs documents into sequences."


def write(subject: Subject, target: Path) -> None:
    """Write the directory.

    Raises:
        UserError: TorchTitan has no such architecture; names the genes and the nearest values.
    """
    from orchestrator.export.documents import write_lines  # noqa: PLC0415 - numpy
    from orchestrator.export.hugging_face.tokenizer import (  # noqa: PLC0415 - torch: seconds
        library_of,
        write_tokenizer,
    )
    from orchestrator.export.script.directory import course_of  # noqa: PLC0415 - torch

    genome = subject.genome
    if found := misfits(genome.architecture):
        raise refusal(
            subject,
            found,
            law="TorchTitan's blocks express the architecture exactly",
            instead="the format script",
        )
    corpus = subject.corpus()
    course, _ = course_of(subject)
    (target / "tokenizer").mkdir(parents=True)
    context = genome.architecture.context_length
    write_tokenizer(library_of(subject), target / "tokenizer", context_length=context)
    write_lines(corpus, "train", target / "text.jsonl")
    (target / f"{MODULE}.py").write_text(
        module_text(genome, course, about=_about(subject)), encoding="utf-8"
    )


def _about(subject: Subject) -> str:
    lines = (
        f"Genome {subject.genome.digest} for TorchTitan.",
        "",
        f"Found by MASGA: {subject} of the search {subject.run.name}.",
        "",
        *(f"    {command}" for command in _COMMANDS),
        "",
        *_told(subject.genome),
    )
    return "".join(f"{line}\n" for line in lines)


def use(subject: Subject, target: Path) -> tuple[str, ...]:
    """Return how to train with it, and what it does otherwise."""
    install, train = _COMMANDS
    told = (f"# {line}" for line in _told(subject.genome))
    return install, f"cd {shlex.quote(str(target))}", train, *told


def misfits(a: Architecture) -> tuple[tuple[str, object, object], ...]:
    """Return (gene, found, nearest that TorchTitan has); empty: all of them fit."""
    only = {"position": "rotary", "norm": "rms", "activation": "swiglu"}
    return tuple(
        (gene, getattr(a, gene), nearest)
        for gene, nearest in only.items()
        if getattr(a, gene) != nearest
    )


def module_text(genome: Genome, course: Course, *, about: str) -> str:
    """Return the module.

    Args:
        genome: What is trained; its architecture must fit.
        course: How far and in which precision.
        about: Where it comes from, in lines of at most 96 characters.
    """
    a, p = genome.architecture, genome.protocol
    folder = resources.files("orchestrator.export.torchtitan")
    piece = (folder / "config.py.txt").read_text(encoding="utf-8")
    imports, code = (resolved(part, facts_of(genome, course)) for part in piece.split(CUT))
    constants = as_constants(
        (
            ("VOCABULARY", a.vocab_size, ""),
            ("CONTEXT", a.context_length, "tokens in a sequence"),
            ("D_MODEL", a.d_model, ""),
            ("HEAD_DIM", a.head_dim, ""),
            ("NUM_HEADS", a.num_heads, "of each layer"),
            ("NUM_KV_HEADS", a.num_kv_heads, ""),
            ("D_FF", a.d_ff, ""),
            ("NORM_EPSILON", 1e-10, ""),
        ),
        (
            ("TOKENS", course.tokens, "trained in all"),
            ("HORIZON", course.horizon_tokens, "tokens at which schedules end"),
            ("BATCH_SEQUENCES", max(1, round(p.batch_tokens / a.context_length)), ""),
            ("LEARNING_RATE", p.learning_rate, "at its peak"),
            (
                "LR_MULTIPLIERS",
                (p.attention_lr_multiplier, p.ffn_lr_multiplier, p.embedding_lr_multiplier),
                "attention, ffn, embedding",
            ),
            ("WARMUP_FRACTION", p.warmup_fraction, "of the horizon"),
            *(
                [("DECAY_FRACTION", p.decay_fraction, "of the horizon")]
                if p.schedule == "wsd"
                else []
            ),
            ("WEIGHT_DECAY", p.weight_decay, ""),
            ("BETA1", p.beta1, ""),
            ("BETA2", p.beta2, ""),
            ("CLIP_NORM", p.clip_norm, ""),
        ),
    )
    return f'"""{about}"""\n\n{imports}\n{constants}\n{code}'


def torchtitan_departures(genome: Genome) -> tuple[Departure, ...]:
    """Return what the configuration does otherwise than the protocol says."""
    return departures(
        genome,
        optimizers=dict.fromkeys(("lion", "muon", "sgd"), "AdamW at the same rate"),
        schedules={},
        has_multipliers=True,
    )


def _told(genome: Genome) -> list[str]:
    found = torchtitan_departures(genome)
    return [_OTHERWISE, *(f"Not expressed: {departure}." for departure in found)]
