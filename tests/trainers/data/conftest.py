"""A small corpus of made-up words in two sources."""

import random
from pathlib import Path

import pytest

from trainers.data import Corpus, CorpusSpec, SourceSpec, prepare_corpus

WORDS = [a + b + c for a in "bdkmst" for b in ("a", "é", "io", "u") for c in ("", "n", "l", "ß")]


def write_documents(path: Path, *, count: int, seed: int) -> SourceSpec:
    """Write distinct documents of 20 to 60 words to a text file, one a paragraph."""
    rng = random.Random(seed)
    documents = [
        f"{seed}:{i} " + " ".join(rng.choices(WORDS, k=rng.randint(20, 60))) for i in range(count)
    ]
    path.write_text("\n\n".join(documents), encoding="utf-8")
    return SourceSpec.file(str(path), separator="\n\n")


@pytest.fixture(scope="session")
def two_source_spec(tmp_path_factory: pytest.TempPathFactory) -> CorpusSpec:
    """Two files of 300 and 200 documents, windows of 16 bytes."""
    folder = tmp_path_factory.mktemp("text")
    return CorpusSpec(
        sources=(
            write_documents(folder / "a.txt", count=300, seed=1),
            write_documents(folder / "b.txt", count=200, seed=2),
        ),
        context_length=16,
    )


@pytest.fixture(scope="session")
def corpus(two_source_spec: CorpusSpec, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The two files, prepared."""
    return prepare_corpus(two_source_spec, tmp_path_factory.mktemp("cache"))
