"""What a corpus is made of and how: sources, tokenizer, context length, shares of the splits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from trainers.data.errors import CorpusError

Split = Literal["train", "game", "selection", "heldout"]
SourceKind = Literal["named", "file"]
FileFormat = Literal["auto", "text", "jsonl", "parquet"]
TokenizerKind = Literal["bytes", "bpe"]

SPLITS: tuple[Split, ...] = ("train", "game", "selection", "heldout")
SMALLEST_BPE_VOCABULARY = 257
"""256 bytes and the document separator; every further token is a merge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """One source of documents: a named corpus, or files.

    `SourceSpec.named("wiki_vital")` and `SourceSpec.file("books/*.txt")` are the short forms.
    """

    kind: SourceKind
    name_or_path: str
    """A name of `trainers.data.NAMED`; or a file, a directory (read recursively) or a glob."""
    format: FileFormat = "auto"
    """`auto` goes by suffix: .txt .text .md; .jsonl .ndjson; .parquet."""
    text_field: str = "text"
    """Field of a JSONL line, or column of a Parquet file, that holds a document."""
    separator: str | None = None
    """Text that ends a document of a text file. None: a file is cut at the first blank line after
    8,192 characters (the first line end, where 65,536 characters have no blank line)."""

    told: str | None = None
    """How the source is named in manifests and logs, where that is not its path."""

    def __post_init__(self) -> None:
        if self.kind not in ("named", "file"):
            raise _bad("source.kind", "kind is `named` or `file`", self.kind)
        if not self.name_or_path:
            raise _bad("source.name_or_path", "a source has a name or a path", self.name_or_path)
        if self.format not in ("auto", "text", "jsonl", "parquet"):
            raise _bad("source.format", "format is auto, text, jsonl or parquet", self.format)
        if self.separator == "":
            raise _bad("source.separator", "a separator is not empty", self.separator)

    @staticmethod
    def named(name: str) -> SourceSpec:
        """Make a source of a named corpus."""
        return SourceSpec(kind="named", name_or_path=name)

    @staticmethod
    def file(
        path: str,
        *,
        format: FileFormat = "auto",  # noqa: A002 - the word of the run file
        text_field: str = "text",
        separator: str | None = None,
        told: str | None = None,
    ) -> SourceSpec:
        """Make a source of a file, a directory or a glob."""
        return SourceSpec(
            kind="file",
            name_or_path=path,
            format=format,
            text_field=text_field,
            separator=separator,
            told=told,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitShares:
    """Expected share of documents in each split; they sum to 1."""

    train: float = 0.90
    game: float = 0.02
    selection: float = 0.04
    heldout: float = 0.04

    def __post_init__(self) -> None:
        shares = self.in_order()
        if not all(0.0 < s < 1.0 for s in shares) or not math.isclose(
            sum(shares), 1.0, abs_tol=1e-9
        ):
            raise _bad("shares", "0 < share < 1 holds for each split and they sum to 1", shares)

    def in_order(self) -> tuple[float, float, float, float]:
        """Return the shares in the order of `SPLITS`."""
        return (self.train, self.game, self.selection, self.heldout)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusSpec:
    """Everything that, with the content of the sources, decides every token of a corpus."""

    sources: tuple[SourceSpec, ...]
    """In the order of `Protocol.data_mix`."""
    tokenizer: TokenizerKind = "bytes"
    vocab_size: int = 4096
    """Tokens of the BPE vocabulary, separator and 256 bytes included; `bytes` does not use it."""
    context_length: int
    """Targets in a window; a window has one token more."""
    shares: SplitShares = field(default_factory=SplitShares)
    seed: int = 0
    """Decides which split a document falls in, and which windows evaluation batches show."""

    def __post_init__(self) -> None:
        if not self.sources:
            raise _bad("corpus.sources", "a corpus has at least one source", "none")
        if self.tokenizer not in ("bytes", "bpe"):
            raise _bad("corpus.tokenizer", "tokenizer is `bytes` or `bpe`", self.tokenizer)
        if self.context_length < 1:
            raise _bad("corpus.context_length", "context_length >= 1", self.context_length)
        if self.tokenizer == "bpe" and self.vocab_size < SMALLEST_BPE_VOCABULARY:
            law = f"vocab_size >= {SMALLEST_BPE_VOCABULARY} (256 bytes and the separator) for bpe"
            raise _bad("corpus.vocab_size", law, self.vocab_size)


def _bad(where: str, law: str, value: object) -> CorpusError:
    return CorpusError(
        where=where, law=law, found=f"got {value!r}", remedy="Change it in the run file."
    )
