"""A search in a store is a directory to all that read it, and what is made of it goes there."""

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME, read_log
from orchestrator.events import GenerationClosed
from orchestrator.run_config import RunConfig
from orchestrator.run_directory import RESOLVED, claim_directory, release_directory
from orchestrator.run_loading import load_run
from orchestrator.storage.logs import open_log
from orchestrator.storage.outputs import made_at
from orchestrator.storage.sources import fetch_source
from orchestrator.storage.store import Store
from orchestrator.storage.working_copy import (
    ORIGIN,
    arrive,
    checkpoints_in,
    corpora_of,
    has_writer,
    publish,
    searches_in,
    shown,
)
from trainers.data import CorpusError, CorpusSpec, SourceSpec, prepare_corpus
from trainers.data.carried import fetch_corpus, is_stored, store_corpus


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MASGA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def closed(number):
    return GenerationClosed(
        generation=number, best_member=0, best_loss=5.0, best_fitness=-5.0, tokens=1, flops=1.0
    )


def run_of(output, name="demo"):
    return RunConfig.from_json({"name": name, "output": output, "budget": {"tokens": "1M"}})


@pytest.fixture
def search(s3_uri):
    """A search of two events; returns (URI, working copy)."""
    directory = claim_directory(run_of(s3_uri("runs")))
    with open_log(directory / LOG_NAME) as log:
        log.append([closed(0)])
        log.append([closed(1)])
    return s3_uri("runs/demo"), directory


def test_names_are_claimed_in_the_store(search, s3_uri, cache):
    _, first = search
    assert first.name == "demo"
    second = claim_directory(run_of(s3_uri("runs")))
    assert second.name == "demo-2"
    release_directory(second)  # nothing happened in it
    shutil.rmtree(cache)
    third = claim_directory(run_of(s3_uri("runs")))  # of another machine
    assert third.name == "demo-2"
    assert yaml.safe_load((third / RESOLVED).read_text())["output"] == s3_uri("runs")
    Store.open(s3_uri("runs"), where="test").drop("demo")
    shutil.rmtree(cache)
    assert claim_directory(run_of(s3_uri("runs"))).name == "demo"


def test_a_search_that_never_began_leaves_nothing(s3_uri):
    directory = claim_directory(run_of(s3_uri("runs")))
    with open_log(directory / LOG_NAME):
        assert has_writer(directory / LOG_NAME)
    release_directory(directory)
    assert not directory.exists()
    assert Store.open(s3_uri("runs"), where="test").tree() == ()
    assert claim_directory(run_of(s3_uri("runs"))) == directory


def test_arriving_brings_a_copy_up_to_date(search, cache, tmp_path, monkeypatch):
    uri, directory = search
    assert arrive(uri) == directory
    assert shown(directory) == uri
    monkeypatch.setenv("MASGA_CACHE", str(tmp_path / "elsewhere"))
    other = arrive(uri)
    assert other != directory
    assert (other / LOG_NAME).read_bytes() == (directory / LOG_NAME).read_bytes()
    assert (other / RESOLVED).read_bytes() == (directory / RESOLVED).read_bytes()
    with open_log(other / LOG_NAME) as log:
        log.append([closed(2)])
        assert has_writer(directory / LOG_NAME)  # seen from the other machine
        assert arrive(str(directory)) == directory  # named by the path of the copy
        assert len(read_log(directory / LOG_NAME)[0]) == 3
    assert not has_writer(directory / LOG_NAME)


def test_a_certification_has_a_log_of_its_own_and_comes_too(search, tmp_path, monkeypatch):
    uri, directory = search
    place = directory / "certificate-1"
    place.mkdir()
    with open_log(place / LOG_NAME) as log:
        log.append([closed(7)])
    assert checkpoints_in(place).place("x").startswith(uri.partition("?")[0] + "/certificate-1/")
    monkeypatch.setenv("MASGA_CACHE", str(tmp_path / "elsewhere"))
    assert read_log(arrive(uri) / "certificate-1" / LOG_NAME)[0] == [closed(7)]
    assert read_log(arrive(uri) / LOG_NAME)[0] == [closed(0), closed(1)]


def test_a_uri_of_several_searches(search, s3_uri):
    other = claim_directory(run_of(s3_uri("runs"), "other"))
    with open_log(other / LOG_NAME) as log:
        log.append([closed(0)])
    assert [each.name for each in searches_in(s3_uri("runs"))] == ["demo", "other"]
    assert [each.name for each in searches_in(s3_uri("runs/other"))] == ["other"]
    with pytest.raises(UserError, match="nothing there"):
        arrive(s3_uri("runs"))


def test_what_is_made_in_a_copy_is_put_into_the_store(search, tmp_path):
    uri, directory = search
    store = Store.open(uri, where="test")
    (directory / "report.html").write_text("page")
    publish(directory / "report.html")
    assert bytes(store.read("report.html")) == b"page"
    with made_at(None, otherwise=directory / "exports" / "it", force=False) as made:
        (made.path / "below").mkdir(parents=True)
        (made.path / "below" / "a").write_text("1")
    assert str(made) == str(store / "exports" / "it")
    assert bytes((store / "exports" / "it" / "below").read("a")) == b"1"
    shutil.rmtree(directory / "exports")  # made by another machine, as far as this copy knows
    with (
        pytest.raises(UserError, match="does not overwrite"),
        made_at(None, otherwise=directory / "exports" / "it", force=False),
    ):
        pytest.fail("it begins")
    elsewhere = tmp_path / "plain"
    with made_at(str(elsewhere), otherwise=directory / "exports", force=False) as made:
        made.path.write_text("2")
    assert str(made) == str(elsewhere)
    (tmp_path / "note").write_text("of no search")
    publish(tmp_path / "note")


def test_an_export_to_a_uri_overwrites_only_when_forced(s3_uri, tmp_path):
    target = s3_uri("models/it")
    for content, force in (("1", False), ("2", True)):
        with made_at(target, otherwise=tmp_path / "x", force=force) as made:
            made.path.mkdir()
            (made.path / content).write_text(content)
    names = [entry.name for entry in Store.open(target, where="test").entries()]
    assert names == ["2"]
    with (
        pytest.raises(UserError, match="does not overwrite"),
        made_at(target, otherwise=tmp_path / "x", force=False),
    ):
        pytest.fail("it begins")


def test_a_marker_that_names_nothing_is_told(tmp_path):
    (tmp_path / ORIGIN).write_text(json.dumps(["no"]))
    with pytest.raises(UserError, match="names the store"):
        shown(tmp_path)


def test_credentials_in_a_run_file_are_told_with_their_line(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(
        "budget: {tokens: 1M}\noutput: s3://me:hunter2@bucket/runs\n"
        "corpus: {sources: [{path: 's3://hunter2@bucket/a.txt'}]}\n"
    )
    with pytest.raises(UserError) as error:
        load_run(path)
    assert "run.yaml:2: output" in str(error.value)
    assert "corpus.sources[0].path" in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_uri_is_not_taken_for_a_path_below_the_run_file(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(
        "budget: {tokens: 1M}\noutput: s3://bucket/runs\n"
        "corpus: {sources: [{path: 's3://bucket/*.txt'}]}\n"
    )
    config = load_run(path).config
    assert config.output == "s3://bucket/runs"
    assert config.corpus.sources[0].path == "s3://bucket/*.txt"


def test_sources_are_fetched_and_only_what_changed(s3_uri, monkeypatch):
    store = Store.open(s3_uri("text"), where="test")
    store.write("a.txt", [b"one"])
    store.write("b.md", [b"two"])
    (store / "deep").write("c.txt", [b"three"])
    read = []
    real = Store.read
    monkeypatch.setattr(Store, "read", lambda folder, name: read.append(name) or real(folder, name))

    def found(pattern):
        return fetch_source(s3_uri(pattern), where="test")

    def files(pattern):
        root = Path(found(pattern))
        return [str(p.relative_to(root)) for p in sorted(root.rglob("*")) if p.is_file()]

    assert files("text/*.txt") == ["a.txt"]
    assert files("text/**/*.txt") == ["a.txt", "deep/c.txt"]
    assert files("text") == ["a.txt", "b.md", "deep/c.txt"]
    assert found("text/a.txt").endswith("/a.txt")
    read.clear()
    assert files("text/**/*.txt") == ["a.txt", "deep/c.txt"]
    assert read == []
    store.write("a.txt", [b"longer"])
    store.drop("deep")
    assert files("text/**/*.txt") == ["a.txt"]
    assert read == ["a.txt"]
    with pytest.raises(UserError, match="nothing is at"):
        found("text/*.parquet")


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "text.txt").write_text(
        "\n\n".join(f"Words of document {n}. " * 400 for n in range(400))
    )
    spec = CorpusSpec(sources=(SourceSpec.file(str(tmp_path / "text.txt")),), context_length=16)
    return prepare_corpus(spec, tmp_path / "prepared")


def test_prepared_text_is_carried_to_another_node_once(corpus, folder, tmp_path, monkeypatch):
    assert not is_stored(folder, corpus.digest)
    store_corpus(corpus, folder)
    assert is_stored(folder, corpus.digest)
    monkeypatch.setattr(type(folder), "write", lambda *_: pytest.fail("it is there already"))
    store_corpus(corpus, folder)
    node, got = tmp_path / "node", []
    read = []
    real = type(folder).read
    monkeypatch.setattr(
        type(folder), "read", lambda place, name: read.append(name) or real(place, name)
    )
    workers = [
        threading.Thread(target=lambda: got.append(fetch_corpus(folder, corpus.digest, node)))
        for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(got) == 3
    assert len(read) == len(set(read))
    for each in got:
        each.verify()
        assert each.manifest == corpus.manifest


def test_a_worker_opens_the_text_here_or_fetches_it(corpus, folder, tmp_path, cache):
    pytest.importorskip("ray")
    from orchestrator.adapters.worker import WorkerSetup

    here = WorkerSetup(
        corpus=corpus.directory,
        checkpoints=tmp_path,
        settings=None,
        asynchronous=False,
        stall_seconds=None,
    )
    assert here.open_corpus().directory == corpus.directory
    store_corpus(corpus, folder)
    elsewhere = replace(here, corpus=tmp_path / "not-here" / corpus.digest, corpora=folder)
    fetched = elsewhere.open_corpus()
    assert fetched.directory == cache / "corpora" / corpus.digest
    assert fetched.manifest == corpus.manifest


@pytest.mark.parametrize("damage", ["cut", "gone", "other"])
def test_text_that_came_damaged_is_refused_and_not_kept(corpus, folder, tmp_path, damage):
    store_corpus(corpus, folder)
    place = folder / corpus.digest
    shard = next(entry.name for entry in place.entries() if entry.name.endswith(".arrow"))
    match damage:
        case "cut":
            place.write(shard, [place.read(shard)[:-9]])
        case "gone":
            place.delete(shard)
        case "other":
            content = place.read(shard)
            content[len(content) // 2] ^= 1
            place.write(shard, [content])
    with pytest.raises(CorpusError):
        fetch_corpus(folder, corpus.digest, tmp_path / "node")
    assert not (tmp_path / "node" / corpus.digest).exists()


def test_prepared_text_lies_beside_the_searches(search, s3_uri):
    _, directory = search
    assert str(corpora_of(directory)) == s3_uri("runs/corpus")
    assert str(corpora_of(directory / "certificate-1")) == s3_uri("runs/corpus")
