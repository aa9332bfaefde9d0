import dataclasses
import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import UserError
from orchestrator.plugins import make_estimator, make_policy, make_proposers
from orchestrator.quantities import parse_bytes, parse_count
from orchestrator.run_config import BESIDE, ProposerConfig, RunConfig
from orchestrator.run_directory import claim_directory, read_resolved, release_directory
from orchestrator.run_file import parse_run_file
from orchestrator.run_loading import load_run
from orchestrator.run_schema import schema_text
from orchestrator.selection import Truncation
from search_spaces.loading import load_space

SMALLEST = "budget: {tokens: 8M}\n"


@pytest.fixture
def load(tmp_path):
    def load(text, **options):
        file = tmp_path / "demo.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_run(file, **options)

    return load


@pytest.fixture
def mistakes(load, tmp_path):
    """Load what is wrong; return the mistakes as text, without the directory."""

    def mistakes(text, **options):
        with pytest.raises(UserError) as caught:
            load(text, **options)
        return str(caught.value).replace(f"{tmp_path}/", "")

    return mistakes


def test_a_budget_is_enough(load):
    config = load(SMALLEST).config
    assert config.name == "demo"
    assert config.budget.tokens == 8_000_000
    assert config.corpus.sources[0].name == "wiki_vital"
    assert [p.proposer for p in config.proposers] == ["mutation"]


def test_every_value_survives_the_log(load):
    text = (
        SMALLEST
        + "selection: {policy: multi_frequency, periods: [1, 3]}\ntraining: {compile: true}\n"
    )
    config = load(text).config
    written = json.loads(json.dumps({**config.deciding(), **config.beside()}))
    assert RunConfig.from_json(written) == config


def test_what_lies_beside_is_not_what_decides(load):
    here = load(SMALLEST + "output: a\nresources: {workers: 1}\n").config
    there = load(SMALLEST + "output: b\nresources: {workers: 7}\n").config
    assert here.deciding() == there.deciding()
    assert here.deciding().keys() & set(BESIDE) == set()


def test_values_are_frozen(load):
    config = load(SMALLEST).config
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 2


@pytest.mark.parametrize(
    ("written", "value"),
    [("8M", 8e6), ("1e15", 1e15), ("1_000_000", 1e6), (12, 12), ("2.5k", 2500)],
)
def test_counts(written, value):
    assert parse_count(written) == value


@pytest.mark.parametrize(
    ("written", "value"), [("2GB", 2 * 10**9), ("1GiB", 2**30), ("256mb", 256e6)]
)
def test_bytes(written, value):
    assert parse_bytes(written) == value


@pytest.mark.parametrize(
    "written", ["", "8X", "M", "-1", "1e999", True, None, float("nan"), "0x10"]
)
def test_what_is_not_a_count(written):
    with pytest.raises(ValueError, match="is needed, but got"):
        parse_count(written)


@given(st.integers(min_value=0, max_value=10**15))
def test_whole_numbers_are_read_exactly(number):
    assert parse_count(f"{number:_}") == number


def test_paths_are_relative_to_the_run_file(load, tmp_path):
    text = (
        SMALLEST
        + "output: out\nspace: {name: own.py:SPACE}\ncorpus: {sources: [{path: texts/*.txt}]}\n"
    )
    config = load(text).config
    assert config.output == str(tmp_path / "out")
    assert config.space.name == f"{tmp_path / 'own.py'}:SPACE"
    assert config.corpus.sources[0].path == str(tmp_path / "texts/*.txt")


def test_what_the_command_line_says_comes_last(load, tmp_path):
    loaded = load(
        SMALLEST + "seed: 3\nproposers: [{proposer: random}]\n",
        overrides=["population.members=4", "space.genes.norm=rms", "proposers.0.weight=2"],
        seed=9,
        output=tmp_path / "elsewhere",
    )
    config = loaded.config
    assert (config.seed, config.population.members) == (9, 4)
    assert config.space.genes == {"norm": "rms"}
    assert config.proposers[0].weight == 2
    assert config.output == str(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "demo.yaml: a run file holds keys"),
        (b"\xff\xfe\x00", "demo.yaml: a run file is UTF-8 text, but got byte 0xff"),
        ("- a\n", "demo.yaml:1: a run file is a mapping of keys"),
        ("a: [1\nb: 2\n", "demo.yaml:2: a run file is YAML"),
        ("seed: 1\nseed: 2\n", "demo.yaml:2: seed: a key is written once, but got a second one"),
        ("a: &a [*a]\n", "an alias that contains itself"),
        ("a: !!python/object:os.system x\n", "demo.yaml"),
        ("seed: 1\n", "demo.yaml: budget: `budget` is needed, but got no such key"),
        ("sead: 1\n" + SMALLEST, "Did you mean `seed`?"),
        (SMALLEST + "population:\n  members: eight\n", "demo.yaml:3: population.members: `members` needs a whole number, but got 'eight'"),
        (SMALLEST + "population: {members: true}\n", "needs a whole number"),
        (SMALLEST + "population: {members: 2.5}\n", "needs a whole number"),
        (SMALLEST + "population: 8\n", "The keys here are members, interval_tokens, mode."),
        (SMALLEST + "population: {mode: async}\n", "one of synchronous, asynchronous"),
        (SMALLEST + "population: {interval_tokens: 1000}\n", "Write 896 or 1024."),
        (SMALLEST + "population: {members: 1}\n", "at least 2 members"),
        (SMALLEST + "proposers: []\n", "needs at least one proposer"),
        ("budget: {tokens: 1000}\n", "demo.yaml:1: budget.tokens: the budget pays at least one interval"),
        ("budget: {tokens: 8M, flops: 1e15}\n", "exactly one of the two, but got both"),
        ("budget: {}\n", "exactly one of the two, but got neither"),
        (SMALLEST + "space: {limits: {memory: 2GX}}\n", "an amount of memory is needed, but got '2GX'"),
        (SMALLEST + "corpus: {tokenizer: bpe}\n", "needs a `vocabulary`"),
        (SMALLEST + "corpus: {vocabulary: 4096}\n", "belongs to `tokenizer: bpe`"),
        (SMALLEST + "corpus: {sources: []}\n", "a list that is not empty"),
        (SMALLEST + "corpus: {sources: [a, a]}\n", "a source is named once"),
        (SMALLEST + "corpus: {sources: [a.txt]}\n", "For files write {path: a.txt}"),
        (SMALLEST + "corpus: {sources: [{field: text}]}\n", "a source has a `name` or a `path`"),
        (SMALLEST + "selection: {policy: truncatoin}\n", "Did you mean `truncation`?"),
        (SMALLEST + "selection: {policy: truncation, fraction: 0.7}\n", "`0 < fraction <= 0.5` must hold"),
        (SMALLEST + "selection: {policy: truncation, part: 0.2}\n", "the parameters of `truncation` are: fraction"),
        (SMALLEST + "selection: {policy: 'nowhere.at_all:Policy'}\n", "No module named 'nowhere'"),
        (SMALLEST + "proposers: [{proposer: optunas}]\n", "proposers[0].proposer"),
        (SMALLEST + "proposers: [{proposer: mutation, scale: big}]\n", "demo.yaml:2: proposers[0].scale"),
        (SMALLEST + "proposers: [{weight: 1}]\n", "`proposer` is needed"),
        (SMALLEST + "fitness: {horizon: powerlaw}\n", "Did you mean `power_law`?"),
        (SMALLEST + "fitness: {nats_per_glop: 1}\n", "the parameters of `present` are: none"),
        (SMALLEST + "freeze: {architecture_after: 0.2, protocol_before: 0.4}\n", "at every moment some genes may change"),
        (SMALLEST + "resources: {workers: 0}\n", "at least 1 is needed"),
        (SMALLEST + "training: {device: cuda}\n", "resources.gpus_per_worker"),
        (SMALLEST + "resources: {processes_per_member: 2, gpus_per_worker: 0.5}\n", "has a GPU of its own"),
        (SMALLEST + "name: a/b\n", "letters, digits, dots"),
        (SMALLEST + "stop: {target_loss: .inf}\n", "needs a number"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_law(mistakes, text, told):
    assert told in mistakes(text)


def test_all_mistakes_are_told_in_the_order_of_the_file(mistakes):
    told = mistakes("sead: 1\npopulation: {members: x}\nbudget: {tokens: -1}\n").splitlines()
    assert [line.split(": ")[1] for line in told] == ["sead", "population.members", "budget.tokens"]


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UserError, match="no file of this name"):
        load_run(tmp_path / "none.yaml")
    with pytest.raises(UserError, match="must be a readable file"):
        load_run(tmp_path)


@pytest.mark.parametrize("assignment", ["population.members", "=3", "a..b=1", "seed.deep=1"])
def test_what_cannot_be_set(mistakes, assignment):
    assert f"--set {assignment}" in mistakes(SMALLEST + "seed: 1\n", overrides=[assignment])


def test_a_value_set_is_told_as_set(mistakes):
    told = mistakes(SMALLEST, overrides=["population.members=x"])
    assert told.startswith("--set population.members=x: population.members: `members` needs")


def test_plain_scalars_follow_yaml_1_2():
    values = parse_run_file("a: 1e6\nb: on\nc: 12:30\nd: '1'\ne: ~\nf: 010", name="x").values
    assert values == {"a": 1e6, "b": "on", "c": "12:30", "d": "1", "e": None, "f": 10}


def test_an_error_found_later_gets_its_line(load):
    loaded = load(SMALLEST + "space:\n  genes: {d_model: 64}\n")
    parts = {"law": "l", "found": "f", "remedy": "r"}
    told = loaded.located(UserError(where="space.genes.d_model", **parts))
    assert told.where.endswith("demo.yaml:3: space.genes.d_model")
    told = loaded.located(UserError(where="space.limits", **parts))
    assert told.where.endswith("demo.yaml:2: space.limits")
    told = loaded.located(UserError(where="corpus 'x'", **parts))
    assert told.where == "corpus 'x'"


def test_each_search_has_a_directory_of_its_own(load, tmp_path):
    config = load(SMALLEST + f"output: {tmp_path / 'runs'}\n").config
    first, second = claim_directory(config), claim_directory(config)
    assert (first.name, second.name) == ("demo", "demo-2")
    assert read_resolved(first).deciding() == config.deciding()
    assert read_resolved(first).output == config.output
    (first / "events.jsonl").write_text("")
    (second / "events.jsonl").write_text("{}")
    release_directory(first)
    release_directory(second)
    assert not first.exists()
    assert second.exists()


def test_a_directory_that_cannot_be_written_is_told(load, tmp_path):
    (tmp_path / "file").write_text("")
    config = load(SMALLEST + f"output: {tmp_path / 'file'}\n").config
    with pytest.raises(UserError, match="output directory must be writable"):
        claim_directory(config)


def test_plugins_are_built_with_their_parameters(load):
    config = load(
        SMALLEST
        + "selection: {policy: truncation, fraction: 0.3}\nfitness: {horizon: power_law, min_points: 6}\n"
    ).config
    assert make_policy(config.selection) == Truncation(fraction=0.3)
    assert make_estimator(config.fitness).min_points == 6


def test_a_users_own_policy_by_import_path(load, tmp_path, monkeypatch):
    source = (
        "from dataclasses import dataclass\n"
        "@dataclass(frozen=True)\n"
        "class Patient:\n"
        "    patience: int = 3\n"
    )
    (tmp_path / "own_policy_for_test.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    config = load(
        SMALLEST + "selection: {policy: 'own_policy_for_test:Patient', patience: 5}\n"
    ).config
    assert dataclasses.asdict(make_policy(config.selection).policy) == {"patience": 5}


def test_unknown_samplers_and_optimizers_list_what_exists():
    space = load_space("gpt")
    for config, told in (
        (ProposerConfig(proposer="optuna", sampler="TPE"), "TPESampler"),
        (ProposerConfig(proposer="nevergrad", optimizer="NGOp"), "NGOpt"),
    ):
        with pytest.raises(UserError, match=told) as caught:
            make_proposers([config], space)
        assert caught.value.where == "proposers[0]"


def test_one_proposer_twice_has_two_names():
    proposers = make_proposers([ProposerConfig(proposer="mutation")] * 2, load_space("gpt"))
    assert [entry.name for entry in proposers._proposers] == ["mutation", "mutation-2"]


def test_the_published_schema_is_current(pytestconfig):
    published = pytestconfig.rootpath / "docs" / "run_file.schema.json"
    assert published.read_text(encoding="utf-8") == schema_text(), (
        "run: masga schema > docs/run_file.schema.json"
    )


def test_the_schema_knows_every_key_of_the_examples(pytestconfig):
    schema = json.loads(schema_text())

    def check(section, values):
        if "$ref" in section:
            section = schema["$defs"][section["$ref"].rsplit("/", 1)[1]]
        for key, value in values.items():
            assert key in section["properties"] or section["additionalProperties"] is True, key
            if isinstance(value, dict) and key != "genes":
                check(section["properties"][key], value)

    for file in (pytestconfig.rootpath / "examples").glob("*.yaml"):
        check(schema, yaml.safe_load(file.read_text(encoding="utf-8")))
        load_run(file)
