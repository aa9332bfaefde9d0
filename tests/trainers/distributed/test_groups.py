"""Groups of processes: four of them, one that dies, those that cannot be; Muon's rule on rows."""

import functools
import os
import signal

import pytest
import torch

from trainers.distributed.group import RanksLost
from trainers.distributed.here import group_here
from trainers.distributed.meeting import call_meeting, interface_of, joined
from trainers.distributed.muon import SplitMuon
from trainers.member import Member

TOKENS = 16 * 3 * 20
"""20 steps of 3 sequences: the last of four processes has none."""


def trained(member):
    """Train, and return the loss of every step."""
    losses = []
    interval = member.train(TOKENS, progress=lambda progress: losses.append(progress.loss))
    assert interval.failure is None
    assert len(losses) >= 20
    return losses


def test_four_processes_go_on_from_the_state_of_one(make_member, corpus, settings):
    """Uneven rows: norms over 6 channels a head, and batches that not all ranks have a part of."""
    straight = make_member(dropout=0.1, head_dim=6, batch_tokens=48, batch_ramp=1, sequence_ramp=1)
    straight.train(TOKENS)
    state = straight.state(copy=True)
    with group_here(corpus, size=4) as four:
        split = four.revive(state, settings=settings())
        assert split.fresh_slots == ()
        assert trained(split) == pytest.approx(trained(straight), abs=1e-5)
        state, expected = split.state(), straight.state()
    assert state.tensors.keys() == expected.tensors.keys()
    for name, tensor in expected.tensors.items():
        torch.testing.assert_close(state.tensors[name], tensor, atol=1e-4, rtol=0, msg=name)
    assert state.ffn_utility == pytest.approx(expected.ffn_utility, abs=1e-5)
    assert state.ffn_utility_error == pytest.approx(expected.ffn_utility_error, abs=1e-5)


def test_a_group_whose_process_dies_is_lost_at_once(corpus, make_member, settings):
    with group_here(corpus, size=2, patience_seconds=120) as group:
        member = group.revive(make_member().state(), settings=settings())
        victim = group._followers._processes[0]

        def kill(progress):
            if progress.tokens > TOKENS // 2:
                os.kill(victim.pid, signal.SIGKILL)

        with pytest.raises(RanksLost, match="Process 1 of the group has ended, with code -9"):
            member.train(TOKENS, progress=kill)


def test_a_group_needs_two_processes_and_a_gpu_for_each(corpus):
    with pytest.raises(ValueError, match="size >= 2"), group_here(corpus, size=1):
        pass
    if torch.cuda.device_count() < 2:
        with pytest.raises(ValueError, match="a GPU of its own"):
            group_here(corpus, size=2, device="cuda").__enter__()


@pytest.mark.filterwarnings("default::DeprecationWarning:torch")  # the compiler's own imports
@pytest.mark.filterwarnings("default::FutureWarning:torch")
@pytest.mark.filterwarnings("default:The .grad attribute of a Tensor that is not a leaf")
def test_compiled_layers_train_the_same(make_member, corpus, settings, monkeypatch):
    """FSDP's steps around a compiled forward, what is recomputed, measured steps between.

    A group of one process, and graphs that torch runs itself: C++ would take minutes to compile.
    """
    compiled = functools.partial(torch.compile, backend="aot_eager")
    monkeypatch.setattr(torch, "compile", compiled)
    run = settings(compile=True, utility_every=2, activation_checkpointing=True)
    alone = make_member(dropout=0.0, batch_ramp=1)
    state = alone.state(copy=True)
    meeting, store = call_meeting("127.0.0.1", 1)
    with joined(meeting, 0, device="cpu", address="127.0.0.1", store=store) as ranks:
        split = Member.from_state(state, corpus=corpus, settings=run, ranks=ranks)
        ours, theirs = split.train(16 * 64), alone.train(16 * 64)
        assert ours.failure is None
        assert ours.steps > 4
        assert ours.mean_train_loss == pytest.approx(theirs.mean_train_loss, abs=1e-5)
        losses = split.evaluate("game").losses
    assert losses == pytest.approx(alone.evaluate("game").losses, abs=1e-5)


class Rows:
    """One process that stands for several: it holds all rows of every matrix."""

    size = 1

    def gathered_at(self, rows, shape, owner):
        assert rows.shape == shape
        return rows

    def scattered(self, whole, shape, owner, *, like):
        return whole


@pytest.mark.parametrize("shape", [(8, 24), (24, 8), (16, 16)])
def test_muon_on_rows_is_muon_of_torch(shape):
    draw = torch.Generator().manual_seed(0)
    weight = torch.randn(shape, generator=draw)
    ours, theirs = weight.clone(), weight.clone()
    shared = {"lr": 0.02, "weight_decay": 0.1}
    split = SplitMuon(
        [{"params": [ours], **shared}],
        shapes={id(ours): ours.shape},
        ranks=Rows(),
        momentum=0.9,
        ns_steps=5,
    )
    split.state[ours]["momentum_buffer"] = torch.zeros(shape)
    whole = torch.optim.Muon(
        [theirs], momentum=0.9, nesterov=True, ns_steps=5, adjust_lr_fn="match_rms_adamw", **shared
    )
    for _ in range(3):
        ours.grad = torch.randn(shape, generator=draw)
        theirs.grad = ours.grad.clone()
        split.step()
        whole.step()
        torch.testing.assert_close(ours, theirs, atol=1e-7, rtol=1e-6)


def test_the_interface_of_an_address_is_found():
    assert interface_of("127.0.0.1") == "lo"
    assert interface_of("192.0.2.255") is None
