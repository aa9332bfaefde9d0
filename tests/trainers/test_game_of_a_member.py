"""A member plays at the end of an interval: its state names what goes, and nothing else changes."""

from dataclasses import replace

import pytest
import torch

from trainers.checkpoint import read_checkpoint, write_checkpoint
from trainers.member import Member
from trainers.morphism import morph
from trainers.serialisation import state_from_json, state_to_json

INTERVAL = 16 * 40
DEAR = 1e9
"""A price that no component earns."""


@pytest.fixture
def playing(make_member, settings):
    def make(**changes):
        member = make_member(run=settings(game_evaluations=30, game_sequences=4), **changes)
        member.train(INTERVAL)
        return member

    return make


def test_playing_changes_no_bit_of_what_trains_on(playing):
    one, other = playing(), playing()
    reply = other.play(price=DEAR)
    assert reply.removed
    for name, tensor in one.state().tensors.items():
        assert torch.equal(tensor, other.state().tensors[name])
    assert replace(other.state(), tensors={}, least_worth=()) == replace(one.state(), tensors={})
    torch.manual_seed(3)
    one.train(INTERVAL)
    other.train(INTERVAL)
    assert other.state().least_worth == ()  # it was said of other weights
    for name, tensor in one.state().tensors.items():
        assert torch.equal(tensor, other.state().tensors[name])


def test_what_the_game_names_travels_with_the_state(playing, corpus, settings, tmp_path):
    member = playing()
    reply = member.play(price=DEAR)
    names = tuple((c.kind, c.layer, c.index) for c in reply.removed)
    write_checkpoint(tmp_path, member.state())
    state, _ = read_checkpoint(tmp_path)
    assert state.least_worth == names
    adopted = Member.from_state(state, corpus=corpus, settings=settings())
    assert adopted.state().least_worth == names
    document = state_to_json(state)
    del document["least_worth"]  # a state from before there was a game
    assert state_from_json(document, {}).least_worth == ()


def test_the_components_that_the_game_names_are_those_that_a_morph_prunes(playing):
    member = playing(num_heads=(4, 4), num_kv_heads=(4, 2), qk_norm=False)
    state = member.state(copy=True)
    # names the most useful ones: without the game the morph would keep them
    useful = sorted(range(4), key=lambda h: -state.head_utility[0][h])
    groups = {0: max((0, 1), key=lambda h: state.head_utility[1][h]),
              1: max((2, 3), key=lambda h: state.head_utility[1][h])}  # fmt: skip
    named = (("head", 0, useful[0]), ("head", 1, groups[0]), ("head", 1, groups[1]),
             ("head", 0, useful[1]))  # fmt: skip
    state = replace(state, least_worth=named)
    fewer = replace(state.architecture, num_heads=(3, 2), num_kv_heads=(3, 2))
    child, record = morph(state, fewer, seed=1)
    assert f"least useful {useful[0]} removed" in record.moves[0]
    kept = [h for h in range(4) if h not in groups.values()]
    rows = state.tensors["model.layers.1.attention.query.weight"].view(4, 8, 32)[kept]
    assert torch.equal(child.tensors["model.layers.1.attention.query.weight"].view(2, 8, 32), rows)
    assert child.least_worth == ()
    assert child.utility_weight == 0.0
    same, _ = morph(state, state.architecture, seed=1)
    assert (same.least_worth, same.head_utility) == (named, state.head_utility)


def test_a_layer_none_of_whose_components_pay_is_the_layer_that_goes(playing):
    member = playing(num_heads=(2, 2), num_kv_heads=(2, 2), d_ff=(32, 32))
    state = member.state(copy=True)
    for layer in (0, 1):
        named = (("head", layer, 0), ("ffn", layer, 0), ("head", layer, 1))
        shallow = replace(
            state.architecture, num_layers=1, num_heads=(2,), num_kv_heads=(2,), d_ff=(32,)
        )
        _, record = morph(replace(state, least_worth=named), shallow, seed=1)
        assert record.moves[0].startswith(f"layer {layer} removed, least useful")


def test_before_utilities_are_measured_the_costliest_components_are_left_out(make_member, settings):
    member = make_member(run=settings(game_evaluations=4, utility_every=0))
    member.train(INTERVAL)
    reply = member.play(price=0.1)
    assert [(c.kind, c.layer) for c in reply.measured] == [("ffn", 0), ("ffn", 1)]


def test_a_loss_that_is_not_finite_is_no_game(playing):
    member = playing()
    with torch.no_grad():
        member.model.final_norm.weight[0] = float("nan")
    with pytest.raises(ValueError, match="must be finite"):
        member.play(price=1.0)


def test_each_source_is_evaluated_by_itself(corpus, make_member, settings):
    member = make_member(run=settings(domain_batches=2))
    (only,) = member.evaluate_domains()
    assert only.tokens == 2 * 4 * 16
    assert only.flops > 0
