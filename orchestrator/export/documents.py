"""The text that a search read, as documents again: for trainers that tokenize by themselves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trainers.data import Corpus, Split


def documents(corpus: Corpus, split: Split) -> Iterator[str]:
    """Yield the documents of a split, source by source, in their fixed order."""
    tokenizer = corpus.tokenizer
    for source in range(corpus.num_sources):
        tokens = corpus.split_tokens(split, source)
        # a separator stands before every document
        begins = np.flatnonzero(tokens == tokenizer.separator)
        for document in np.split(tokens, begins)[1:]:
            yield tokenizer.decode(document[1:].tolist())


def write_lines(corpus: Corpus, split: Split, path: Path) -> None:
    """Write a split as JSON lines with the field `text`."""
    with path.open("w", encoding="utf-8") as file:
        for document in documents(corpus, split):
            file.write(json.dumps({"text": document}, ensure_ascii=False) + "\n")


def write_text(corpus: Corpus, split: Split, path: Path) -> None:
    """Write a split as one text file, a blank line between documents."""
    with path.open("w", encoding="utf-8") as file:
        for document in documents(corpus, split):
            file.write(document.rstrip("\n") + "\n\n")
