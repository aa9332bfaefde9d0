"""What is new learns, and a morphed child is ahead of a model from scratch."""

from dataclasses import replace

import pytest
import torch

from trainers.model import Transformer
from trainers.morphism import morph

# The move, and (parameter, new entries) of what writes (learns at once) and of what reads (learns next).
NEW = {
    "heads": (
        {"num_heads": (3, 4), "num_kv_heads": (3, 2)},
        [("layers.0.attention.out.weight", (slice(None), slice(32, 48)))],
        [
            ("layers.0.attention.value.weight", (slice(32, 48),)),
            ("layers.0.attention.query.weight", (slice(32, 48),)),
            ("layers.0.attention.key.weight", (slice(32, 48),)),
        ],
    ),
    "d_ff": (
        {"d_ff": (48, 48)},
        [("layers.0.ffn.down.weight", (slice(None), slice(32, 48)))],
        [("layers.0.ffn.up.weight", (slice(32, 48),))],
    ),
    "layer": (
        {"num_layers": 3, "num_heads": (2, 4, 2), "num_kv_heads": (2, 2, 2), "d_ff": (32, 48, 32)},
        [("layers.2.attention.out.weight", ()), ("layers.2.ffn.down.weight", ())],
        [
            ("layers.2.attention.query.weight", ()),
            ("layers.2.attention.value.weight", ()),
            ("layers.2.ffn.up.weight", ()),
        ],
    ),
    "d_model": (
        {"d_model": 48},
        [
            ("layers.0.ffn.down.weight", (slice(32, 48),)),
            ("layers.0.attention.out.weight", (slice(32, 48),)),
        ],
        [
            ("layers.0.ffn.up.weight", (slice(None), slice(32, 48))),
            ("layers.1.attention.value.weight", (slice(None), slice(32, 48))),
            ("unembedding.weight", (slice(None), slice(32, 48))),
            ("final_norm.weight", (slice(32, 48),)),
        ],
    ),
    "head_dim": (
        {"head_dim": 32},
        [
            ("layers.0.attention.out.weight", (slice(None), slice(16, 32))),
            ("layers.1.attention.query.weight", (slice(1, 16, 2),)),  # rotary: odd pairs are new
        ],
        [
            ("layers.0.attention.value.weight", (slice(16, 32),)),
            ("layers.1.attention.key.weight", (slice(1, 16, 2),)),
        ],
    ),
}


@pytest.mark.parametrize("norm", ["rms", "layer"])
@pytest.mark.parametrize("move", NEW)
def test_no_new_component_is_dead(bench, move, norm):
    change, at_once, next_step = NEW[move]
    a = replace(bench.base, norm=norm)
    child, _ = morph(bench.donor(a), replace(a, **change), seed=1)
    model = bench.load(child)
    generator = torch.Generator().manual_seed(4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step, learners in enumerate((at_once, at_once + next_step)):
        bench.train(model, optimizer, 1, generator)
        for name, index in learners:
            gradient = model.get_parameter(name).grad[index]
            assert (gradient != 0).float().mean() > 0.9, (step, name)


@pytest.mark.parametrize("norm", ["rms", "layer"])
def test_new_coordinates_of_the_stream_do_not_stay_alike(bench, norm):
    a = replace(bench.base, norm=norm)
    child, _ = morph(bench.donor(a), replace(a, d_model=48), seed=1)
    model = bench.load(child)
    bench.train(
        model, torch.optim.SGD(model.parameters(), lr=0.1), 2, torch.Generator().manual_seed(4)
    )
    new = model.layers[0].ffn.down.weight[32:]
    assert (torch.cdist(new, new) + torch.eye(16) > 1e-6).all()


@pytest.mark.parametrize(
    "change",
    [
        {
            "num_layers": 3,
            "num_heads": (4, 4, 2),
            "num_kv_heads": (4, 2, 1),
            "d_ff": (64, 64, 64),
            "d_model": 48,
        },
        {"activation": "swiglu", "norm": "layer"},
        {"qk_norm": True, "position": "alibi", "head_dim": 8},
        {"d_model": 16, "tied_embeddings": True},
    ],
    ids=["grown", "activation and norm", "attention", "narrow and tied"],
)
def test_a_child_is_ahead_of_a_model_from_scratch(bench, change):
    donor = bench.donor(bench.base, steps=80, scrambled=False)
    target = replace(bench.base, **change)
    child, _ = morph(donor, target, seed=1)
    model = bench.load(child)
    ours = bench.train(model, bench.optimizer(model, child), 30, torch.Generator().manual_seed(8))
    scratch = Transformer(target)
    scratch.initialise(torch.Generator().manual_seed(9))
    theirs = bench.train(scratch, bench.optimizer(scratch), 30, torch.Generator().manual_seed(8))
    assert sum(ours[-5:]) < sum(theirs[-5:]) - 0.5
    assert max(ours) < theirs[0] + 1
