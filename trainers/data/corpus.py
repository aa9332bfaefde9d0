"""A prepared corpus: memory-mapped tokens, training batches by cursor, fixed evaluation batches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from trainers.data.cursor import plan_batch
from trainers.data.errors import CorpusError
from trainers.data.manifest import Manifest, read_manifest
from trainers.data.shards import TokenStream, open_shard, verify_file
from trainers.data.shuffle import Permutations, permutation
from trainers.data.spec import SPLITS
from trainers.data.tokenizer import ByteTokenizer, Tokenizer, load_bpe
from trainers.state import Position

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from trainers.data.shards import Tokens
    from trainers.data.spec import Split


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationBatch:
    """Full windows of one split. bits per byte = nats_per_token * targets / (ln 2 * byte_count)."""

    tokens: Tensor
    """(sequences, context_length + 1), int64."""
    byte_count: int
    """Bytes of text that the targets `tokens[:, 1:]` stand for; separators count none."""


class Corpus:
    """Open it with `open_corpus`. Pickles as its directory; a copy opens the same files.

    A window is `context_length + 1` tokens; the next one starts at the last token of this one, so
    that every token of a source but the first (a separator) and those after the last whole window
    is a target once an epoch.
    """

    def __init__(self, directory: Path, manifest: Manifest, tokenizer: Tokenizer) -> None:
        self.directory = directory
        self.manifest = manifest
        self.tokenizer = tokenizer
        self.digest = manifest.digest
        self.vocab_size = manifest.tokenizer.vocab_size
        self.context_length = manifest.context_length
        self.num_sources = len(manifest.sources)
        self.train_tokens = manifest.tokens("train")
        self._streams: dict[Split, tuple[TokenStream, ...]] = {
            split: tuple(
                TokenStream([open_shard(directory, r) for r in source.splits[split].shards])
                for source in manifest.sources
            )
            for split in SPLITS
        }
        self._permutations = Permutations()

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return open_corpus, (self.directory,)

    def start(self) -> Position:
        """Return the position of a member that has read nothing."""
        return Position(tokens=0, windows=(0,) * self.num_sources, steps=0)

    def windows(self, split: Split) -> tuple[int, ...]:
        """Return the whole windows of a split in each source."""
        return tuple(max(0, len(s) - 1) // self.context_length for s in self._streams[split])

    def split_tokens(self, split: Split, source: int) -> Tokens:
        """Return all tokens of a split of one source, copied into memory."""
        return self._streams[split][source].whole()

    def batch(
        self,
        position: Position,
        *,
        seed: int,
        sequences: int,
        length: int,
        mix: tuple[float, ...],
    ) -> tuple[Tensor, Position]:
        """Read the next batch of the train split. The law of the stream: `trainers.data.cursor`.

        Args:
            position: where the member is; `start()` or what an earlier call returned.
            seed: of the run; members with one seed see the same order.
            sequences: rows.
            length: targets in a row; divides context_length and position.tokens.
            mix: share of windows from each source, in the order of the specification; sums to 1.

        Returns:
            Tokens (sequences, length + 1), int64: inputs `[:, :-1]`, targets `[:, 1:]`; and the
            position `sequences * length` tokens further, its steps unchanged.

        Raises:
            ValueError: an argument breaks its law.
            CorpusError: the batch is larger than all windows of the train split together.
        """
        plan = plan_batch(
            position,
            seed=seed,
            sequences=sequences,
            length=length,
            context_length=self.context_length,
            mix=mix,
        )
        self.require_batch(sequences * length)
        starts = self._window_starts(plan.sources, plan.ordinals, seed)[plan.row_window]
        sources = plan.sources[plan.row_window]
        streams = self._streams["train"]
        rows = np.empty((sequences, length + 1), np.int64)
        for row, source, start in zip(rows, sources, starts + plan.row_offset, strict=True):
            streams[source].read(int(start), row)
        self._require_known(rows, "train")
        return torch.from_numpy(rows), plan.after

    def require_batch(self, tokens: int) -> None:
        """Check that the train split holds a batch of so many tokens.

        Raises:
            CorpusError: it does not.
        """
        found = sum(self.windows("train")) * self.context_length
        if tokens > found:
            raise CorpusError(
                where=f"corpus {self.digest}",
                law=f"the train split holds one batch of {tokens} tokens",
                found=f"it holds {found} tokens in whole windows of {self.context_length}",
                remedy="Use more text, or a smaller batch.",
            )

    def _require_known(self, rows: NDArray[np.int64], split: Split) -> None:
        """Check that a model of the corpus has an embedding for every token that was read."""
        known = len(self.tokenizer.token_bytes)
        if rows.max() >= known:
            raise CorpusError(
                where=f"corpus {self.digest}, split {split}",
                law=f"its tokens are those of its vocabulary, below {known}",
                found=f"it holds token {rows.max()}",
                remedy="Its shards were altered. Delete the directory: it is made again.",
            )

    def evaluation_batches(
        self, split: Split, *, sequences: int, count: int, source: int | None = None
    ) -> tuple[EvaluationBatch, ...]:
        """Return fixed batches: windows of all sources, drawn once by the corpus' own seed.

        Every caller gets the same ones, and the first batches do not depend on `count`. With a
        `source` (its place in the specification) they are windows of that source alone.

        Raises:
            CorpusError: the split is `train`, or has too few windows (says how many tokens
                are needed and found).
        """
        if split == "train" or split not in SPLITS:
            raise CorpusError(
                where=f"corpus {self.digest}",
                law="evaluation is on game, selection or heldout",
                found=f"got split={split!r}",
                remedy="Evaluate on one of these.",
            )
        windows, needed = self.windows(split), sequences * count
        if source is not None:
            windows = tuple(n if at == source else 0 for at, n in enumerate(windows))
        if needed > sum(windows) or needed < 1:
            raise CorpusError(
                where=f"corpus {self.digest}, split {split}",
                law=f"{count} batches of {sequences} windows need "
                f"{needed * self.context_length} tokens (at least one window)",
                found=f"it holds {sum(windows) * self.context_length} tokens in whole windows",
                remedy="Use more text, a larger share for the split, or fewer batches.",
            )
        one = () if source is None else (source,)
        key = ("evaluation", self.manifest.seed, split, *one)
        chosen = permutation(key, sum(windows))[:needed].astype(np.int64)
        ends = np.cumsum(windows)
        sources = np.searchsorted(ends, chosen, side="right")
        starts = (chosen - (ends - np.asarray(windows))[sources]) * self.context_length
        rows = np.empty((needed, self.context_length + 1), np.int64)
        for row, place, start in zip(rows, sources, starts, strict=True):
            self._streams[split][place].read(int(start), row)
        self._require_known(rows, split)
        byte_counts = self.tokenizer.token_bytes[rows[:, 1:]].sum(axis=1)
        return tuple(
            EvaluationBatch(
                tokens=torch.from_numpy(rows[i : i + sequences]),
                byte_count=int(byte_counts[i : i + sequences].sum()),
            )
            for i in range(0, needed, sequences)
        )

    def verify(self) -> None:
        """Read every file and compare its checksum.

        Raises:
            CorpusError: one differs.
        """
        for name, sha256 in self.manifest.files():
            verify_file(self.directory / name, sha256)

    def _window_starts(
        self, sources: np.ndarray[tuple[int], np.dtype[np.int64]], ordinals: object, seed: int
    ) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Return the first token of each window in its source's train stream."""
        ordinal = np.asarray(ordinals, np.int64)
        starts = np.empty(len(sources), np.int64)
        windows = self.windows("train")
        for source in np.unique(sources).tolist():
            epochs, places = np.divmod(ordinal, windows[source])
            mine = sources == source
            for epoch in np.unique(epochs[mine]).tolist():
                now = mine & (epochs == epoch)
                order = self._permutations.get(("epoch", seed, source, epoch), windows[source])
                starts[now] = order[places[now]].astype(np.int64) * self.context_length
        return starts


def open_corpus(directory: Path | str) -> Corpus:
    """Open a corpus that `prepare_corpus` made: maps the files, reads no tokens.

    Raises:
        CorpusError: it is not there or damaged (manifest checksum, sizes and Arrow footers;
            `Corpus.verify` checks the tokens themselves).
    """
    directory = Path(directory).absolute()
    manifest = read_manifest(directory)
    tokenizer: Tokenizer
    if manifest.tokenizer.file is None:
        tokenizer = ByteTokenizer()
    else:
        path = directory / manifest.tokenizer.file
        tokenizer = load_bpe(path, vocab_size=manifest.tokenizer.vocab_size)
    return Corpus(directory, manifest, tokenizer)
