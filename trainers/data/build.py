"""Write a corpus into a directory: read, split, learn the tokenizer, encode, shard, check.

Documents pass in chunks; memory holds one chunk and one shard a split, whatever the corpus' size.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import tokenizers

from trainers.data.errors import CorpusError
from trainers.data.files import content_sha256
from trainers.data.manifest import (
    FORMAT,
    MANIFEST_FILE,
    Manifest,
    SourceRecord,
    SplitRecord,
    TokenizerRecord,
    manifest_text,
)
from trainers.data.shards import SHARD_TOKENS, ShardWriter
from trainers.data.spec import SPLITS
from trainers.data.split import split_of
from trainers.data.tokenizer import BpeTokenizer, ByteTokenizer, Tokenizer, limited, train_bpe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from trainers.data.origin import Origin
    from trainers.data.spec import CorpusSpec, Split

Stage = Literal["tokenizer", "encoding"]
CHUNK_BYTES = 1 << 20
"""Text that is encoded at once."""
BPE_TRAINING_BYTES = 64 << 20
"""The first documents of the train split, in equal parts from the sources, that BPE learns from."""
TOKENIZER_FILE = "tokenizer.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far preparing is."""

    stage: Stage
    source: str
    done_bytes: int
    """Bytes of text read of this source."""
    total_bytes: int
    """Bytes of its files; text may be less (JSON, other fields) or more (compressed Parquet)."""


def build_corpus(
    spec: CorpusSpec,
    origins: tuple[Origin, ...],
    contents: tuple[str, ...],
    *,
    digest: str,
    directory: Path,
    progress: Callable[[Progress], None] | None,
) -> Manifest:
    """Write shards, tokenizer and manifest into an empty directory, to the disk itself."""
    tokenizer, record = _make_tokenizer(spec, origins, directory, progress)
    sources = tuple(
        _encode_source(
            spec,
            origin,
            content=content,
            tokenizer=tokenizer,
            stem=f"source{i}",
            directory=directory,
            progress=progress,
        )
        for i, (origin, content) in enumerate(zip(origins, contents, strict=True))
    )
    manifest = Manifest(
        format=FORMAT,
        digest=digest,
        context_length=spec.context_length,
        seed=spec.seed,
        shares=dict(zip(SPLITS, spec.shares.in_order(), strict=True)),
        tokenizer=record,
        sources=sources,
    )
    require_windows(manifest)
    path = directory / MANIFEST_FILE
    path.write_text(manifest_text(manifest), encoding="utf-8")
    sync(path)
    sync(directory)
    return manifest


def require_windows(manifest: Manifest) -> None:
    """Check that every split has one context window, and every source one to train on.

    Raises:
        CorpusError: one has not; says how many tokens are needed and found.
    """
    needed = manifest.context_length + 1
    counts = {f"split {split}": _longest(manifest, split) for split in SPLITS}
    for source in manifest.sources:
        counts[f"source {source.name}, split train"] = source.splits["train"].tokens
    for where, found in counts.items():
        if found < needed:
            total = sum(manifest.tokens(split) for split in SPLITS)
            raise CorpusError(
                where=where,
                law=f"it holds one context window: {needed} tokens",
                found=f"it holds {found} of the corpus' {total} tokens "
                f"(documents a split: {_documents(manifest)})",
                remedy="Use more text or shorter documents, a larger share, or a smaller "
                "context_length.",
            )


def sync(path: Path) -> None:
    """Wait until a file or the entries of a directory are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_tokenizer(
    spec: CorpusSpec,
    origins: tuple[Origin, ...],
    directory: Path,
    progress: Callable[[Progress], None] | None,
) -> tuple[Tokenizer, TokenizerRecord]:
    if spec.tokenizer == "bytes":
        plain = ByteTokenizer()
        return plain, TokenizerRecord(
            kind="bytes",
            vocab_size=plain.vocab_size,
            used_tokens=plain.used_tokens,
            file=None,
            sha256=None,
            training_bytes=0,
            library="none",
        )
    learned_bytes = 0

    def train_documents() -> Iterator[str]:
        nonlocal learned_bytes
        for origin in origins:
            for text in limited(
                _train_documents(spec, origin, progress),
                num_bytes=BPE_TRAINING_BYTES // len(origins),
            ):
                learned_bytes += len(text.encode())
                yield text

    learned: BpeTokenizer = train_bpe(train_documents(), vocab_size=spec.vocab_size)
    path = directory / TOKENIZER_FILE
    learned.save(path)
    sync(path)
    return learned, TokenizerRecord(
        kind="bpe",
        vocab_size=learned.vocab_size,
        used_tokens=learned.used_tokens,
        file=TOKENIZER_FILE,
        sha256=content_sha256(path),
        training_bytes=learned_bytes,
        library=f"tokenizers {tokenizers.__version__}",
    )


def _encode_source(
    spec: CorpusSpec,
    origin: Origin,
    *,
    content: str,
    tokenizer: Tokenizer,
    stem: str,
    directory: Path,
    progress: Callable[[Progress], None] | None,
) -> SourceRecord:
    writers = {
        split: ShardWriter(directory, f"{stem}-{split}", shard_tokens=SHARD_TOKENS)
        for split in SPLITS
    }
    tokens, documents = dict.fromkeys(SPLITS, 0), dict.fromkeys(SPLITS, 0)
    text_bytes, empty, done = dict.fromkeys(SPLITS, 0), 0, 0
    for chunk in _chunks(origin):
        texts: dict[Split, list[str]] = {split: [] for split in SPLITS}
        for text, raw in chunk:
            done += len(raw)
            if not text.strip():
                empty += 1
                continue
            split = split_of(raw, seed=spec.seed, shares=spec.shares)
            texts[split].append(text)
            text_bytes[split] += len(raw)
        for split in SPLITS:
            encoded = tokenizer.encode_documents(texts[split])
            writers[split].append(encoded)
            tokens[split] += len(encoded)
            documents[split] += len(texts[split])
        _tell(progress, "encoding", origin, done)
    origin.require_unchanged()
    return SourceRecord(
        name=origin.spec.told or origin.spec.name_or_path,
        licence=origin.licence,
        origin=origin.origin,
        files=len(origin.files),
        content_bytes=origin.num_bytes,
        content_sha256=content,
        empty_documents=empty,
        splits={
            split: SplitRecord(
                documents=documents[split],
                tokens=tokens[split],
                text_bytes=text_bytes[split],
                shards=writers[split].finish(),
            )
            for split in SPLITS
        },
    )


def _chunks(origin: Origin) -> Iterator[list[tuple[str, bytes]]]:
    """Yield documents with their UTF-8 in chunks of about CHUNK_BYTES."""
    chunk: list[tuple[str, bytes]] = []
    chunk_bytes = 0
    for text in origin.documents():
        raw = text.encode()
        chunk.append((text, raw))
        chunk_bytes += len(raw)
        if chunk_bytes >= CHUNK_BYTES:
            yield chunk
            chunk, chunk_bytes = [], 0
    if chunk:
        yield chunk


def _train_documents(
    spec: CorpusSpec, origin: Origin, progress: Callable[[Progress], None] | None
) -> Iterator[str]:
    done = 0
    for chunk in _chunks(origin):
        for text, raw in chunk:
            done += len(raw)
            if split_of(raw, seed=spec.seed, shares=spec.shares) == "train":
                yield text
        _tell(progress, "tokenizer", origin, done)


def _tell(
    progress: Callable[[Progress], None] | None, stage: Stage, origin: Origin, done: int
) -> None:
    if progress is not None:
        progress(
            Progress(
                stage=stage,
                source=origin.spec.name_or_path,
                done_bytes=done,
                total_bytes=origin.num_bytes,
            )
        )


def _longest(manifest: Manifest, split: Split) -> int:
    # A window lies in one source, so tokens of several do not add up to one.
    return max(source.splits[split].tokens for source in manifest.sources)


def _documents(manifest: Manifest) -> str:
    return ", ".join(f"{split} {manifest.documents(split)}" for split in SPLITS)
