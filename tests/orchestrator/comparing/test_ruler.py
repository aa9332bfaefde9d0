"""Within one space distances are the space's own; over several they use one scale."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.comparing.genome_table import genome_table
from orchestrator.comparing.logged_space import logged_genes
from orchestrator.comparing.ruler import measured, ruler
from orchestrator.errors import UserError
from orchestrator.events import Ordered
from search_spaces.domains import Choice, Integer, PerLayer, Real, Simplex
from search_spaces.genome import genome_to_json
from search_spaces.gpt.space import GPT

SPACES = {
    "gpt": GPT,
    "mixes": GPT.narrowed(data_mix=Simplex(3), num_layers=Integer(1, 5)),
    "fixed": GPT.narrowed(
        num_layers=Choice((2,)), head_dim=Choice((32,)), data_mix=Choice(((1.0,),))
    ),
    "grid": GPT.narrowed(d_model=Choice((64, 128)), d_ff=PerLayer(Integer(64, 512, step=64))),
}


def genes_of(space):
    return logged_genes(json.loads(json.dumps(space.to_json())), where="log")


def table_of(space, genomes):
    orders = [
        Ordered(
            member=m,
            generation=0,
            decision="start",
            genome=json.loads(json.dumps(genome_to_json(genome))),
            digest=genome.digest,
            tokens=1,
        )
        for m, genome in enumerate(genomes)
    ]
    table = genome_table(genes_of(space), orders)
    return table, [table.row(order) for order in orders]


def mean_distance(spaces, space, genomes):
    table, rows = table_of(space, genomes)
    return measured(ruler([genes_of(s) for s in spaces]), table).mean_distance(rows)


@pytest.mark.parametrize("name", SPACES)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 9))
def test_within_one_space_it_is_the_mean_of_the_spaces_own_distance(name, seed, count):
    space = SPACES[name]
    rng = np.random.default_rng(seed)
    genomes = [space.sample(rng) for _ in range(count)]
    genomes[-1] = genomes[0]  # twice in the population: a pair at distance 0
    expected = np.mean([space.distance(a, b) for a, b in itertools.combinations(genomes, 2)])
    assert mean_distance([space], space, genomes) == pytest.approx(expected, abs=1e-12)


def test_a_step_of_a_gene_counts_the_same_in_both_spaces():
    narrow = GPT.narrowed(learning_rate=Real(1e-3, 1e-2, log=True))
    wide = GPT.narrowed(learning_rate=Real(1e-4, 1e-1, log=True))
    ends = [narrow.with_genes(narrow.default(), {"learning_rate": v}) for v in (1e-3, 1e-2)]
    in_narrow, in_wide = (mean_distance([narrow, wide], s, ends) for s in (narrow, wide))
    assert in_narrow == pytest.approx(in_wide)
    assert in_narrow < mean_distance([narrow], narrow, ends)


def test_the_order_of_the_spaces_changes_nothing():
    a, b = SPACES["mixes"], SPACES["grid"]
    rng = np.random.default_rng(3)
    genomes = [a.sample(rng) for _ in range(6)]
    assert mean_distance([a, b], a, genomes) == pytest.approx(mean_distance([b, a], a, genomes))


def test_a_gene_that_one_space_fixes_adds_nothing_there_and_counts():
    fixed = GPT.narrowed(learning_rate=Choice((0.003,)))
    pair = [fixed.with_genes(fixed.default(), {"dropout": v}) for v in (0.0, 0.3)]
    alone, beside = mean_distance([fixed], fixed, pair), mean_distance([fixed, GPT], fixed, pair)
    genes = len(ruler([genes_of(fixed)]).genes)
    assert beside == pytest.approx(alone * genes / (genes + 1))


@pytest.mark.parametrize("name", SPACES)
def test_every_space_has_its_place_on_a_ruler_with_every_other(name):
    rng = np.random.default_rng(1)
    genomes = [SPACES[name].sample(rng) for _ in range(8)]
    for other in SPACES.values():
        assert 0 < mean_distance([other, SPACES[name]], SPACES[name], genomes) < 1


def test_one_member_has_no_distance_and_equal_ones_have_none():
    genome = GPT.default()
    assert mean_distance([GPT], GPT, [genome]) is None
    assert mean_distance([GPT], GPT, [genome, genome]) == 0


@pytest.mark.parametrize(
    "space", [{"name": "gpt"}, {"genes": [{"name": "x", "half": "protocol", "domain": {"set": 1}}]}]
)
def test_a_space_of_another_version_is_refused_with_its_place(space):
    with pytest.raises(UserError, match="log, its space: the log describes every gene") as caught:
        logged_genes(space, where="log")
    assert "another version" in caught.value.remedy
