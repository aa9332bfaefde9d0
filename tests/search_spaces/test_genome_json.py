"""Genomes as JSON: strict reading, one digest for equal genomes."""

import copy
import json

import numpy as np
import pytest

from search_spaces.domains import Real
from search_spaces.genome import genome_from_json, genome_to_json
from search_spaces.gpt.space import GPT

GOOD = genome_to_json(GPT.default())


def test_json_is_plain_and_equal_genomes_have_one_digest():
    assert json.loads(json.dumps(GOOD)) == GOOD
    zero = GPT.with_genes(GPT.default(), {"dropout": 0})
    assert zero == GPT.default()
    assert zero.digest == GPT.default().digest
    assert len(zero.digest) == 12


def broken(path, value):
    data = copy.deepcopy(GOOD)
    node = data
    for key in path[:-1]:
        node = node[key]
    if value is KeyError:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return data


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (broken(["protocol"], KeyError), "protocol"),
        (broken(["extra"], 1), "extra"),
        (broken(["protocol", "optimiser"], "sgd"), "optimiser"),
        (broken(["protocol", "beta1"], KeyError), "beta1"),
        (broken(["protocol", "beta1"], "0.9"), "protocol.beta1"),
        (broken(["protocol", "beta1"], float("nan")), "protocol.beta1"),
        (broken(["protocol", "beta1"], True), "protocol.beta1"),
        (broken(["protocol", "beta1"], 10**400), "protocol.beta1"),
        (broken(["protocol", "optimizer"], "adam"), "protocol.optimizer"),
        (broken(["architecture", "num_layers"], 4.0), "architecture.num_layers"),
        (broken(["architecture", "qk_norm"], 1), "architecture.qk_norm"),
        (broken(["architecture", "d_ff"], 512), "architecture.d_ff"),
        (broken(["architecture", "d_ff", 2], 1.5), r"architecture.d_ff\[2\]"),
        (broken(["architecture"], []), "architecture"),
        (None, "genome"),
    ],
)
def test_reading_is_strict_and_names_the_key(data, named):
    with pytest.raises(ValueError, match=named):
        genome_from_json(data)


def test_whole_numbers_are_read_as_reals():
    genome = genome_from_json(broken(["protocol", "clip_norm"], 1))
    assert isinstance(genome.protocol.clip_norm, float)
    assert genome == GPT.default()


def test_a_gene_that_came_later_is_written_only_where_it_counts():
    """Genomes and spaces from before there was payoff sharing keep their digests."""
    assert "payoff_sharing" not in GOOD["protocol"]
    shared = GPT.with_genes(GPT.default(), {"payoff_sharing": 0.5})
    written = genome_to_json(shared)
    assert written["protocol"]["payoff_sharing"] == 0.5
    assert genome_from_json(written) == shared
    assert shared.digest != GPT.default().digest
    assert "payoff_sharing" not in json.dumps(GPT.to_json())
    opened = GPT.narrowed(payoff_sharing=Real(-1.0, 1.0))
    assert "payoff_sharing" in json.dumps(opened.to_json())


@pytest.mark.parametrize(
    ("gene", "domain", "held"),
    [
        ("payoff_sharing", Real(-1.0, 1.0), 0.0),
        ("price_multiplier", Real(0.25, 4.0, log=True), 1.0),
    ],
)
def test_opening_a_later_gene_adds_one_coordinate_and_leaves_the_draws_of_the_others(
    gene, domain, held
):
    opened = GPT.narrowed(**{gene: domain})
    assert opened.dimensions == GPT.dimensions + 1
    assert gene not in json.dumps(GPT.to_json())
    for seed in range(5):
        closed, open_ = (s.sample(np.random.default_rng(seed)) for s in (GPT, opened))
        assert getattr(closed.protocol, gene) == held
        assert getattr(open_.protocol, gene) != held
        assert GPT.with_genes(open_, {gene: held}) == closed
