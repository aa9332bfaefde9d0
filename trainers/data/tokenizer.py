"""Tokenizers: bytes, or byte-level BPE (Sennrich et al. 2016, arXiv:1508.07909) as in GPT-2.

Both are lossless on any Unicode text, and both know how many bytes of text a token stands for, so
that nats per token become bits per byte exactly. The separator, which goes before every document,
stands for no bytes: its loss counts, its bytes do not.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

import numpy as np
import tokenizers

from trainers.data.errors import CorpusError
from trainers.data.spec import SMALLEST_BPE_VOCABULARY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trainers.data.shards import Tokens

SEPARATOR_TEXT = "<|document|>"
BYTES_SEPARATOR = 256
BYTES_VOCABULARY = 264
"""256 bytes and the separator, padded to a multiple of 8: a readout of 257 columns is slower on a
CPU and misses the tensor cores of a GPU. The 7 spare tokens never occur."""


class Tokenizer(Protocol):
    """Text to tokens and back."""

    vocab_size: int
    """Rows of a model's embedding; ids from `used_tokens` on never occur."""
    used_tokens: int
    separator: int
    token_bytes: NDArray[np.int64]  # (vocab_size,), bytes of text a token stands for

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text, without separator."""

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens; separator and spare tokens give nothing."""

    def encode_documents(self, documents: Sequence[str]) -> Tokens:
        """Return the tokens of documents, each after a separator, in one array."""


class ByteTokenizer:
    """A token is a byte of UTF-8; token 256 is the separator."""

    def __init__(self) -> None:
        self.vocab_size = BYTES_VOCABULARY
        self.used_tokens = BYTES_SEPARATOR + 1
        self.separator = BYTES_SEPARATOR
        self.token_bytes = (np.arange(BYTES_VOCABULARY) < BYTES_SEPARATOR).astype(np.int64)

    def encode(self, text: str) -> list[int]:
        """Return the bytes of a text."""
        return list(text.encode())

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens; bytes that are no UTF-8 become U+FFFD."""
        return bytes(t for t in tokens if t < BYTES_SEPARATOR).decode(errors="replace")

    def encode_documents(self, documents: Sequence[str]) -> Tokens:
        """Return the bytes of documents, each after a separator."""
        pieces: list[NDArray[np.uint16]] = []
        separator = np.array([BYTES_SEPARATOR], np.uint16)
        for document in documents:
            pieces += (separator, np.frombuffer(document.encode(), np.uint8).astype(np.uint16))
        return np.concatenate(pieces) if pieces else separator[:0]


class BpeTokenizer:
    """Byte-level BPE of the `tokenizers` library; token 0 is the separator."""

    def __init__(self, library: tokenizers.Tokenizer, *, vocab_size: int) -> None:
        # Text that happens to spell the separator is ordinary text, not a separator.
        library.encode_special_tokens = True
        self._library = library
        self.vocab_size = vocab_size
        self.used_tokens = library.get_vocab_size()
        self.separator: int = library.get_vocab()[SEPARATOR_TEXT]
        self.token_bytes = np.zeros(vocab_size, np.int64)
        for token, index in library.get_vocab().items():
            if index != self.separator:
                self.token_bytes[index] = len(token)  # one character of the alphabet is one byte

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text.

        Raises:
            CorpusError: The tokenizer was read from a damaged file.
        """
        with _whole("a tokenizer"):
            return list(self._library.encode(text, add_special_tokens=False).ids)

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens."""
        return str(self._library.decode([int(t) for t in tokens], skip_special_tokens=True))

    def encode_documents(self, documents: Sequence[str]) -> Tokens:
        """Return the tokens of documents, each after a separator."""
        dtype = token_dtype(self.vocab_size)
        separator: Tokens = np.array([self.separator], dtype)
        pieces: list[Tokens] = []
        for encoding in self._library.encode_batch_fast(list(documents), add_special_tokens=False):
            pieces.append(separator)
            pieces.append(np.array(encoding.ids, dtype))
        return np.concatenate(pieces) if pieces else separator[:0]

    def save(self, path: Path) -> None:
        """Write the file that `tokenizers` and `transformers` read."""
        path.write_text(self._library.to_str(pretty=True), encoding="utf-8")


def train_bpe(documents: Iterable[str], *, vocab_size: int) -> BpeTokenizer:
    """Learn the merges from documents of the train split. Deterministic.

    Text with fewer distinct merges than asked leaves the last tokens spare.
    """
    library = tokenizers.Tokenizer(tokenizers.models.BPE())
    library.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocab_size,
        show_progress=False,
        special_tokens=[SEPARATOR_TEXT],
        initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()),
    )
    library.train_from_iterator(documents, trainer)
    return BpeTokenizer(library, vocab_size=vocab_size)


def load_bpe(path: Path, *, vocab_size: int) -> BpeTokenizer:
    """Read a tokenizer that `BpeTokenizer.save` wrote.

    Raises:
        CorpusError: it is none, or has other tokens than a corpus of this vocabulary.
    """
    with _whole(str(path), f" with up to {vocab_size} tokens"):
        library = tokenizers.Tokenizer.from_file(str(path))
        return BpeTokenizer(library, vocab_size=vocab_size)


@contextlib.contextmanager
def _whole(where: str, of_size: str = "") -> Iterator[None]:
    """Tell what the library raises of a damaged tokenizer: plain Exception, or a panic of Rust's.

    Raises:
        CorpusError: It raised something.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic is no Exception
        raise CorpusError(
            where=where,
            law=f"it is a tokenizer of the `tokenizers` library{of_size}",
            found=f"using it gave {type(error).__name__}: {error}",
            remedy="Delete the directory it is in; it is made again from the sources.",
        ) from error


def token_dtype(vocab_size: int) -> np.dtype[np.uint16] | np.dtype[np.uint32]:
    """Return the smallest type of a shard that holds every token."""
    return np.dtype(np.uint16) if vocab_size <= 1 << 16 else np.dtype(np.uint32)


def limited(documents: Iterable[str], *, num_bytes: int) -> Iterator[str]:
    """Yield documents until they have reached so many bytes together."""
    taken = 0
    for document in documents:
        if taken >= num_bytes:
            return
        yield document
        taken += len(document.encode())


assert SMALLEST_BPE_VOCABULARY == BYTES_SEPARATOR + 1
