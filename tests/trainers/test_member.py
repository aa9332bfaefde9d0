"""Members continue bit by bit, end an interval at what is not finite, and adopt what fits."""

import math
from dataclasses import replace

import pytest
import torch

from trainers.checkpoint import read_checkpoint, write_checkpoint
from trainers.member import Member
from trainers.serialisation import state_from_bytes, state_to_bytes

INTERVAL = 16 * 40


def assert_same(one, two):
    assert one.position == two.position
    assert one.tensors.keys() == two.tensors.keys()
    for name, tensor in one.tensors.items():
        assert torch.equal(tensor, two.tensors[name]), name
    assert replace(one, tensors={}) == replace(two, tensors={})


@pytest.mark.parametrize("way", ["file", "bytes", "state"])
@pytest.mark.parametrize("optimizer", ["adamw", "lion", "muon", "sgd"])
def test_continues_bit_by_bit(make_member, corpus, settings, tmp_path, *, optimizer, way):
    straight, paused = (make_member(optimizer=optimizer, dropout=0.2) for _ in range(2))
    straight.train(INTERVAL)
    paused.train(INTERVAL)
    match way:
        case "file":
            write_checkpoint(tmp_path, paused.state())
            state, _ = read_checkpoint(tmp_path)
        case "bytes":
            state = state_from_bytes(state_to_bytes(paused.state()))
        case "state":
            state = paused.state(copy=True)
    paused.train(INTERVAL)  # moves on: what was saved must not
    torch.manual_seed(5)  # another global generator must not matter
    resumed = Member.from_state(state, corpus=corpus, settings=settings())
    assert resumed.fresh_slots == ()
    first, second = straight.train(INTERVAL), resumed.train(INTERVAL)
    assert replace(first, seconds=0.0) == replace(second, seconds=0.0)
    assert_same(straight.state(), resumed.state())
    assert straight.evaluate("game").losses == resumed.evaluate("game").losses


@pytest.mark.parametrize("position", ["rotary", "learned", "alibi"])
@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_learns(make_member, position, norm):
    member = make_member(position=position, norm=norm, tied_embeddings=True, activation="relu2")
    before = member.evaluate("game")
    interval = member.train(16 * 256)
    after = member.evaluate("game")
    assert interval.tokens == member.position.tokens == 16 * 256
    assert interval.failure is None
    assert after.nats_per_token < before.nats_per_token - 1.0
    assert after.nats_per_token == pytest.approx(sum(after.losses) / len(after.losses))
    # A token is a byte, but for the separators of documents.
    assert 1.0 <= after.bits_per_byte / (after.nats_per_token / math.log(2.0)) < 1.1


def test_leaves_the_global_generator_alone(make_member):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    member = make_member(dropout=0.3)
    member.train(INTERVAL)
    member.evaluate("game")
    assert torch.equal(before, torch.get_rng_state())


def test_member_seed_decides_the_weights(make_member):
    one, same, other = make_member(seed=1), make_member(seed=1), make_member(seed=2)
    assert_same(one.state(), same.state())
    name = "model.embedding.weight"
    assert not torch.equal(one.state().tensors[name], other.state().tensors[name])


def test_dropout_draws_a_new_mask_every_step(make_member, settings):
    """With the same tokens and no learning, losses differ by the mask alone, keyed by its step."""
    member = make_member(
        dropout=0.3, learning_rate=1e-30, weight_decay=0.0, sequence_ramp=1, batch_ramp=1
    )
    state = member.state(copy=True)
    losses = []
    for steps in (0, 1, 2, 0):
        position = replace(state.position, steps=steps)
        again = Member.from_state(
            replace(state, position=position), corpus=member._corpus, settings=settings()
        )
        losses.append(again.train(128).mean_train_loss)
    assert losses[0] == losses[3]
    assert len(set(losses)) == 3
    assert max(losses) - min(losses) < 0.1


@pytest.mark.parametrize("poison", ["weight", "gradient"])
def test_what_is_not_finite_ends_the_interval(make_member, poison):
    member = make_member(batch_ramp=1, sequence_ramp=1, dropout=0.0)
    seen = []

    def after_step(progress):
        if progress.tokens != 256:
            return
        if poison == "weight":
            with torch.no_grad():
                member.model.final_norm.weight[0] = float("nan")
        else:
            member.model.final_norm.weight.register_hook(lambda g: g * float("inf"))
        seen.append(member.state(copy=True))

    interval = member.train(1024, progress=after_step)
    assert interval.tokens == 256
    assert interval.steps == 2
    assert "tokens 256 to 384" in interval.failure
    assert ("loss" if poison == "weight" else "gradient") in interval.failure
    for name, tensor in member.state().tensors.items():
        assert torch.equal(tensor, seen[0].tensors[name]) or poison == "weight"
    assert member.position == seen[0].position


def test_failure_at_the_first_step_has_no_mean_loss(make_member):
    member = make_member()
    with torch.no_grad():
        member.model.embedding.weight.fill_(float("inf"))
    interval = member.train(INTERVAL)
    assert (interval.tokens, interval.steps, interval.mean_train_loss) == (0, 0, None)
    assert interval.flops > 0


@pytest.mark.parametrize("before", ["adamw", "lion", "muon", "sgd"])
@pytest.mark.parametrize("after", ["adamw", "lion", "muon", "sgd"])
def test_protocol_may_change(make_member, corpus, settings, before, after):
    member = make_member(optimizer=before)
    member.train(INTERVAL)
    state = member.state(copy=True)
    changed = replace(
        state.protocol, optimizer=after, learning_rate=1e-3, batch_tokens=64, clip_norm=0.5
    )
    adopted = Member.from_state(
        replace(state, protocol=changed), corpus=corpus, settings=settings()
    )
    hidden = "layers.0.attention.query.weight"
    assert (f"{hidden}.exp_avg_sq" in adopted.fresh_slots) == (
        after == "adamw" and before != "adamw"
    )
    if after != "adamw":
        assert not any(hidden in slot for slot in adopted.fresh_slots)
    interval = adopted.train(INTERVAL)
    assert interval.failure is None
    assert interval.mean_train_loss < 5.5  # log 264 = 5.576


def test_missing_and_misshapen_slots_start_at_zero(make_member, corpus, settings):
    member = make_member()
    member.train(INTERVAL)
    state = member.state(copy=True)
    name = "optimizer.layers.0.ffn.up.weight"
    state.tensors[f"{name}.exp_avg"] = torch.ones(3, 3)
    del state.tensors["optimizer.embedding.weight.step"]
    adopted = Member.from_state(state, corpus=corpus, settings=settings())
    parameters = ("embedding.weight", "layers.0.ffn.up.weight")
    assert set(adopted.fresh_slots) == {
        f"{p}.{slot}" for p in parameters for slot in ("step", "exp_avg", "exp_avg_sq")
    }
    assert not adopted.state().tensors[f"{name}.exp_avg_sq"].any()
    assert adopted.train(INTERVAL).failure is None


def test_state_must_fit_its_architecture(make_member, corpus, settings):
    state = make_member().state(copy=True)
    weight = state.tensors.pop("model.final_norm.weight")
    with pytest.raises(ValueError, match=r"lacks the tensor model\.final_norm\.weight"):
        Member.from_state(state, corpus=corpus, settings=settings())
    state.tensors["model.final_norm.weight"] = weight[:-1]
    with pytest.raises(ValueError, match=r"must have the shape \(32,\)"):
        Member.from_state(state, corpus=corpus, settings=settings())


def test_architecture_must_fit_the_corpus(make_member):
    with pytest.raises(ValueError, match="`vocab_size` of the architecture"):
        make_member(vocab_size=263)


def test_micro_batches_change_little(make_member, settings):
    whole = make_member(dropout=0.0)
    parts = make_member(dropout=0.0, run=settings(micro_batch_tokens=32))
    whole.train(INTERVAL)
    parts.train(INTERVAL)
    for name, tensor in whole.state().tensors.items():
        torch.testing.assert_close(tensor, parts.state().tensors[name], atol=2e-4, rtol=2e-3)
    assert whole.state().head_utility[0] == pytest.approx(parts.state().head_utility[0], rel=1e-2)


def test_flops_charge_measurement_and_muon(make_member, settings):
    quiet = make_member(run=settings(utility_every=0)).train(INTERVAL).flops
    assert quiet < make_member(run=settings(utility_every=4)).train(INTERVAL).flops
    assert (
        quiet < make_member(optimizer="muon", run=settings(utility_every=0)).train(INTERVAL).flops
    )


def test_progress_is_told_after_every_step(make_member):
    seen = []
    interval = make_member().train(INTERVAL, progress=seen.append)
    assert len(seen) == interval.steps
    assert seen[-1].tokens == seen[-1].interval_tokens == INTERVAL
    starts = [0, *(p.tokens for p in seen)]
    nats = sum(p.loss * (p.tokens - start) for p, start in zip(seen, starts, strict=False))
    assert interval.mean_train_loss == pytest.approx(nats / INTERVAL)
