"""Splits: by content alone, so nothing that is trained on is ever measured on."""

import math
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainers.data import SPLITS, CorpusError, CorpusSpec, SourceSpec, SplitShares, prepare_corpus
from trainers.data.split import split_of


def documents_of(corpus, split):
    documents = []
    for stream in corpus._streams[split]:
        tokens = np.empty(len(stream), np.int64)
        stream.read(0, tokens)
        starts = np.flatnonzero(tokens == corpus.tokenizer.separator)
        documents += [corpus.tokenizer.decode(t.tolist()) for t in np.split(tokens, starts)[1:]]
    return documents


@pytest.fixture(scope="module")
def originals():
    return [f"document {i} " + "lorem ipsum " * (i % 7) for i in range(1200)]


@pytest.fixture(scope="module", params=["bytes", "bpe"])
def duplicated(request, originals, tmp_path_factory):
    """The same documents in two sources, and many of them twice in one."""
    folder = tmp_path_factory.mktemp("text")
    (folder / "a.txt").write_text("%".join(originals), encoding="utf-8")
    (folder / "b.txt").write_text("%".join(originals[::-1] + originals[::3]), encoding="utf-8")
    spec = CorpusSpec(
        sources=tuple(SourceSpec.file(str(folder / n), separator="%") for n in ("a.txt", "b.txt")),
        tokenizer=request.param,
        vocab_size=300,
        context_length=32,
    )
    return prepare_corpus(spec, folder / "cache")


def test_no_document_is_in_two_splits(duplicated):
    texts = {split: set(documents_of(duplicated, split)) for split in SPLITS}
    assert all(texts.values())
    for a, b in combinations(SPLITS, 2):
        assert not texts[a] & texts[b]


def test_every_document_is_kept_unchanged_with_its_copies(duplicated, originals):
    kept = Counter(d for split in SPLITS for d in documents_of(duplicated, split))
    assert kept == Counter(originals * 2 + originals[::3])


def test_training_reads_the_train_split_only(duplicated):
    mine = "".join(documents_of(duplicated, "train"))
    windows = sum(duplicated.windows("train"))
    tokens, _ = duplicated.batch(
        duplicated.start(), seed=0, sequences=windows, length=32, mix=(0.5, 0.5)
    )
    separator = duplicated.tokenizer.separator
    for row in tokens.numpy():
        for piece in np.split(row, np.flatnonzero(row == separator)):
            assert duplicated.tokenizer.decode(piece.tolist()).strip("\ufffd") in mine


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=50), st.integers(-3, 3))
def test_the_split_depends_on_text_and_seed_alone(document, seed):
    shares = SplitShares()
    assert split_of(document, seed=seed, shares=shares) == split_of(
        bytes(document), seed=seed, shares=shares
    )


def test_splits_have_their_shares():
    shares, n = SplitShares(train=0.5, game=0.1, selection=0.2, heldout=0.2), 4000
    counts = Counter(split_of(b"%d" % i, seed=0, shares=shares) for i in range(n))
    for split, share in zip(SPLITS, shares.in_order(), strict=True):
        assert abs(counts[split] - n * share) < 4.5 * math.sqrt(n * share * (1 - share))


def test_another_seed_splits_anew():
    shares = SplitShares(train=0.25, game=0.25, selection=0.25, heldout=0.25)
    moved = sum(
        split_of(b"%d" % i, seed=0, shares=shares) != split_of(b"%d" % i, seed=1, shares=shares)
        for i in range(400)
    )
    assert 250 < moved < 350  # 3/4 of them


def test_growing_the_train_share_moves_no_train_document_out():
    small = SplitShares(train=0.5, game=0.1, selection=0.2, heldout=0.2)
    large = SplitShares(train=0.7, game=0.1, selection=0.1, heldout=0.1)
    for i in range(500):
        if split_of(b"%d" % i, seed=0, shares=small) == "train":
            assert split_of(b"%d" % i, seed=0, shares=large) == "train"


@pytest.mark.parametrize("train", [0.0, 0.5, 1.0, -0.1, float("nan")])
def test_shares_that_do_not_sum_to_one_are_refused(train):
    with pytest.raises(CorpusError, match="they sum to 1"):
        SplitShares(train=train)
