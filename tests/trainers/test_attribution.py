"""Utilities do not depend on gauge, batch size, accumulation; signed ones sum to zero."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trainers import attribution
from trainers.measurement.components import components_of
from trainers.measurement.gates import Gates, Replacements
from trainers.model import Taps, Transformer


def make_model(architecture, **changes):
    model = Transformer(architecture(**changes))
    model.initialise(torch.Generator().manual_seed(0))
    with torch.no_grad():  # larger weights, so that components matter
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(5.0)
    return model


def tokens_of(corpus, sequences):
    return corpus.batch(corpus.start(), seed=3, sequences=sequences, length=16, mix=(1.0,))[0]


def taps_of(model, tokens_BT, *, batch_sequences):
    taps = Taps.zeros(model.architecture, len(tokens_BT), torch.device("cpu"))
    model.zero_grad()
    loss_BT = model.loss(tokens_BT[:, :-1], tokens_BT[:, 1:], taps=taps)
    (loss_BT.sum() / (batch_sequences * loss_BT.shape[1])).backward()
    return taps


def importance_of(model, tokens_BT):
    n = len(tokens_BT)
    taps = taps_of(model, tokens_BT, batch_sequences=n)
    return attribution.sequence_importance(taps, batch_sequences=n)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("activation", ["gelu", "swiglu", "relu2"])
def test_taps_hold_the_derivative_of_every_gate(architecture, corpus, activation, dropout):
    """Autograd through the gates themselves, which act elsewhere in a feed-forward block."""
    model = make_model(architecture, activation=activation).double()
    tokens_BT = tokens_of(corpus, 3)
    components = components_of(model.architecture)

    def mean_losses(**measured):
        torch.manual_seed(1)  # the same dropout masks
        return model.loss(tokens_BT[:, :-1], tokens_BT[:, 1:], dropout=dropout, **measured).mean(1)

    taps = Taps.zeros(model.architecture, 3, torch.device("cpu"))
    mean_losses(taps=taps).sum().backward()
    strength = torch.ones(3, len(components), dtype=torch.float64, requires_grad=True)
    gates = Gates.of(components, strength, Replacements((None,) * len(components.blocks)))
    (slope,) = torch.autograd.grad(mean_losses(gates=gates).sum(), strength)
    torch.testing.assert_close(taps.sums[0].double(), slope, rtol=1e-5, atol=1e-7)
    assert float(slope.abs().min()) > 1e-4


@pytest.mark.parametrize("position", ["rotary", "learned", "alibi"])
@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_signed_utilities_of_a_pre_norm_model_sum_to_zero(architecture, corpus, position, norm):
    model = make_model(architecture, position=position, norm=norm)
    taps = taps_of(model, tokens_of(corpus, 4), batch_sequences=4)
    signed = taps.sums[0]
    assert float(signed.sum(1).abs().max()) < 1e-5 * float(signed.abs().sum(1).max())
    assert float(signed.abs().min()) > 0.0


def test_change_of_basis_within_a_head_changes_no_utility(architecture, corpus):
    model = make_model(architecture)
    tokens_BT = tokens_of(corpus, 4)
    before = importance_of(model, tokens_BT)
    a, generator = model.architecture, torch.Generator().manual_seed(4)
    with torch.no_grad():
        for i, layer in enumerate(model.layers):
            shared = a.num_heads[i] // a.num_kv_heads[i]
            for k in range(a.num_kv_heads[i]):
                rotation, _ = torch.linalg.qr(torch.randn(8, 8, generator=generator))
                turn = rotation @ torch.diag(torch.linspace(0.5, 2.0, 8))
                value = layer.attention.value.weight[8 * k : 8 * (k + 1)]
                value.copy_(turn.T @ value)
                for h in range(shared * k, shared * (k + 1)):
                    out = layer.attention.out.weight[:, 8 * h : 8 * (h + 1)]
                    out.copy_(out @ torch.linalg.inv(turn).T)
    after = importance_of(model, tokens_BT)
    np.testing.assert_allclose(after, before, rtol=2e-3, atol=1e-6)


def test_neither_batch_nor_accumulation_changes_a_sequences_utility(architecture, corpus):
    model = make_model(architecture)
    tokens_BT = tokens_of(corpus, 6)
    whole = importance_of(model, tokens_BT)
    alone = np.concatenate([importance_of(model, t[None]) for t in tokens_BT])
    parts = attribution.joined(
        [
            attribution.sequence_importance(
                taps_of(model, part, batch_sequences=6), batch_sequences=6
            )
            for part in tokens_BT.split(4)
        ]
    )
    np.testing.assert_allclose(alone, whole, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(parts, whole, rtol=1e-3, atol=1e-6)


def test_utility_is_the_first_order_loss_of_gating_off(architecture, corpus):
    """The derivative of one sequence's loss with respect to a gate on an FFN block."""
    model = make_model(architecture)
    tokens_BT = tokens_of(corpus, 1)
    (importance,) = importance_of(model, tokens_BT)
    ffn = sum(model.architecture.num_heads)  # index of layer 0's block
    losses = []
    down = model.layers[0].ffn.down.weight
    for gate in (1.01, 0.99):
        with torch.no_grad():
            down.mul_(gate)
            losses.append(float(model.loss(tokens_BT[:, :-1], tokens_BT[:, 1:]).double().mean()))
            down.div_(gate)
    assert importance[ffn] == pytest.approx(abs(losses[0] - losses[1]) / 0.02, rel=2e-2)


def test_running_mean_and_error_of_equal_weights():
    x = np.random.default_rng(0).gamma(2.0, size=(12, 3))
    before = attribution.Utilities(np.zeros(3), np.zeros(3), weight=0.0, weight_squares=0.0)
    u = attribution.measured(before, x)
    np.testing.assert_allclose(u.mean, x.mean(0))
    np.testing.assert_allclose(u.error, x.std(0, ddof=1) / np.sqrt(12))


def test_running_mean_forgets_and_its_error_is_that_of_weights():
    rng = np.random.default_rng(1)
    u = attribution.Utilities(np.zeros(2), np.zeros(2), weight=0.0, weight_squares=0.0)
    batches = [rng.gamma(2.0, size=(n, 2)) for n in (1, 4, 2, 8)]
    for batch in batches:
        u = attribution.measured(u, batch)
    w = np.concatenate(
        [[attribution.FORGETTING ** (3 - i)] * len(b) for i, b in enumerate(batches)]
    )
    x = np.concatenate(batches)
    mean = w @ x / w.sum()
    variance = w @ (x - mean) ** 2 / w.sum()
    n = w.sum() ** 2 / (w**2).sum()
    np.testing.assert_allclose(u.mean, mean)
    np.testing.assert_allclose(u.error, np.sqrt(variance / (n - 1)))


def test_nothing_acts_on_one_sequence():
    before = attribution.Utilities(np.zeros(2), np.zeros(2), weight=0.0, weight_squares=0.0)
    u = attribution.measured(before, np.array([[1.0, 2.0]]))
    assert not (np.abs(u.mean) > 2 * u.error).any()


def test_members_measure_at_their_cadence(make_member, settings):
    quiet = make_member(run=settings(utility_every=0))
    quiet.train(16 * 40)
    assert quiet.state().head_utility == ()
    assert quiet.state().embedding_utility is None
    state_of = make_member(run=settings(utility_every=3))
    state_of.train(16 * 40)
    state = state_of.state()
    assert tuple(map(len, state.head_utility)) == state.architecture.num_heads
    assert tuple(map(len, state.head_utility_error)) == state.architecture.num_heads
    assert len(state.ffn_utility) == len(state.ffn_utility_error) == 2
    assert state.embedding_utility > 0.0
    assert state.utility_weight > 0.0


def test_measuring_changes_no_weight(make_member, settings):
    members = [make_member(run=settings(utility_every=every), dropout=0.2) for every in (0, 1)]
    for member in members:
        member.train(16 * 40)
    for name, tensor in members[0].state().tensors.items():
        torch.testing.assert_close(tensor, members[1].state().tensors[name])


def test_measuring_starts_over_where_shapes_do_not_fit(make_member):
    member = make_member()
    member.train(16 * 40)
    state = member.state()
    assert attribution.from_state(state).weight == state.utility_weight
    assert attribution.from_state(replace(state, head_utility_error=())).weight == 0.0
