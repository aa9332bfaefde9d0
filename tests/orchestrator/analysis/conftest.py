"""A real search of tiny members, done in this process: its log and its checkpoints, without Ray."""

import json
import shutil

import numpy as np
import pytest

from orchestrator.event_log import LOG_NAME, EventLog
from orchestrator.events import SearchStarted
from orchestrator.journal import Journal
from orchestrator.member_host import MemberHost
from orchestrator.run_corpus import corpus_json
from orchestrator.run_loading import load_run
from orchestrator.search import Search
from orchestrator.setting import prepare
from trainers.host import settle_host

RUN = """
name: tiny
seed: 3
corpus: {sources: [{path: words.jsonl}], context_length: 16}
space:
  genes:
    num_layers: {integer: [1, 2]}
    d_model: {integer: [32, 48], step: 16}
    d_ff: {integer: [32, 64], step: 32}
    num_heads: {integer: [1, 2]}
    head_dim: 16
    batch_tokens: {integer: [256, 512], step: 256}
population: {members: 4, interval_tokens: 4096}
budget: {tokens: 49152}
training:
  {device: cpu, utility_every: 2, evaluation_sequences: 4, evaluation_batches: 2, heldout_batches: 2}
mlflow: {enabled: false}
"""


class Nowhere:
    """States are found in memory and on disk."""

    def publish(self, key, payload):
        pass

    def fetch(self, key):
        return None


@pytest.fixture(scope="session")
def tiny_search(tmp_path_factory):
    """Do the search once; take a copy before changing anything."""
    settle_host(1)
    directory = tmp_path_factory.mktemp("search")
    random = np.random.default_rng(0)
    words = ["grey", "ships", "pass", "the", "old", "light", "before", "dawn", "and", "after"]
    documents = [" ".join(random.choice(words, 30)) + "." for _ in range(300)]
    lines = "".join(json.dumps({"text": document}) + "\n" for document in documents)
    (directory / "words.jsonl").write_text(lines)
    (directory / "run.yaml").write_text(RUN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MASGA_CACHE", str(directory / "cache"))
        config = load_run(directory / "run.yaml").config
        setting = prepare(config)
        host = MemberHost(
            corpus=setting.corpus,
            settings=setting.settings,
            checkpoints=directory / "checkpoints",
            exchange=Nowhere(),
            worker=0,
        )
        with EventLog(directory / LOG_NAME) as log:
            journal = Journal(log, lambda event, number, replayed: None)
            started = SearchStarted(
                run=config.deciding(),
                space=setting.rules.space.to_json(),
                corpus=corpus_json(setting.corpus, setting.notes),
                horizon_tokens=setting.settings.horizon_tokens,
                generations=setting.rules.generations,
                environment={"run": config.beside()},
            )
            journal.record([started])
            search = Search(setting.rules, journal)
            tasks = list(search.begin())
            while tasks:
                tasks += search.receive(host.run(tasks.pop(0)))
        host.flush()
        host.close()
        yield directory


@pytest.fixture
def search_copy(tiny_search, tmp_path):
    for name in (LOG_NAME, "run.yaml"):
        shutil.copy(tiny_search / name, tmp_path)
    shutil.copytree(tiny_search / "checkpoints", tmp_path / "checkpoints")
    return tmp_path
