"""Tokenizers lose nothing and count bytes exactly."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainers.data import CorpusError
from trainers.data.tokenizer import (
    SEPARATOR_TEXT,
    ByteTokenizer,
    limited,
    load_bpe,
    train_bpe,
)

TEXT = [
    "The cat sat on the mat. Ünïcödé, 中文 and 🦊.",
    "the theory of the thing",
    SEPARATOR_TEXT,
] * 9
TOKENIZERS = {"bytes": ByteTokenizer(), "bpe": train_bpe(TEXT, vocab_size=300)}
texts = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    [SEPARATOR_TEXT, f"a{SEPARATOR_TEXT}b", "\r\n\x00", " the  the\n", "e\u0301"]
)


@pytest.fixture(params=TOKENIZERS)
def tokenizer(request):
    return TOKENIZERS[request.param]


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(deadline=None, max_examples=60)
@given(text=texts)
def test_text_comes_back_and_bytes_add_up(name, text):
    tokenizer = TOKENIZERS[name]
    tokens = tokenizer.encode(text)
    assert tokenizer.decode(tokens) == text
    assert tokenizer.token_bytes[tokens].sum() == len(text.encode())
    assert tokenizer.separator not in tokens
    assert all(t < tokenizer.used_tokens for t in tokens)


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(deadline=None, max_examples=60)
@given(documents=st.lists(texts, max_size=4))
def test_documents_are_their_tokens_each_after_a_separator(name, documents):
    tokenizer = TOKENIZERS[name]
    expected = [t for d in documents for t in (tokenizer.separator, *tokenizer.encode(d))]
    assert tokenizer.encode_documents(documents).tolist() == expected


def test_separator_and_spare_tokens_stand_for_nothing(tokenizer):
    silent = [tokenizer.separator, *range(tokenizer.used_tokens, tokenizer.vocab_size)]
    assert tokenizer.decode(silent) == ""
    assert not tokenizer.token_bytes[silent].any()
    assert (tokenizer.token_bytes > 0).sum() == tokenizer.used_tokens - 1
    assert len(tokenizer.token_bytes) == tokenizer.vocab_size


def test_bpe_is_deterministic_and_its_file_gives_it_back(tmp_path):
    for name in ("a", "b"):
        train_bpe(iter(TEXT), vocab_size=300).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    loaded = load_bpe(tmp_path / "a", vocab_size=300)
    assert loaded.encode(TEXT[0]) == TOKENIZERS["bpe"].encode(TEXT[0])
    # A document that spells the separator is text still.
    assert loaded.separator not in loaded.encode(SEPARATOR_TEXT)


def test_bpe_pairs_what_is_frequent():
    tokens = TOKENIZERS["bpe"].encode(" the")
    assert len(tokens) == 1


def test_text_too_short_for_the_merges_leaves_tokens_spare():
    tokenizer = train_bpe(["ab ab"], vocab_size=1000)
    assert tokenizer.vocab_size == 1000
    assert 257 < tokenizer.used_tokens < 265


def test_a_damaged_tokenizer_file_is_named(tmp_path):
    (tmp_path / "t.json").write_text(json.dumps({"model": 1}))
    with pytest.raises(CorpusError, match=r"t\.json"):
        load_bpe(tmp_path / "t.json", vocab_size=300)


def test_limited_stops_once_it_has_enough():
    assert list(limited(iter(["é" * 3, "b" * 3, "c"]), num_bytes=8)) == ["é" * 3, "b" * 3]


def test_padding_of_the_byte_vocabulary():
    assert TOKENIZERS["bytes"].vocab_size % 8 == 0
    assert math.isclose(TOKENIZERS["bytes"].token_bytes.sum(), 256)
