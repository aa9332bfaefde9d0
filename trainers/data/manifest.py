"""The manifest of a prepared corpus: what it was made of, what is in it, and every checksum."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from search_spaces.fitting import require_fit
from trainers.data.shards import ShardRecord, damaged
from trainers.data.spec import SPLITS, Split

MANIFEST_FILE = "manifest.json"
FORMAT = 1
"""Raised whenever the same specification and content would give other tokens or files."""
LARGEST_VOCABULARY = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRecord:
    """One split of one source."""

    documents: int
    tokens: int
    """Separators included: one a document."""
    text_bytes: int
    shards: tuple[ShardRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """One source: where it came from and what each split of it holds."""

    name: str
    """Name of a named corpus, or the path as it was given by who prepared it first."""
    licence: str
    origin: str
    files: int
    content_bytes: int
    content_sha256: str
    """Over the sha256 of the files, in order."""
    empty_documents: int
    """Documents of white space only, which were left out."""
    splits: dict[Split, SplitRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerRecord:
    """The tokenizer and, for BPE, its file and the text it learned from."""

    kind: str
    vocab_size: int
    used_tokens: int
    file: str | None
    sha256: str | None
    training_bytes: int
    library: str
    """Library and version that made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything about a prepared corpus that is not a token."""

    format: int
    digest: str
    context_length: int
    seed: int
    shares: dict[Split, float]
    tokenizer: TokenizerRecord
    sources: tuple[SourceRecord, ...]

    def tokens(self, split: Split) -> int:
        """Return the tokens of a split over all sources."""
        return sum(source.splits[split].tokens for source in self.sources)

    def text_bytes(self, split: Split) -> int:
        """Return the bytes of text of a split over all sources."""
        return sum(source.splits[split].text_bytes for source in self.sources)

    def documents(self, split: Split) -> int:
        """Return the documents of a split over all sources."""
        return sum(source.splits[split].documents for source in self.sources)

    def files(self) -> tuple[tuple[str, str], ...]:
        """Return every file beside the manifest with its sha256."""
        shards = [
            (shard.file, shard.sha256)
            for source in self.sources
            for split in SPLITS
            for shard in source.splits[split].shards
        ]
        if self.tokenizer.file is not None and self.tokenizer.sha256 is not None:
            shards.append((self.tokenizer.file, self.tokenizer.sha256))
        return tuple(shards)


def manifest_text(manifest: Manifest) -> str:
    """Return the manifest as JSON, with a checksum over all the rest of it."""
    body = asdict(manifest)
    return json.dumps({"checksum": _checksum(body), **body}, indent=1, ensure_ascii=False)


def read_manifest(directory: Path) -> Manifest:
    """Read the manifest of a prepared corpus.

    Raises:
        CorpusError: there is none, its checksum fails, or it is of another format.
    """
    path = directory / MANIFEST_FILE
    try:
        body = json.loads(path.read_bytes())
        checksum = body.pop("checksum")
        expected = _checksum(body)
    except OSError as error:
        raise damaged(path, "a prepared corpus has a manifest", f"{error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise damaged(path, "a manifest is JSON with a checksum", f"it is not: {error}") from error
    if checksum != expected:
        raise damaged(path, "the checksum holds", "it does not")
    if body.get("format") != FORMAT:
        raise damaged(path, f"its format is {FORMAT}", f"it is {body.get('format')!r:.60}")
    try:
        manifest = _manifest(body)
        require_fit(manifest)
        _require_sense(manifest)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        law, found = "it is a manifest as they are written", f"it is not: {error!r:.200}"
        raise damaged(path, law, found) from error
    return manifest


def _manifest(body: dict[str, Any]) -> Manifest:
    return Manifest(
        format=body["format"],
        digest=body["digest"],
        context_length=body["context_length"],
        seed=body["seed"],
        shares=body["shares"],
        tokenizer=TokenizerRecord(**body["tokenizer"]),
        sources=tuple(
            SourceRecord(**{**s, "splits": {k: _split(v) for k, v in s["splits"].items()}})
            for s in body["sources"]
        ),
    )


def _split(body: dict[str, Any]) -> SplitRecord:
    return SplitRecord(**{**body, "shards": tuple(ShardRecord(**s) for s in body["shards"])})


def _require_sense(manifest: Manifest) -> None:
    """Check what the types of a manifest do not say.

    Raises:
        ValueError: A file is not beside it, a split is missing, or a number is none of a corpus.
    """
    for name in (*(name for name, _ in manifest.files()), manifest.tokenizer.file or "none"):
        if name != Path(name).name or name in {"", ".", ".."} or "\0" in name:
            raise ValueError(f"The file {name!r:.60} must lie beside the manifest.")
    if not manifest.sources or any(set(s.splits) != set(SPLITS) for s in manifest.sources):
        raise ValueError(f"Each source must have the splits {', '.join(SPLITS)}.")
    if manifest.context_length < 1 or not 1 <= manifest.tokenizer.vocab_size <= LARGEST_VOCABULARY:
        raise ValueError(
            "`context_length >= 1` and `1 <= vocab_size <= "
            f"{LARGEST_VOCABULARY}` must hold, but got {manifest.context_length} and "
            f"{manifest.tokenizer.vocab_size}."
        )


def _checksum(body: dict[str, object]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
