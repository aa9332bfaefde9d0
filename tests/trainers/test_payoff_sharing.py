"""Payoff sharing scales updates by utilities within a kind; 0 is ordinary training, bit by bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainers.attribution import Utilities, no_utilities, num_components
from trainers.member import Member
from trainers.model import Transformer
from trainers.optimizers import UpdateRule
from trainers.payoff_sharing import scaled_step, shares, update_scales

INTERVAL = 16 * 40
OPTIMIZERS = ["adamw", "lion", "muon", "sgd"]


def utilities_of(architecture, mean=None, error=None):
    n = num_components(architecture)
    mean = np.linspace(1.0, 3.0, n) if mean is None else mean
    error = np.zeros(n) if error is None else error
    return Utilities(mean, error, weight=8.0, weight_squares=8.0)


@pytest.fixture
def updates(architecture, protocol):
    """Return the update of every parameter by one step, under given utilities and exponent."""

    def make(exponent, *, optimizer="adamw", utilities=None, **changes):
        a = architecture(**changes)
        model = Transformer(a)
        model.initialise(torch.Generator().manual_seed(0))
        generator = torch.Generator().manual_seed(1)
        for parameter in model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        parameters = dict(model.named_parameters())
        scales = update_scales(parameters, utilities or utilities_of(a), a, exponent=exponent)
        before = {n: p.detach().clone() for n, p in parameters.items()}
        scaled_step(UpdateRule(parameters, protocol(optimizer=optimizer)), 1.0, scales)
        return {n: p.detach() - before[n] for n, p in parameters.items()}

    return make


@given(
    kappa=st.floats(-8, 8),
    utility=st.lists(st.floats(1e-6, 10), min_size=1, max_size=6),
    scale=st.floats(1e-3, 1e3),
)
def test_shares_are_bounded_and_free_of_units(kappa, utility, scale):
    """Batch size, accumulation and loss scaling multiply all utilities alike: shares stay."""
    u = np.array(utility)
    one = shares(u, 0.1 * u, mean=float(u.mean()), exponent=kappa)
    other = shares(u * scale, 0.1 * u * scale, mean=float(u.mean()) * scale, exponent=kappa)
    assert ((one >= 0.25) & (one <= 4.0)).all()
    np.testing.assert_allclose(one, other, rtol=1e-9)
    order = np.argsort(u)
    assert (np.diff(one[order]) * np.sign(kappa) >= -1e-12).all()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_updates_of_components_are_scaled_by_their_share(updates, architecture, optimizer):
    a = architecture()
    utility = utilities_of(a)
    plain, shared = (updates(k, optimizer=optimizer) for k in (0.0, 1.0))
    heads = sum(a.num_heads)
    ratio = utility.mean[:heads] / utility.mean[:heads].mean()
    first = ratio[: a.num_heads[0]]
    rows = torch.tensor(np.repeat(first, a.head_dim), dtype=torch.float32)
    groups = torch.tensor(
        np.repeat(first.reshape(a.num_kv_heads[0], -1).mean(1), a.head_dim), dtype=torch.float32
    )
    blocks = utility.mean[heads : heads + a.num_layers]
    block = float(blocks[1] / blocks.mean())
    expected = {
        "layers.0.attention.query.weight": rows[:, None],
        "layers.0.attention.out.weight": rows[None, :],
        "layers.0.attention.value.weight": groups[:, None],  # heads of a group share its credit
        "layers.0.norm_attention.weight": torch.tensor(float(first.mean())),
        "layers.1.ffn.up.weight": torch.tensor(block),
        "layers.1.norm_ffn.weight": torch.tensor(block),
        "embedding.weight": torch.tensor(1.0),
        "final_norm.weight": torch.tensor(1.0),
    }
    for name, factor in expected.items():
        torch.testing.assert_close(shared[name], plain[name] * factor, atol=2e-7, rtol=1e-3)
    competing = shared["layers.0.attention.query.weight"].norm()
    cooperating = updates(-1.0, optimizer=optimizer)["layers.0.attention.query.weight"].norm()
    assert competing < plain["layers.0.attention.query.weight"].norm() < cooperating


def test_nothing_acts_on_noise_or_before_a_measurement(updates, architecture):
    a = architecture()
    plain = updates(0.0)
    noisy = utilities_of(a, error=np.full(num_components(a), 10.0))
    for utilities in (noisy, no_utilities(a)):
        for name, change in updates(2.0, utilities=utilities).items():
            assert torch.equal(change, plain[name])


def test_kappa_0_is_ordinary_training_bit_by_bit_and_another_is_not(make_member):
    states = {}
    for kappa in (0.0, 1e-300, 1.0):
        member = make_member(payoff_sharing=kappa)
        member.train(INTERVAL)
        states[kappa] = member.state()
    for name, tensor in states[0.0].tensors.items():
        # an exponent so small that every share is 1 goes through the same code as any other
        assert torch.equal(tensor, states[1e-300].tensors[name]), name
    name = "model.layers.0.attention.query.weight"
    assert not torch.equal(states[0.0].tensors[name], states[1.0].tensors[name])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_member_that_shares_continues_bit_by_bit(make_member, corpus, settings, optimizer):
    straight, paused = (make_member(payoff_sharing=0.7, optimizer=optimizer) for _ in range(2))
    straight.train(INTERVAL)
    paused.train(INTERVAL)
    resumed = Member.from_state(paused.state(copy=True), corpus=corpus, settings=settings())
    straight.train(INTERVAL)
    resumed.train(INTERVAL)
    for name, tensor in straight.state().tensors.items():
        assert torch.equal(tensor, resumed.state().tensors[name]), name


def test_utilities_travel_with_a_state_and_are_forgotten_with_its_architecture(
    make_member, corpus, settings
):
    member = make_member(payoff_sharing=1.0)
    member.train(INTERVAL)
    state = member.state(copy=True)
    adopted = Member.from_state(state, corpus=corpus, settings=settings())
    assert len(adopted._scales) == len(member._scales) > 0
    unmeasured = replace(state, utility_weight=0.0, head_utility_error=())
    assert Member.from_state(unmeasured, corpus=corpus, settings=settings())._scales == ()
