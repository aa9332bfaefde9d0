"""Faults: one clear error, nothing half-made, nothing damaged read."""

import errno
import json
import os
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from trainers.data import (
    CorpusError,
    CorpusSpec,
    SourceSpec,
    build,
    open_corpus,
    prepare_corpus,
    shards,
)
from trainers.data.manifest import manifest_text


@pytest.fixture
def copy(corpus, tmp_path):
    """A copy of the prepared corpus in a cache of its own, to damage."""
    shutil.copytree(corpus.directory, tmp_path / corpus.digest)
    return tmp_path / corpus.digest


def shard_of(directory):
    return next(directory.glob("source0-train-*.arrow"))


def corpus_directories(cache):
    return [p for p in cache.iterdir() if p.is_dir() and p.name != "known"]


def test_a_shard_cut_short_is_found_on_opening(copy):
    path = shard_of(copy)
    os.truncate(path, path.stat().st_size - 8)
    with pytest.raises(
        CorpusError, match=rf"{path.name}: it has \d+ bytes, but it has \d+.*delete"
    ):
        open_corpus(copy)


def test_a_missing_shard_is_found_on_opening(copy):
    shard_of(copy).unlink()
    with pytest.raises(CorpusError, match=r"source0-train-00000\.arrow.*No such file"):
        open_corpus(copy)


def test_altered_tokens_are_found_by_verify_and_by_prepare(copy, two_source_spec):
    corpus = prepare_corpus(two_source_spec, copy.parent)
    path = shard_of(copy)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(CorpusError, match="sha256"):
        corpus.verify()
    with pytest.raises(CorpusError, match="sha256"):
        prepare_corpus(two_source_spec, copy.parent)
    shutil.rmtree(copy)  # the remedy
    prepare_corpus(two_source_spec, copy.parent).verify()


def test_a_shard_that_is_not_arrow_is_found(copy):
    path = shard_of(copy)
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(CorpusError, match="Arrow says"):
        open_corpus(copy)


def test_an_altered_manifest_is_found(copy):
    path = copy / "manifest.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(CorpusError, match="the checksum holds, but it does not"):
        open_corpus(copy)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "3", "\ud7ff"])
def test_a_manifest_that_is_none_is_found(copy, text):
    (copy / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match=r"manifest\.json"):
        open_corpus(copy)


def test_a_manifest_of_another_format_is_refused(corpus, copy):
    (copy / "manifest.json").write_text(manifest_text(replace(corpus.manifest, format=99)))
    with pytest.raises(CorpusError, match="its format is 1, but it is 99"):
        open_corpus(copy)


def test_a_directory_without_corpus_is_refused(tmp_path):
    with pytest.raises(CorpusError, match="a prepared corpus has a manifest"):
        open_corpus(tmp_path / "nothing")


def test_a_full_disk_is_said_and_nothing_stays(two_source_spec, tmp_path, monkeypatch):
    opened = Path.open

    def open_on_full_disk(path, mode="r", **kwargs):
        if path.name == "source1-train-00000.arrow" and "w" in mode:
            path = Path("/dev/full")  # the kernel's own: every write fails with ENOSPC
        return opened(path, mode, **kwargs)

    monkeypatch.setattr(Path, "open", open_on_full_disk)
    with pytest.raises(CorpusError, match=r"room for the corpus.*No space left.*Make room"):
        prepare_corpus(two_source_spec, tmp_path)
    assert corpus_directories(tmp_path) == []
    monkeypatch.undo()
    prepare_corpus(two_source_spec, tmp_path).verify()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_is_full_at_the_last_moment(two_source_spec, tmp_path, monkeypatch, code):
    def refuse(path):
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(build, "sync", refuse)
    with pytest.raises(CorpusError, match="room for the corpus"):
        prepare_corpus(two_source_spec, tmp_path)
    assert corpus_directories(tmp_path) == []


def test_an_interrupt_leaves_nothing(two_source_spec, tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(shards.ShardWriter, "finish", interrupt)
    with pytest.raises(KeyboardInterrupt):
        prepare_corpus(two_source_spec, tmp_path)
    assert corpus_directories(tmp_path) == []


def test_what_a_killed_process_left_is_removed(two_source_spec, corpus, tmp_path):
    stale = tmp_path / f".building-{corpus.digest}-abc"
    stale.mkdir()
    (stale / "source0-train-00000.arrow").write_bytes(b"half")
    prepare_corpus(two_source_spec, tmp_path)
    assert not stale.exists()


def test_a_cache_that_cannot_be_written_is_said(two_source_spec, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        CorpusError, match=r"file.*the cache directory can be written.*another cache"
    ):
        prepare_corpus(two_source_spec, tmp_path / "file" / "cache")


def test_a_source_that_changes_meanwhile_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("|".join(f"document {i} is here" for i in range(300)))
    spec = CorpusSpec(sources=(SourceSpec.file(str(path), separator="|"),), context_length=8)
    monkeypatch.setattr(build, "split_of", lambda *a, **k: path.write_text("x" * 9) and "train")
    with pytest.raises(CorpusError, match=r"stay as they are.*it changed"):
        prepare_corpus(spec, tmp_path / "cache")
    assert corpus_directories(tmp_path / "cache") == []


def test_too_little_text_says_how_many_tokens_are_needed_and_found(tmp_path):
    (tmp_path / "a.txt").write_text("one short document")
    spec = CorpusSpec(sources=(SourceSpec.file(str(tmp_path / "a.txt")),), context_length=64)
    with pytest.raises(
        CorpusError,
        match=r"one context window: 65 tokens, but it holds \d+ of the corpus' 19 tokens",
    ):
        prepare_corpus(spec, tmp_path / "cache")
    assert corpus_directories(tmp_path / "cache") == []


def test_text_of_white_space_only_is_too_little(tmp_path):
    (tmp_path / "a.txt").write_text("\n \n")
    spec = CorpusSpec(
        sources=(SourceSpec.file(str(tmp_path / "a.txt")),),
        tokenizer="bpe",
        vocab_size=300,
        context_length=4,
    )
    with pytest.raises(CorpusError, match="holds 0 of the corpus' 0 tokens"):
        prepare_corpus(spec, tmp_path / "cache")


def test_a_batch_larger_than_the_corpus_is_refused(corpus):
    tokens = sum(corpus.windows("train")) * 16
    corpus.require_batch(tokens)
    with pytest.raises(
        CorpusError, match=f"one batch of {tokens + 16} tokens, but it holds {tokens}"
    ):
        corpus.batch(corpus.start(), seed=0, sequences=tokens // 16 + 1, length=16, mix=(0.5, 0.5))


def test_tokens_beyond_the_vocabulary_are_refused_wherever_they_are_read(corpus, monkeypatch):
    ask = {"seed": 0, "sequences": 8, "length": 16, "mix": (0.5, 0.5)}
    tokens, _ = corpus.batch(corpus.start(), **ask)
    most = int(tokens.max())
    monkeypatch.setattr(corpus.tokenizer, "token_bytes", corpus.tokenizer.token_bytes[: most + 1])
    corpus.batch(corpus.start(), **ask)
    monkeypatch.setattr(corpus.tokenizer, "token_bytes", corpus.tokenizer.token_bytes[:most])
    with pytest.raises(
        CorpusError, match=f"split train: .* below {most}, but it holds token {most}"
    ):
        corpus.batch(corpus.start(), **ask)
    monkeypatch.setattr(corpus.tokenizer, "token_bytes", corpus.tokenizer.token_bytes[:2])
    with pytest.raises(CorpusError, match=r"split game: .* below 2"):
        corpus.evaluation_batches("game", sequences=1, count=1)


def test_more_evaluation_than_the_split_holds_is_refused(corpus):
    found = sum(corpus.windows("game"))
    corpus.evaluation_batches("game", sequences=1, count=found)
    with pytest.raises(CorpusError, match=f"need {(found + 1) * 16} tokens.*it holds {found * 16}"):
        corpus.evaluation_batches("game", sequences=1, count=found + 1)
    with pytest.raises(CorpusError, match="at least one window"):
        corpus.evaluation_batches("game", sequences=0, count=1)


@pytest.mark.parametrize("split", ["train", "test"])
def test_evaluation_is_never_on_what_was_trained_on(corpus, split):
    with pytest.raises(CorpusError, match="evaluation is on game, selection or heldout"):
        corpus.evaluation_batches(split, sequences=1, count=1)


@pytest.mark.parametrize(
    ("change", "law"),
    [
        ({"sources": ()}, "at least one source"),
        ({"tokenizer": "words"}, "`bytes` or `bpe`"),
        ({"context_length": 0}, "context_length >= 1"),
        ({"tokenizer": "bpe", "vocab_size": 256}, "vocab_size >= 257"),
    ],
)
def test_a_specification_that_breaks_a_law_is_refused(two_source_spec, change, law):
    with pytest.raises(CorpusError, match=law):
        replace(two_source_spec, **change)


def test_an_error_crosses_processes_with_its_parts():
    error = CorpusError(where="a", law="b", found="c", remedy="d.")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.where, copy.law, copy.found, copy.remedy) == ("a", "b", "c", "d.")
    assert str(copy) == "a: b, but c. d."
    assert isinstance(copy, ValueError)


def test_the_manifest_is_plain_json(corpus):
    body = json.loads((corpus.directory / "manifest.json").read_text(encoding="utf-8"))
    assert body["digest"] == corpus.digest
    assert body["sources"][0]["splits"]["train"]["shards"][0]["sha256"]
