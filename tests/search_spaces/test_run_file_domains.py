"""Domains as run files write them."""

import pytest

from search_spaces.domains import Choice, Integer, PerLayer, Real, Simplex
from search_spaces.errors import SpaceError
from search_spaces.gpt.space import GPT
from search_spaces.runfile import domain_from_json, space_from_json


@pytest.mark.parametrize(
    ("gene", "written", "domain"),
    [
        ("learning_rate", {"real": [1e-3, 1e-2], "log": True}, Real(1e-3, 1e-2, log=True)),
        ("learning_rate", {"real": ["1e-3", 1]}, Real(1e-3, 1.0)),
        ("learning_rate", 0.002, Choice((0.002,))),
        ("learning_rate", "2e-3", Choice((0.002,))),
        ("weight_decay", {"choice": [0, 0.1]}, Choice((0.0, 0.1))),
        ("d_model", {"integer": [64, 256], "step": 16}, Integer(64, 256, step=16)),
        ("num_layers", 12, Choice((12,))),
        ("num_layers", {"integer": [9, 40], "log": True}, Integer(9, 40, log=True)),
        ("head_dim", {"integer": [8, 24], "step": 8}, Integer(8, 24, step=8)),
        ("head_dim", {"choice": [8, 24]}, Choice((8, 24))),
        ("activation", {"choice": ["gelu", "relu2"]}, Choice(("gelu", "relu2"))),
        ("qk_norm", True, Choice((True,))),
        ("num_heads", 4, PerLayer(Choice((4,)))),
        ("num_heads", {"integer": [2, 6], "step": 2}, PerLayer(Integer(2, 6, step=2))),
        ("data_mix", {"simplex": 3}, Simplex(3)),
        ("data_mix", [0.7, 0.3], Choice(((0.7, 0.3),))),
    ],
)
def test_forms_are_read(gene, written, domain):
    assert domain_from_json(GPT.gene(gene), written) == domain
    space = space_from_json(GPT, {gene: written})
    assert space.gene(gene).domain == domain
    space.default()


@pytest.mark.parametrize("name", sorted(GPT.names))
def test_what_a_domain_writes_is_read_again(name):
    gene = GPT.gene(name)
    assert domain_from_json(gene, gene.domain.to_json()) == gene.domain


@pytest.mark.parametrize(
    ("gene", "written", "law"),
    [
        ("learning_rate", {"integer": [1, 2]}, "takes {real"),
        ("learning_rate", {"real": [2, 1]}, "low <= high"),
        ("learning_rate", {"real": [0, 1], "log": True}, "low > 0"),
        ("learning_rate", {"real": [1, 2], "log": "yes"}, "log: true"),
        ("learning_rate", {"real": [1, 2], "base": 10}, "takes the options"),
        ("learning_rate", {"real": [1]}, "is written as one of"),
        ("learning_rate", "fast", "lies within"),
        ("learning_rate", None, "is written as one of"),
        ("dropout", 1.5, "lies within"),
        ("num_layers", 0, "lies within"),
        ("num_layers", 2.5, "whole number"),
        ("num_layers", {"integer": [1, 2.5]}, "whole numbers"),
        ("num_layers", True, "whole number"),
        ("activation", "silu", "a choice among gelu"),
        ("activation", {"choice": []}, "at least one"),
        ("activation", {"integer": [1, 2]}, "a choice among"),
        ("qk_norm", 1, "a choice among"),
        ("num_heads", [4, 4], "is written as one of"),
        ("num_heads", "many", "whole number"),
        ("data_mix", [0.7, -0.3], "not negative"),
        ("data_mix", 3, "simplex"),
    ],
)
def test_errors_name_the_gene_and_the_law(gene, written, law):
    with pytest.raises(SpaceError) as caught:
        domain_from_json(GPT.gene(gene), written)
    assert f"gene {gene!r}" in caught.value.law
    assert law in caught.value.law
    assert caught.value.found
    assert caught.value.remedy


def test_unknown_genes_are_named():
    with pytest.raises(SpaceError, match="learning_rte"):
        space_from_json(GPT, {"learning_rte": 1})
