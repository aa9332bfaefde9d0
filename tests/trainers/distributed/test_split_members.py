"""A member that two processes train is the member that one process trains."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trainers.distributed.here import group_here

TOKENS = 16 * 128
SAME = 1e-5
"""Nats per token: losses of the same member by another order of sums."""
ROUNDED = 2e-3
"""The same for Muon, which orthogonalises in bfloat16: one process whose sums are in another order
(micro-batches) departs from itself by as much."""
NEAR = 5e-3
"""The same for matrix products in bfloat16; 1e-3 is usual."""

CASES = {
    "adamw, grouped queries, dropout": ({}, {"dropout": 0.1}, {}),
    "lion, tied, layer norm, micro-batches": (
        {
            "tied_embeddings": True,
            "norm": "layer",
            "position": "learned",
            "activation": "gelu",
            "qk_norm": False,
        },
        {"optimizer": "lion", "dropout": 0.0, "learning_rate": 1e-3},
        {"micro_batch_tokens": 32},
    ),
    "sgd, alibi, recomputed, shared payoff": (
        {"position": "alibi", "activation": "relu2"},
        {"optimizer": "sgd", "payoff_sharing": 1.0, "dropout": 0.2},
        {"activation_checkpointing": True},
    ),
    "fewer sequences than processes": (
        {},
        {"batch_tokens": 16, "batch_ramp": 1, "sequence_ramp": 1, "payoff_sharing": -0.5},
        {},
    ),
    "muon": ({}, {"optimizer": "muon"}, {}),
}


@pytest.fixture(scope="module")
def pair(corpus):
    """Two processes that serve all tests of this file: starting them takes seconds."""
    with group_here(corpus, size=2) as group:
        yield group


def trained(member, tokens=TOKENS):
    """Train, and return the loss of every step."""
    losses = []
    interval = member.train(tokens, progress=lambda progress: losses.append(progress.loss))
    assert interval.failure is None
    assert len(losses) >= 20
    return losses


def assert_same_state(state, expected, *, atol):
    assert state.position == expected.position
    assert state.tensors.keys() == expected.tensors.keys()
    for name, tensor in expected.tensors.items():
        torch.testing.assert_close(state.tensors[name], tensor, atol=atol, rtol=0, msg=name)
    assert state.utility_weight == expected.utility_weight
    for ours, theirs in zip(state.head_utility, expected.head_utility, strict=True):
        assert ours == pytest.approx(theirs, abs=atol)
    for ours, theirs in zip(state.head_utility_error, expected.head_utility_error, strict=True):
        assert ours == pytest.approx(theirs, abs=atol)


@pytest.mark.parametrize("case", CASES)
def test_two_processes_train_what_one_trains(pair, make_member, settings, case):
    genes, protocol, changes = CASES[case]
    close = ROUNDED if protocol.get("optimizer") == "muon" else SAME
    run = settings(
        evaluation_sequences=3, game_sequences=3, game_evaluations=8, domain_batches=1, **changes
    )
    alone = make_member(run=run, **genes, **protocol)
    split = pair.revive(alone.state(copy=True), settings=run)
    assert_same_state(split.state(), alone.state(), atol=0.0)
    tokens = 24 * protocol.get("batch_tokens", TOKENS / 24)
    assert trained(split, int(tokens)) == pytest.approx(trained(alone, int(tokens)), abs=close)
    # A step's sum may round otherwise by 1e-7; so may what the optimizers divide by their norms.
    assert_same_state(split.state(), alone.state(), atol=max(close, 1e-4))
    ours, theirs = split.evaluate("selection"), alone.evaluate("selection")
    assert ours.losses == pytest.approx(theirs.losses, abs=close)
    assert (ours.tokens, ours.flops) == (theirs.tokens, theirs.flops)
    assert ours.bits_per_byte == pytest.approx(theirs.bits_per_byte, abs=2 * close)
    reply, expected = split.play(price=1.0), alone.play(price=1.0)
    assert set(reply.measured) == set(expected.measured)
    assert reply.base_loss == pytest.approx(expected.base_loss, abs=close)
    assert np.sort(reply.delta) == pytest.approx(np.sort(expected.delta), abs=close)
    assert reply.flops == expected.flops
    if close == SAME:
        assert reply.removed == expected.removed
        assert reply.rise_error == pytest.approx(expected.rise_error, abs=close)
    assert split.state().least_worth == tuple((c.kind, c.layer, c.index) for c in reply.removed)
    (domain,) = split.evaluate_domains()
    assert domain.losses == pytest.approx(alone.evaluate_domains()[0].losses, abs=close)


@pytest.mark.filterwarnings(
    "ignore:Mismatch dtype between input and weight"
)  # of the norm of queries
def test_two_processes_in_bfloat16_train_what_one_trains(pair, make_member, settings):
    """Sums in another order are rounded elsewhere to 8 bits, so losses are near each other only."""
    alone = make_member(run=in_bfloat16(settings(micro_batch_tokens=64)))
    exact = make_member(run=settings(micro_batch_tokens=64))
    run = in_bfloat16(settings(micro_batch_tokens=32, activation_checkpointing=True))
    split = pair.revive(alone.state(copy=True), settings=run)
    ours, theirs, of_float32 = trained(split), trained(alone), trained(exact)
    assert ours == pytest.approx(theirs, abs=NEAR)
    assert ours == pytest.approx(of_float32, abs=NEAR)
    assert ours != pytest.approx(of_float32, abs=SAME)  # it is bfloat16
    assert {tensor.dtype for tensor in split.state().tensors.values()} == {torch.float32}
    losses = split.evaluate("selection").losses
    assert losses == pytest.approx(alone.evaluate("selection").losses, abs=NEAR)


def in_bfloat16(settings):
    """Have a CPU do what users are given on CUDA alone, where it is fast."""
    object.__setattr__(settings, "dtype", "bfloat16")
    return settings


def test_what_is_not_finite_ends_the_interval_on_all_ranks(pair, make_member, settings):
    alone = make_member(dropout=0.0)
    state = alone.state(copy=True)
    state.tensors["model.layers.1.ffn.down.weight"][0, 0] = float("nan")
    split = pair.revive(state, settings=settings(game_evaluations=4))
    interval = split.train(TOKENS)
    assert interval.tokens == 0
    assert "the training loss became nan in the step of tokens 0 to" in interval.failure
    assert_equal_bits(split.state(), state)
    with pytest.raises(ValueError, match="Losses of coalitions must be finite"):
        split.play(price=1.0)
    again = pair.revive(alone.state(copy=True), settings=settings())  # the group is not harmed
    assert trained(again) == pytest.approx(trained(alone), abs=SAME)


def assert_equal_bits(state, expected):
    for name, tensor in expected.tensors.items():
        assert torch.equal(torch.nan_to_num(state.tensors[name]), torch.nan_to_num(tensor)), name


def test_what_one_rank_refuses_all_refuse(pair, make_member, settings):
    state = make_member().state(copy=True)
    state.tensors["model.final_norm.weight"] = torch.ones(3)
    with pytest.raises(ValueError, match=r"must have the shape \(32,\)"):
        pair.revive(state, settings=settings())
    odd = replace(make_member().state(), protocol=replace(state.protocol, batch_tokens=64))
    member = pair.revive(odd, settings=settings())
    with pytest.raises(ValueError, match="multiple of the context length"):
        member.train(17)
    assert member.train(TOKENS).failure is None
