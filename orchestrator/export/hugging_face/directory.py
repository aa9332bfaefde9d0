"""Writes config.json, model.safetensors, the tokenizer and the model card."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from orchestrator.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.export.hugging_face.families import Family
    from orchestrator.export.hugging_face.uniform import Shape
    from orchestrator.export.subject import Subject
    from search_spaces.gpt.architecture import Architecture


def write(subject: Subject, target: Path) -> None:
    """Write the directory.

    Raises:
        UserError: No model type of `transformers` expresses the architecture; names the genes and
            the nearest values. Or the checkpoint or the text cannot be read.
    """
    from safetensors.torch import save_file  # noqa: PLC0415 - torch: seconds

    from orchestrator.export.hugging_face.card import model_card  # noqa: PLC0415
    from orchestrator.export.hugging_face.mirrored import mirrored  # noqa: PLC0415
    from orchestrator.export.hugging_face.tokenizer import (  # noqa: PLC0415
        library_of,
        write_tokenizer,
    )
    from orchestrator.export.hugging_face.uniform import pad  # noqa: PLC0415
    from trainers.data.tokenizer import SEPARATOR_TEXT  # noqa: PLC0415

    a = subject.genome.architecture
    family, shape = require_family(a, where=str(subject))
    library = library_of(subject)
    state = subject.state()
    own = {n.removeprefix("model."): t for n, t in state.tensors.items() if n.startswith("model.")}
    if family.is_mirrored:
        own = mirrored(own)
    tensors = family.tensors(pad(own, a, shape))
    target.mkdir()
    save_file(
        {name: t.contiguous() for name, t in tensors.items()},
        target / "model.safetensors",
        {"format": "pt"},
    )
    (target / "model.safetensors").chmod(0o644)  # safetensors lets nobody else read
    write_tokenizer(library, target, context_length=a.context_length)
    separator = library.token_to_id(SEPARATOR_TEXT)
    assert separator is not None  # every tokenizer of ours has one
    _write_json(target / "config.json", _config(family, a, shape, separator=separator))
    tokens = {f"{name}_token_id": separator for name in ("bos", "eos", "pad")}
    _write_json(target / "generation_config.json", tokens)
    card = model_card(subject, family, padding=_padding(family, a, shape))
    (target / "README.md").write_text(card, encoding="utf-8")


def use(subject: Subject, target: Path) -> tuple[str, ...]:
    """Return how to write text with it."""
    del subject
    return (
        "pip install torch transformers",
        f"cd {shlex.quote(str(target))}",
        (
            "python -c \"from transformers import pipeline; print(pipeline('text-generation', '.')"
            "('The ', max_new_tokens=64)[0]['generated_text'])\""
        ),
    )


def require_family(a: Architecture, *, where: str) -> tuple[Family, Shape]:
    """Return the model type that expresses an architecture, and what layers are padded to.

    Raises:
        UserError: There is none.
    """
    from orchestrator.export.hugging_face.families import nearest_family  # noqa: PLC0415 - torch

    family = nearest_family(a)
    misfits = family.misfits(a)
    if misfits:
        beside = [
            f"{name}={getattr(a, name)}"
            for name in ("norm", "position", "activation", "qk_norm")
            if name not in {gene for gene, _, _ in misfits}
        ]
        raise UserError(
            where=where,
            law="a model type of transformers expresses the architecture exactly",
            found=f"{', '.join(f'{gene}={found}' for gene, found, _ in misfits)} beside "
            f"{', '.join(beside)}",
            remedy="The nearest that can be expressed: "
            + ", ".join(f"{gene}={nearest}" for gene, _, nearest in misfits)
            + f" (as {family.model_class}). Export another member with --member, or the "
            "formats script or yaml.",
        )
    shape = family.shape(a)
    assert shape is not None  # else num_heads were a misfit
    return family, shape


def _config(family: Family, a: Architecture, shape: Shape, *, separator: int) -> dict[str, Any]:
    return {
        "architectures": [family.model_class],
        "model_type": family.model_type,
        "vocab_size": a.vocab_size,
        **family.config(family.stream(a), shape),
        "tie_word_embeddings": a.tied_embeddings,
        "bos_token_id": separator,
        "eos_token_id": separator,
        "pad_token_id": None,
        "dtype": "float32",
        "torch_dtype": "float32",  # the same, for transformers before 5
    }


def _padding(family: Family, a: Architecture, shape: Shape) -> str:
    from orchestrator.export.hugging_face.uniform import is_padded  # noqa: PLC0415 - torch

    told: list[str] = []
    if family.is_mirrored:
        told.append(
            "Its RMS norms are layer norms over the stream beside its own negative, twice as wide."
        )
    if is_padded(a, shape):
        told.append(
            "Its layers differ, or have sizes that this type cannot have, so they are padded with "
            f"zeros, which changes no output: to {shape.heads} heads of {shape.head_dim} channels, "
            f"{shape.kv_heads} key-value heads and {shape.d_ff} hidden units in every layer."
        )
    if told:
        told.append("Do not go on training this file: what is 0 or mirrored would not stay so.")
    return " ".join(told)


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
