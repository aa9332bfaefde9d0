"""A Hugging Face checkpoint of Llama type, with a text, as the subject of an analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from orchestrator.analysis.standing import PriceOfFlops
from orchestrator.analysis.subject import BATCH_SEQUENCES, DEFAULT_SEQUENCES, Subject
from orchestrator.errors import Clause, UserError
from trainers.data import EvaluationBatch
from trainers.llama import ForeignCheckpointError, read_llama

if TYPE_CHECKING:
    from pathlib import Path

LONGEST = 256
"""Tokens of a sequence, at most: attention beyond that costs more than it tells of components."""
TOKENIZER = "tokenizer.json"


def subject_of_checkpoint(
    directory: Path,
    text: Path | None,
    *,
    sequences: int | None = None,
    nats_per_gflop: float | None = None,
    device: str = "cpu",
) -> Subject:
    """Read a checkpoint and cut its text into sequences.

    Args:
        directory: Of the checkpoint.
        text: UTF-8 text that the model should know how to go on.
        sequences: To measure on; the default, or as many as the text holds.
        nats_per_gflop: The price of FLOPs; 0 by default, for there is no population.
        device: Where to measure.

    Raises:
        UserError: The checkpoint or the text cannot be read, or is not what it should be.
    """
    if text is None:
        raise UserError(
            where=str(directory),
            law="a checkpoint is analysed on a text",
            found="no --text",
            remedy="Give one: masga analyze DIR --text FILE.",
        )
    try:
        model = read_llama(directory, context_length=LONGEST)
    except ForeignCheckpointError as error:
        raise UserError(
            where=error.where, law=error.law, found=Clause(error.found), remedy=error.remedy
        ) from error
    length = model.architecture.context_length
    rows = _windows(directory, text, length, sequences, model.architecture.vocab_size)
    batches = tuple(
        EvaluationBatch(tokens=torch.from_numpy(part), byte_count=0)
        for part in np.split(rows, range(BATCH_SEQUENCES, len(rows), BATCH_SEQUENCES))
    )
    price = (
        PriceOfFlops(nats_per_flop=0.0, source="0, for there is no population (set --price)")
        if nats_per_gflop is None
        else PriceOfFlops(nats_per_flop=nats_per_gflop / 1e9, source="chosen with --price")
    )
    return Subject(
        name=directory.resolve().name,
        text=f"{len(rows)} sequences of {length} tokens of {text.name}",
        model=model.to(device),
        batches=batches,
        proxies=None,
        price=price,
        story=None,
        peers=(),
        notes=(),
    )


def _windows(
    directory: Path, text: Path, length: int, sequences: int | None, vocabulary: int
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:  # (sequences, length + 1)
    """Return windows spread evenly over the text."""
    from tokenizers import Tokenizer  # noqa: PLC0415 - not needed for members of a search

    path = directory / TOKENIZER
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises no class of its own
        raise UserError(
            where=str(path),
            law="the checkpoint has a tokenizer that can be read",
            found=Clause(str(error)),
            remedy="Save the tokenizer beside the model (save_pretrained writes tokenizer.json).",
        ) from error
    try:
        content = text.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            where=str(text),
            law="the text can be read as UTF-8",
            found=Clause(error.strerror or str(error))
            if isinstance(error, OSError)
            else Clause(str(error)),
            remedy="Give another file with --text.",
        ) from error
    ids = np.array(tokenizer.encode(content, add_special_tokens=False).ids, dtype=np.int64)
    if ids.size and int(ids.max()) >= vocabulary:
        raise UserError(
            where=str(path),
            law=f"its tokens are of the model's vocabulary, below {vocabulary}",
            found=str(int(ids.max())),
            remedy="Use the tokenizer that the model was trained with.",
        )
    available = max(0, ids.size - 1) // length
    wanted = min(DEFAULT_SEQUENCES, available) if sequences is None else sequences
    if not 2 <= wanted <= available:
        raise UserError(
            where=str(text),
            law=f"it holds 2 sequences of {length} tokens, or as many as --sequences says",
            found=f"{available}" if sequences is None else f"{available} for {sequences}",
            remedy="Give a longer text, or fewer --sequences.",
        )
    starts = np.linspace(0, available - 1, wanted).round().astype(np.int64) * length
    return np.stack([ids[start : start + length + 1] for start in starts])
