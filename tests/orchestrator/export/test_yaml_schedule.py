"""The run file of a replay: read back it is the lineage, exactly, and it trains its losses."""

from orchestrator.event_log import read_log
from orchestrator.export.subject import find_subject
from orchestrator.export.yaml_schedule import write
from orchestrator.run_loading import load_run
from orchestrator.setting import prepare
from orchestrator.story.replay import passages


def test_read_back_it_is_the_lineage(genome, searched, tmp_path):
    made = genome(learning_rate=0.1 + 0.2, data_mix=(0.3, 0.7))
    subject = find_subject(searched(made, sources=("sea", "land")))
    write(subject, tmp_path / "replay.yaml")
    run = load_run(tmp_path / "replay.yaml").config
    setting = prepare(run)
    led = passages(subject.story, subject.member, subject.generation)
    assert setting.rules.schedule.stretches == tuple(passage.stretch for passage in led)
    assert setting.rules.schedule.stretches[-1].genome.protocol.learning_rate == 0.1 + 0.2
    assert setting.rules.horizon_tokens == setting.settings.horizon_tokens == 4096
    assert setting.rules.generations == 2
    assert setting.corpus.digest == subject.story.started.corpus["digest"]
    original = subject.run
    assert (run.seed, run.training, run.corpus.sources) == (
        original.seed,
        original.training,
        original.corpus.sources,
    )
    assert run.name == "made-replay"


def test_a_whole_lineage_is_replayed_after_an_early_stop(genome, searched, tmp_path):
    """The horizon is the search's own, whatever the winner trained of it."""
    directory = searched(genome())
    subject = find_subject(directory, member=0, generation=0)
    write(subject, tmp_path / "replay.yaml")
    run = load_run(tmp_path / "replay.yaml").config
    assert run.budget.tokens == 2048
    assert run.schedule.horizon_tokens == 4096
    assert run.schedule.intervals == 1


def test_what_stood_in_for_a_corpus_is_named_itself(genome, searched, tmp_path):
    subject = find_subject(searched(genome()))
    started = subject.story.started
    sources = [{"name": "wiki_vital"}]
    run = subject.run.model_copy(
        update={
            "corpus": type(subject.run.corpus).model_validate(
                {"sources": sources, "fallback": "python_docs", "context_length": 16}
            )
        }
    )
    started.corpus["sources"][0]["name"] = "python_docs"
    object.__setattr__(subject, "run", run)
    write(subject, tmp_path / "replay.yaml")
    corpus = load_run(tmp_path / "replay.yaml").config.corpus
    assert [source.name for source in corpus.sources] == ["python_docs"]
    assert corpus.fallback is None


def test_the_log_is_only_read(genome, searched, tmp_path):
    directory = searched(genome())
    before = read_log(directory / "events.jsonl")
    write(find_subject(directory), tmp_path / "replay.yaml")
    assert read_log(directory / "events.jsonl") == before
