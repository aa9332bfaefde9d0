"""Groups of processes: two, then four; one that dies; compiled layers; Muon's rule on rows."""

import functools
import os
import signal

import pytest
import torch

from trainers.checkpoint import read_checkpoint, write_checkpoint
from trainers.distributed.group import RanksLost
from trainers.distributed.here import group_here
from trainers.distributed.meeting import interface_of
from trainers.distributed.muon import update_rows
from trainers.member import Member

TOKENS = 16 * 3 * 20
"""20 steps of 3 sequences: the last of four processes has none."""


SAME = 1e-5
"""Nats per token: losses of the same member by another order of sums."""


def trained(member):
    """Train, and return the loss of every step."""
    losses = []
    interval = member.train(TOKENS, progress=lambda progress: losses.append(progress.loss))
    assert interval.failure is None
    assert len(losses) >= 20
    return losses


def assert_same_state(state, expected):
    assert state.position == expected.position
    assert state.tensors.keys() == expected.tensors.keys()
    for name, tensor in expected.tensors.items():
        torch.testing.assert_close(state.tensors[name], tensor, atol=1e-4, rtol=0, msg=name)
    assert state.ffn_utility == pytest.approx(expected.ffn_utility, abs=SAME)
    assert state.ffn_utility_error == pytest.approx(expected.ffn_utility_error, abs=SAME)


def test_what_two_processes_saved_goes_on_with_four_and_with_one_though_one_of_them_died(
    make_member, corpus, settings, tmp_path
):
    """Uneven rows: norms over 6 channels a head, and batches that not all ranks have a part of."""
    straight = make_member(dropout=0.1, head_dim=6, batch_tokens=48, batch_ramp=1, sequence_ramp=1)
    with group_here(corpus, size=2, patience_seconds=120) as two:
        member = two.create(
            straight.model.architecture, straight.protocol, settings=settings(), member_seed=0
        )
        assert trained(member) == pytest.approx(trained(straight), abs=SAME)
        write_checkpoint(tmp_path, member.state())
        victim = two._followers._processes[0]

        def kill(progress):
            if progress.tokens > TOKENS // 2:
                os.kill(victim.pid, signal.SIGKILL)

        with pytest.raises(RanksLost, match="Process 1 of the group has ended, with code -9"):
            member.train(TOKENS, progress=kill)

    saved, _ = read_checkpoint(tmp_path)
    losses = trained(straight)
    by_one = Member.from_state(saved, corpus=corpus, settings=settings())
    assert by_one.fresh_slots == ()
    assert trained(by_one) == pytest.approx(losses, abs=SAME)
    assert_same_state(by_one.state(), straight.state())
    with group_here(corpus, size=4) as four:
        by_four = four.revive(saved, settings=settings())
        assert by_four.fresh_slots == ()
        assert trained(by_four) == pytest.approx(losses, abs=SAME)
        assert_same_state(by_four.state(), straight.state())


def test_a_group_needs_two_processes_and_a_gpu_for_each(corpus):
    with pytest.raises(ValueError, match="size >= 2"), group_here(corpus, size=1):
        pass
    if torch.cuda.device_count() < 2:
        with pytest.raises(ValueError, match="a GPU of its own"):
            group_here(corpus, size=2, device="cuda").__enter__()


GRAPHS_THAT_TORCH_RUNS = """
import functools, torch
torch.compile = functools.partial(torch.compile, backend="aot_eager")
"""
"""What each process of a group does first: C++ takes minutes to compile."""
BY_HAND = pytest.mark.skipif(
    "MASGA_COMPILED" not in os.environ,
    reason="minutes, by hand: MASGA_COMPILED=1 pytest tests/trainers/distributed -k compiled",
)


@pytest.mark.filterwarnings("default::DeprecationWarning:torch")  # the compiler's own imports
@pytest.mark.filterwarnings("default::FutureWarning:torch")
@pytest.mark.filterwarnings("default:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize(
    "compiler",
    ["aot_eager", pytest.param("inductor", marks=[BY_HAND, pytest.mark.timeout(1800)])],
)
def test_compiled_layers_train_the_same(
    make_member, corpus, settings, monkeypatch, tmp_path, compiler
):
    """FSDP's steps around a compiled forward, what is recomputed, measured steps between."""
    if compiler == "aot_eager":
        monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=compiler))
        (tmp_path / "sitecustomize.py").write_text(GRAPHS_THAT_TORCH_RUNS)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    run = settings(compile=True, utility_every=2, activation_checkpointing=True)
    alone = make_member(dropout=0.0, batch_ramp=1)
    with group_here(corpus, size=2) as two:
        split = two.revive(alone.state(copy=True), settings=run)
        ours, theirs = split.train(16 * 64), alone.train(16 * 64)
        assert ours.failure is None
        assert ours.steps > 4
        assert ours.mean_train_loss == pytest.approx(theirs.mean_train_loss, abs=SAME)
        losses = split.evaluate("game").losses
    assert losses == pytest.approx(alone.evaluate("game").losses, abs=SAME)


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
    average = torch.zeros(shape)
    whole = torch.optim.Muon(
        [theirs], lr=0.02, weight_decay=0.1, momentum=0.9, nesterov=True, ns_steps=5,
        adjust_lr_fn="match_rms_adamw",
    )  # fmt: skip
    for _ in range(3):
        gradient = torch.randn(shape, generator=draw)
        theirs.grad = gradient.clone()
        update_rows(
            [ours], [gradient], [average], [ours.shape],
            ranks=Rows(), rate=0.02, decay=0.1, momentum=0.9,
        )  # fmt: skip
        whole.step()
        torch.testing.assert_close(ours, theirs, atol=1e-7, rtol=1e-6)


def test_the_interface_of_an_address_is_found():
    assert interface_of("127.0.0.1") == "lo"
    assert interface_of("192.0.2.255") is None
