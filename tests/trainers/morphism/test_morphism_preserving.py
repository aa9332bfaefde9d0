"""Moves that preserve the function do so: max |difference of logits| < 1e-5 in float32."""

from dataclasses import replace

import pytest
import torch

from trainers.morphism import morph

TOLERANCE = 1e-5

MOVES = {
    "layer in the middle": {
        "num_layers": 3,
        "num_heads": (2, 3, 4),
        "num_kv_heads": (2, 1, 2),
        "d_ff": (32, 64, 48),
    },
    "two layers": {
        "num_layers": 4,
        "num_heads": (2, 4, 4, 2),
        "num_kv_heads": (2, 2, 4, 2),
        "d_ff": (32, 48, 48, 32),
    },
    "query heads": {"num_heads": (4, 6)},
    "heads of both kinds": {"num_heads": (3, 8), "num_kv_heads": (3, 4)},
    "key-value heads split": {"num_kv_heads": (2, 4)},
    "d_ff": {"d_ff": (64, 49)},
    "d_model": {"d_model": 80},
    "d_model a lot": {"d_model": 512},
    "longer context": {"context_length": 20},
    "shorter context": {"context_length": 7},
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("position", ["rotary", "learned", "alibi"])
@pytest.mark.parametrize("norm", ["rms", "layer"])
def test_growth_keeps_the_logits(bench, norm, position, move):
    for activation, qk_norm, tied in (
        ("gelu", False, True),
        ("swiglu", True, False),
        ("relu2", True, True),
    ):
        a = replace(
            bench.base,
            norm=norm,
            position=position,
            activation=activation,
            qk_norm=qk_norm,
            tied_embeddings=tied,
        )
        donor = bench.donor(a)
        child, record = morph(donor, replace(a, **MOVES[move]), seed=1)
        assert record.preserving
        assert bench.difference(donor, child) < TOLERANCE


@pytest.mark.parametrize("position", ["rotary", "learned", "alibi"])
def test_wider_heads_keep_the_logits_without_qk_norm(bench, position):
    a = replace(bench.base, position=position, head_dim=8)
    donor = bench.donor(a)
    child, record = morph(donor, replace(a, head_dim=32), seed=1)
    assert record.preserving
    assert bench.difference(donor, child) < TOLERANCE


@pytest.mark.parametrize("norm", ["rms", "layer"])
def test_untying_copies_the_embedding(bench, norm):
    a = replace(bench.base, tied_embeddings=True, norm=norm)
    donor = bench.donor(a)
    child, record = morph(
        donor, bench.base if norm == "rms" else replace(bench.base, norm=norm), seed=1
    )
    assert record.preserving
    assert torch.equal(bench.logits(donor), bench.logits(child))


@pytest.mark.parametrize("tied", [False, True])
def test_layer_norm_becomes_rms_norm_exactly_if_it_can(bench, tied):
    a = replace(bench.base, norm="layer", tied_embeddings=tied)
    donor = bench.donor(a)
    unbiased = {
        n: torch.zeros_like(t) if n.endswith(".bias") else t for n, t in donor.tensors.items()
    }
    unbiased_donor = replace(donor, tensors=unbiased)
    child, record = morph(unbiased_donor, replace(a, norm="rms"), seed=1)
    assert record.preserving is not tied
    assert (bench.difference(unbiased_donor, child) < TOLERANCE) is not tied
    assert not morph(donor, replace(a, norm="rms"), seed=1)[1].preserving


def test_a_child_that_is_grown_in_every_way_keeps_the_logits(bench):
    donor = bench.donor(replace(bench.base, tied_embeddings=True))
    child, record = morph(
        donor,
        replace(
            bench.base,
            num_layers=3,
            num_heads=(4, 2, 8),
            num_kv_heads=(4, 1, 4),
            d_ff=(64, 32, 64),
            d_model=64,
            head_dim=32,
            context_length=16,
        ),
        seed=1,
    )
    assert record.preserving
    assert bench.difference(donor, child) < TOLERANCE


@pytest.mark.parametrize(
    "change",
    [
        {"activation": "relu2"},
        {"activation": "swiglu"},
        {"norm": "layer"},
        {"position": "alibi"},
        {"position": "learned"},
        {"qk_norm": True},
        {"tied_embeddings": True},
        {"head_dim": 8},
        {"d_model": 16},
        {"d_ff": (16, 48)},
        {"num_heads": (2, 2)},
        {"num_kv_heads": (2, 1)},
        {"num_layers": 1, "num_heads": (2,), "num_kv_heads": (2,), "d_ff": (32,)},
    ],
    ids=str,
)
def test_other_moves_do_not_claim_to_preserve(bench, change):
    donor = bench.donor(bench.base)
    child, record = morph(donor, replace(bench.base, **change), seed=1)
    assert not record.preserving
    assert any(move.endswith("(not preserving)") for move in record.moves)
    assert bench.difference(donor, child) > TOLERANCE
