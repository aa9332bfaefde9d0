"""Preparing: the same files from every process, all or nothing, found again without reading."""

import math
import multiprocessing
import os
import pickle
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from trainers.data import (
    NAMED,
    SPLITS,
    CorpusError,
    CorpusSpec,
    NamedCorpus,
    SourceSpec,
    build,
    open_corpus,
    prepare,
    prepare_corpus,
)


def age(spec, seconds=100):
    """Make the files of a specification look old enough to be trusted by their stamp."""
    for source in spec.sources:
        status = Path(source.name_or_path).stat()
        os.utime(source.name_or_path, ns=(status.st_atime_ns, status.st_mtime_ns - seconds * 10**9))


def entries(cache):
    return {p.name for p in Path(cache).iterdir() if p.suffix != ".lock"}


def fail(*args, **kwargs):
    raise AssertionError("must not be called")


def test_the_second_call_reads_nothing(two_source_spec, tmp_path, monkeypatch):
    age(two_source_spec)
    first = prepare_corpus(two_source_spec, tmp_path)
    for module, name in [
        (prepare, "build_corpus"),
        (prepare.Origin, "content_sha256"),
        (type(first), "verify"),
    ]:
        monkeypatch.setattr(module, name, fail)
    second = prepare_corpus(two_source_spec, tmp_path)
    assert second.digest == first.digest
    assert entries(tmp_path) == {first.digest, "known"}


def test_the_digest_depends_on_content_not_on_paths(two_source_spec, tmp_path):
    first = prepare_corpus(two_source_spec, tmp_path)
    moved = []
    for source in two_source_spec.sources:
        path = tmp_path / f"moved-{Path(source.name_or_path).name}"
        path.write_bytes(Path(source.name_or_path).read_bytes())
        moved.append(replace(source, name_or_path=str(path)))
    assert (
        prepare_corpus(replace(two_source_spec, sources=tuple(moved)), tmp_path).digest
        == first.digest
    )
    with Path(moved[0].name_or_path).open("a") as file:
        file.write(" more")
    assert (
        prepare_corpus(replace(two_source_spec, sources=tuple(moved)), tmp_path).digest
        != first.digest
    )


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"context_length": 8}, {"tokenizer": "bpe", "vocab_size": 300}]
)
def test_every_setting_with_an_effect_makes_another_corpus(
    two_source_spec, corpus, tmp_path, change
):
    changed = prepare_corpus(replace(two_source_spec, **change), tmp_path)
    assert changed.digest != corpus.digest


def test_the_bpe_vocabulary_does_not_touch_a_byte_corpus(two_source_spec, corpus, tmp_path):
    assert (
        prepare_corpus(replace(two_source_spec, vocab_size=999), tmp_path).digest == corpus.digest
    )


def test_the_manifest_counts_what_is_there(corpus, two_source_spec):
    manifest = corpus.manifest
    raw = [Path(s.name_or_path).read_text(encoding="utf-8") for s in two_source_spec.sources]
    for source, text in zip(manifest.sources, raw, strict=True):
        documents = text.split("\n\n")
        assert sum(s.documents for s in source.splits.values()) == len(documents)
        assert sum(s.text_bytes for s in source.splits.values()) == sum(
            len(d.encode()) for d in documents
        )
        assert source.files == 1
        assert source.licence == "not stated"
    for split in SPLITS:
        # A byte is a token, and each document has its separator.
        assert manifest.tokens(split) == manifest.text_bytes(split) + manifest.documents(split)
    assert corpus.train_tokens == manifest.tokens("train")


def test_documents_of_white_space_are_left_out_and_counted(tmp_path):
    rows = [f"document {i} is here" for i in range(300)] + ["", " \t", "\n"]
    (tmp_path / "a.txt").write_text("|".join(rows))
    spec = CorpusSpec(
        sources=(SourceSpec.file(str(tmp_path / "a.txt"), separator="|"),), context_length=8
    )
    source = prepare_corpus(spec, tmp_path / "cache").manifest.sources[0]
    assert source.empty_documents == 3
    assert sum(s.documents for s in source.splits.values()) == 300


def test_chunks_and_shards_do_not_change_tokens(two_source_spec, corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "CHUNK_BYTES", 500)
    monkeypatch.setattr(build, "SHARD_TOKENS", 701)
    other = prepare_corpus(two_source_spec, tmp_path)
    assert len(other.manifest.files()) > len(corpus.manifest.files())
    for sequences, length in [(40, 16), (33, 4)]:
        arguments = {"seed": 3, "sequences": sequences, "length": length, "mix": (0.4, 0.6)}
        assert torch.equal(
            other.batch(other.start(), **arguments)[0], corpus.batch(corpus.start(), **arguments)[0]
        )
    batches = [c.evaluation_batches("heldout", sequences=4, count=5) for c in (corpus, other)]
    for a, b in zip(*batches, strict=True):
        assert torch.equal(a.tokens, b.tokens)
        assert a.byte_count == b.byte_count


def prepare_and_read(spec, cache):
    """Run in another process: prepare, and tell everything that must agree."""
    corpus = prepare_corpus(spec, cache)
    tokens, position = corpus.batch(corpus.start(), seed=4, sequences=50, length=8, mix=(0.5, 0.5))
    return corpus.digest, corpus.manifest.files(), tokens.tolist(), position


def test_processes_at_once_agree_and_leave_one_corpus(two_source_spec, tmp_path):
    spec = replace(two_source_spec, tokenizer="bpe", vocab_size=320)
    shared, own = tmp_path / "shared", tmp_path / "own"
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        found = list(pool.map(prepare_and_read, [spec] * 2, [shared] * 2))
    assert found[0] == found[1] == prepare_and_read(spec, own)
    for cache in (shared, own):
        assert entries(cache) == {found[0][0], "known"}


def test_a_corpus_travels_as_its_directory(corpus):
    payload = pickle.dumps(corpus)
    assert len(payload) < 1000
    copy = pickle.loads(payload)
    arguments = {"seed": 0, "sequences": 4, "length": 16, "mix": (0.5, 0.5)}
    assert torch.equal(
        copy.batch(copy.start(), **arguments)[0], corpus.batch(corpus.start(), **arguments)[0]
    )
    assert open_corpus(str(corpus.directory)).manifest == corpus.manifest


def test_evaluation_batches_are_fixed_windows_of_their_split(corpus):
    for split in ("game", "selection", "heldout"):
        few = corpus.evaluation_batches(split, sequences=3, count=2)
        many = corpus.evaluation_batches(split, sequences=3, count=4)
        assert all(torch.equal(a.tokens, b.tokens) for a, b in zip(few, many, strict=False))
        rows = torch.cat([b.tokens for b in many])
        assert rows.shape == (12, 17)
        assert len({tuple(r) for r in rows.tolist()}) == 12
        for batch in many:
            # In a byte corpus every target but the separator is a byte.
            assert batch.byte_count == (batch.tokens[:, 1:] != 256).sum()


def test_batches_of_one_source_are_windows_of_it_alone(corpus):
    windows = corpus.windows("selection")
    rows = []
    for source, count in enumerate(windows):
        batches = corpus.evaluation_batches("selection", sequences=1, count=count, source=source)
        rows.append({tuple(r) for batch in batches for r in batch.tokens.tolist()})
        with pytest.raises(CorpusError, match="it holds"):
            corpus.evaluation_batches("selection", sequences=1, count=count + 1, source=source)
    everything = corpus.evaluation_batches("selection", sequences=1, count=sum(windows))
    assert rows[0] | rows[1] == {tuple(r) for b in everything for r in b.tokens.tolist()}
    assert not rows[0] & rows[1]


def test_nats_become_bits_per_byte_exactly(two_source_spec, tmp_path):
    corpus = prepare_corpus(replace(two_source_spec, tokenizer="bpe", vocab_size=400), tmp_path)
    (batch,) = corpus.evaluation_batches("selection", sequences=6, count=1)
    # A row that starts at a document: its targets spell a text of a known length.
    spelled = sum(
        len(corpus.tokenizer._library.id_to_token(t))
        for t in batch.tokens[:, 1:].flatten().tolist()
        if t != corpus.tokenizer.separator
    )
    assert batch.byte_count == spelled
    nats = math.log(corpus.vocab_size)  # of a uniform model, each token
    targets = batch.tokens[:, 1:].numel()
    bits_per_byte = nats * targets / (math.log(2) * batch.byte_count)
    assert bits_per_byte == pytest.approx(math.log2(400) * targets / spelled)


def test_progress_reaches_the_end(two_source_spec, tmp_path):
    seen = []
    spec = replace(two_source_spec, tokenizer="bpe", vocab_size=300)
    prepare_corpus(spec, tmp_path, progress=seen.append)
    assert {p.stage for p in seen} == {"tokenizer", "encoding"}
    assert {p.source for p in seen} == {s.name_or_path for s in spec.sources}
    assert all(0 < p.done_bytes <= p.total_bytes for p in seen)


def test_memory_does_not_grow_with_the_corpus(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "CHUNK_BYTES", 1 << 16)
    monkeypatch.setattr(build, "SHARD_TOKENS", 1 << 17)
    (tmp_path / "empty").touch()

    def read(files):
        for i in range(4000):
            yield f"{i} " + "z" * 6000  # 24 MB in all

    long = NamedCorpus(
        name="long",
        summary="s",
        licence="l",
        origin="o",
        locate=lambda: (tmp_path / "empty",),
        read=read,
    )
    monkeypatch.setitem(NAMED, "long", long)
    spec = CorpusSpec(sources=(SourceSpec.named("long"),), context_length=64)
    tracemalloc.start()
    corpus = prepare_corpus(spec, tmp_path / "cache")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(corpus.manifest.tokens(s) for s in SPLITS) > 24_000_000
    assert peak < 8_000_000
