"""Laws of spaces: all that they return is feasible, repair is idempotent, round trips are exact."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.constraints import Rule
from search_spaces.coordinates import coordinates, from_coordinates, to_coordinates
from search_spaces.domains import Choice, Integer, PerLayer, Real, Simplex
from search_spaces.errors import InfeasibleGenome, SpaceError
from search_spaces.genome import genome_from_json, genome_to_json
from search_spaces.gpt.budget import over_budget
from search_spaces.gpt.cost import count_parameters
from search_spaces.gpt.space import GPT
from search_spaces.limits import Limits

LIMITED = GPT.limited(
    Limits(max_parameters=300_000, max_flops_per_token=2e6, max_memory_bytes=40_000_000)
)
SPACES = {
    "plain": GPT,
    "limited": LIMITED,
    "sources": GPT.narrowed(data_mix=Simplex(3)),
    "long": GPT.with_constants(context_length=1024, vocab_size=4096),
    "narrow": GPT.narrowed(
        num_heads=Choice((4,)), num_kv_heads=Choice((2, 4)), schedule=Choice(("wsd",))
    ).limited(Limits(max_parameters=200_000)),
    "deep": GPT.narrowed(num_layers=Integer(2, 24)).limited(Limits(max_parameters=100_000)),
    "odd": GPT.narrowed(head_dim=Integer(7, 40), warmup_fraction=Real(0.0, 1.0)),
    "memory": GPT.limited(Limits(max_memory_bytes=12_000_000, bytes_per_weight=2)),
}
spaces = st.sampled_from(sorted(SPACES)).map(SPACES.get)
seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=60, deadline=None)


def draw(space, seed):
    return space.sample(np.random.default_rng(seed))


@quick
@given(space=spaces, seed=seeds)
def test_samples_are_feasible_and_repair_leaves_them_alone(space, seed):
    genome = draw(space, seed)
    space.check(genome)
    repair = space.repair(genome)
    assert repair.genome == genome
    assert repair.changes == ()


@quick
@given(space=spaces, seed=seeds)
def test_unit_cube_round_trip_is_exact(space, seed):
    genome = draw(space, seed)
    unit = space.to_unit(genome)
    assert unit.shape == (space.dimensions,)
    assert ((unit >= 0) & (unit <= 1)).all()
    assert space.from_unit(unit) == genome


@quick
@given(space=spaces, seed=seeds)
def test_json_and_coordinates_round_trip(space, seed):
    genome = draw(space, seed)
    again = genome_from_json(genome_to_json(genome))
    assert again == genome
    assert again.digest == genome.digest
    names = {c.name for c in coordinates(space)}
    values = to_coordinates(space, genome)
    assert values.keys() <= names
    assert space.repair(from_coordinates(space, values)).genome == genome


@quick
@given(space=spaces, seed=seeds)
def test_repair_is_idempotent_on_strange_genomes(space, seed):
    rng = np.random.default_rng(seed)
    genome = draw(GPT, seed)
    layers = int(rng.integers(1, 12))
    strange = GPT.with_genes(
        genome,
        {
            "d_model": int(rng.integers(1, 5000)),
            "num_layers": layers,
            "num_heads": tuple(int(h) for h in rng.integers(1, 30, rng.integers(0, 12))),
            "batch_tokens": int(rng.integers(1, 100_000)),
            "batch_ramp": int(rng.integers(1, 9)),
            "sequence_ramp": int(rng.integers(1, 9)),
            "beta2": 0.5,
        },
    )
    repair = space.repair(strange)
    space.check(repair.genome)
    assert repair.changes
    assert space.repair(repair.genome).changes == ()
    assert space.repair(strange) == repair


@quick
@given(space=spaces, seed=seeds, scale=st.floats(0.01, 1), resample=st.floats(0, 1))
def test_mutants_are_feasible_neighbours(space, seed, scale, resample):
    rng = np.random.default_rng(seed)
    parent = space.sample(rng)
    child = space.mutate(parent, rng, scale=scale, resample=resample)
    space.check(child)
    assert child != parent
    assert space.distance(parent, child) > 0


def follows(space, before, after, free):
    """Genes that may differ though they are not free: vectors cut or extended, activity changed."""
    allowed = set(free)
    for gene in space.genes:
        x, y = space.gene_value(before, gene.name), space.gene_value(after, gene.name)
        if isinstance(gene.domain, PerLayer) and gene.domain.length in free:
            if set(y) <= set(x):
                allowed.add(gene.name)
        elif not (space.is_active(before, gene.name) and space.is_active(after, gene.name)):
            allowed.add(gene.name)
    return allowed


names = sorted(GPT.names)


@quick
@given(space=spaces, seed=seeds, free=st.frozensets(st.sampled_from(names), min_size=1))
def test_variation_respects_free(space, seed, free):
    rng = np.random.default_rng(seed)
    a, b = space.sample(rng), space.sample(rng)
    for child in (space.mutate(a, rng, free=free), space.crossover(a, b, rng, free=free)):
        space.check(child)
        changed = {
            name for name in names if space.gene_value(a, name) != space.gene_value(child, name)
        }
        assert changed <= follows(space, a, child, free)


@quick
@given(space=spaces, seed=seeds)
def test_crossover_takes_every_gene_from_a_parent(space, seed):
    rng = np.random.default_rng(seed)
    a, b = space.sample(rng), space.sample(rng)
    child = space.crossover(a, b, rng)
    space.check(child)
    assert space.crossover(a, a, rng) == a
    if over_budget(child, Limits()) is None and space.limits == Limits():
        for name in ("optimizer", "learning_rate", "activation", "d_model", "num_layers"):
            parents = (space.gene_value(a, name), space.gene_value(b, name))
            assert space.gene_value(child, name) in parents


@quick
@given(space=spaces, seed=seeds)
def test_distance_is_a_metric(space, seed):
    rng = np.random.default_rng(seed)
    a, b = space.sample(rng), space.sample(rng)
    c = space.mutate(a, rng)
    assert space.distance(a, a) == 0
    for x, y in ((a, b), (a, c), (b, c)):
        assert 0 <= space.distance(x, y) <= 1
        assert space.distance(x, y) == space.distance(y, x)
        assert (space.distance(x, y) == 0) == (x == y)
    assert space.distance(a, b) <= space.distance(a, c) + space.distance(c, b) + 1e-12


def test_inactive_genes_do_not_tell_equal_models_apart():
    default = GPT.default()
    one, two = (
        GPT.repair(
            GPT.with_genes(
                default,
                {"schedule": "cosine", "optimizer": "sgd", "decay_fraction": d, "beta2": b},
            )
        ).genome
        for d, b in ((0.1, 0.9), (0.4, 0.99))
    )
    assert one.digest == two.digest
    assert not GPT.is_active(one, "beta2")


def test_layers_come_and_go_in_all_vectors_together():
    rng = np.random.default_rng(1)
    start = GPT.repair(
        GPT.with_genes(
            GPT.default(),
            {"num_heads": (1, 2, 4, 8), "num_kv_heads": (1, 2, 4, 8), "d_ff": (32, 64, 128, 256)},
        )
    ).genome
    pairs = set(zip(start.architecture.num_heads, start.architecture.d_ff, strict=True))
    for _ in range(30):
        child = GPT.mutate(start, rng, free=frozenset({"num_layers"})).architecture
        assert child.num_layers != 4
        assert set(zip(child.num_heads, child.d_ff, strict=True)) <= pairs
        assert list(child.d_ff) == sorted(child.d_ff)  # the order of depth is kept


def test_digests_are_the_same_in_another_process():
    code = (
        "import numpy as np; from search_spaces.gpt.space import GPT;"
        "print(GPT.digest, GPT.sample(np.random.default_rng(7)).digest)"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {f"{GPT.digest} {draw(GPT, 7).digest}\n"}


def test_spaces_and_genomes_travel_between_processes():
    space = SPACES["limited"]
    again = pickle.loads(pickle.dumps(space))
    assert again == space
    assert again.digest == space.digest
    error = InfeasibleGenome("law", "facts", "remedy")
    assert str(pickle.loads(pickle.dumps(error))) == "law, but facts. remedy"


@pytest.mark.parametrize("budget", [60_000, 200_000, 700_000, 2_000_000])
def test_budget_repair_uses_the_budget(budget):
    space = GPT.limited(Limits(max_parameters=budget))
    large = GPT.with_genes(
        GPT.default(),
        {
            "d_model": 512,
            "num_layers": 8,
            "num_heads": (8,) * 8,
            "num_kv_heads": (8,) * 8,
            "d_ff": (2048,) * 8,
        },
    )
    repaired = space.repair(large).genome.architecture
    assert 0.93 * budget <= count_parameters(repaired) <= budget
    # it keeps its proportions: neither all depth nor all width is lost
    assert repaired.num_layers >= (1 if budget < 100_000 else 2)
    assert repaired.d_model >= 48
    for name in ("activation", "norm", "position", "tied_embeddings", "head_dim"):
        assert getattr(repaired, name) == getattr(large.architecture, name)


def test_memory_is_first_sought_in_the_batch():
    big = GPT.with_genes(GPT.default(), {"batch_tokens": 8192})
    space = GPT.limited(Limits(max_memory_bytes=80_000_000))
    repaired = space.repair(big).genome
    assert repaired.architecture == big.architecture
    assert 512 < repaired.protocol.batch_tokens < 8192


@pytest.mark.parametrize(
    ("space", "law", "found"),
    [
        (GPT.limited(Limits(max_parameters=1000)), "limits", "max_parameters = 1,000"),
        (GPT.limited(Limits(max_flops_per_token=10)), "limits", "max_flops_per_token"),
        (GPT.limited(Limits(max_memory_bytes=1000)), "limits", "max_memory_bytes"),
        (GPT.with_constants(context_length=100_000), "batch_tokens >=", "context_length 100000"),
        (GPT.narrowed(num_heads=Choice((5,)), num_kv_heads=Choice((2, 3))), "divides", "5"),
        (
            GPT.narrowed(head_dim=Choice((15,)), position=Choice(("rotary",))),
            "head_dim is even",
            "15",
        ),
        (GPT.narrowed(batch_ramp=Choice((3,))), "powers of 2", "batch_ramp"),
        (
            GPT.narrowed(sequence_ramp=Choice((4,))).with_constants(context_length=130),
            "divides context_length",
            "130",
        ),
    ],
)
def test_impossible_spaces_are_refused_with_law_facts_and_remedy(space, law, found):
    with pytest.raises(InfeasibleGenome) as caught:
        space.sample(np.random.default_rng(0))
    assert law in caught.value.law
    assert found in caught.value.found
    assert caught.value.remedy
    with pytest.raises(InfeasibleGenome):
        space.default()


def test_a_genome_outside_its_domains_is_refused_by_name():
    wrong = GPT.with_genes(GPT.default(), {"dropout": 0.9})
    with pytest.raises(InfeasibleGenome, match="dropout"):
        GPT.check(wrong)
    assert GPT.repair(wrong).changes == ("dropout: 0.9 -> 0.3",)


def test_a_rule_of_the_user_redraws():
    space = GPT.with_constraint(Rule("models are shallow", lambda g: g.architecture.num_layers < 3))
    rng = np.random.default_rng(0)
    genomes = [space.sample(rng) for _ in range(20)]
    assert {g.architecture.num_layers for g in genomes} <= {1, 2}
    assert all(space.mutate(g, rng).architecture.num_layers < 3 for g in genomes)
    with pytest.raises(InfeasibleGenome, match="models are shallow"):
        space.repair(GPT.default())


def test_what_is_not_free_changes_only_where_nothing_else_helps():
    heads = GPT.with_genes(GPT.default(), {"num_heads": (5, 4, 4, 4)})
    kept = GPT.repair(heads, free=frozenset({"num_heads"}))
    assert kept.genome.architecture.num_kv_heads == (4, 4, 4, 4)
    assert kept.genome.architecture.num_heads == (4, 4, 4, 4)
    forced = GPT.repair(heads, free=frozenset({"dropout"}))
    assert any("(not free)" in change for change in forced.changes)


def test_constants_are_set_by_the_space():
    space = GPT.with_constants(vocab_size=999)
    assert space.constants == {"vocab_size": 999, "context_length": 128}
    assert space.repair(GPT.default()).genome.architecture.vocab_size == 999
    with pytest.raises(SpaceError, match="vocab_siz'"):
        GPT.with_constants(vocab_siz=3)
    with pytest.raises(SpaceError, match="whole number"):
        GPT.with_constants(vocab_size=0)


def test_fixed_spaces_have_one_genome():
    default = GPT.default()
    fixed = GPT.narrowed(
        **{
            g.name: Choice((GPT.gene_value(default, g.name),))
            if not isinstance(g.domain, PerLayer)
            else Choice((GPT.gene_value(default, g.name)[0],))
            for g in GPT.genes
        }
    )
    rng = np.random.default_rng(0)
    assert fixed.dimensions == 0
    assert fixed.sample(rng) == default
    assert fixed.mutate(default, rng) == default
    assert fixed.distance(default, default) == 0


def test_wrong_points_and_names_are_refused():
    with pytest.raises(SpaceError, match="48 finite coordinates"):
        GPT.from_unit([0.5])
    with pytest.raises(SpaceError, match="finite"):
        GPT.from_unit([np.nan] * GPT.dimensions)
    with pytest.raises(SpaceError, match="learning_rat'"):
        GPT.with_genes(GPT.default(), {"learning_rat": 1.0})
    with pytest.raises(SpaceError, match="greater than 0"):
        Limits(max_parameters=0)


def test_the_description_decides_the_digest():
    described = GPT.to_json()
    assert described["laws"]
    # a gene that came later is not told of while it is held at what there was before
    names = [g.name for g in GPT.genes if g.name not in {"payoff_sharing", "price_multiplier"}]
    assert [g["name"] for g in described["genes"]] == names
    others = (
        GPT.narrowed(d_model=Integer(32, 64)),
        GPT.limited(Limits(max_parameters=10**6)),
        GPT.with_constants(vocab_size=300),
        GPT.centred(dropout=0.1),
    )
    assert len({GPT.digest, *(s.digest for s in others)}) == 5
