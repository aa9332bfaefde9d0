"""The tap measures what it should and changes nothing else, in every mode that trainers use."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from cuda_ext import reference
from cuda_ext.ops import attribution_tap, grouped_attribution
from cuda_ext.registration import prepare

pytestmark = pytest.mark.filterwarnings("ignore:Kernels for:RuntimeWarning")

TAPS = {"kernel": attribution_tap, "reference": reference.attribution_tap}


class Block(nn.Module):
    """Two linear layers with a tap between them, twice."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Linear(12, 24), nn.Linear(24, 12)

    def forward(self, x, buffers, tap):
        for buffer in buffers:
            h = torch.tanh(self.a(x))
            if tap is not None:
                h = tap(h, buffer, 6)
            x = x + self.b(h)
        return x


def buffers(count=2, batch=3):
    return [torch.zeros(3, batch, 4) for _ in range(count)]


def run(module, x, taps, tap, *, wrap=lambda f: f):
    x = x.clone().requires_grad_()
    module.zero_grad()
    loss = wrap(module)(x, taps, tap).square().mean()
    loss.backward()
    return [loss.detach(), x.grad, *(p.grad.clone() for p in module.parameters())]


@pytest.fixture
def x():
    return torch.randn(3, 10, 12, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("tap", TAPS.values(), ids=TAPS)
def test_gradients_are_those_of_no_tap_bit_for_bit(x, tap):
    without = run(Block(), x, buffers(), None)
    taken = run(Block(), x, buffers(), tap)
    assert all(torch.equal(a, b) for a, b in zip(without, taken, strict=True))


@pytest.mark.parametrize("tap", TAPS.values(), ids=TAPS)
def test_buffers_hold_grouped_attribution(x, tap):
    taps, seen = buffers(), []

    def spy(h, buffer, size):
        h = tap(h, buffer, size)
        h.retain_grad()
        seen.append(h)
        return h

    run(Block(), x, taps, spy)
    for h, buffer in zip(seen, taps, strict=True):
        expected = torch.stack(grouped_attribution(h, h.grad, 6))
        torch.testing.assert_close(buffer, expected, rtol=1e-5, atol=1e-7)
    assert not torch.equal(taps[0], taps[1])


def test_kernel_and_reference_say_the_same(x):
    mine, other = buffers(), buffers()
    run(Block(), x, mine, attribution_tap)
    run(Block(), x, other, reference.attribution_tap)
    torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-7)


def test_backward_passes_add_up(x):
    once, twice, module = buffers(), buffers(), Block()
    run(module, x, once, attribution_tap)
    run(module, x, twice, attribution_tap)
    run(module, x, twice, attribution_tap)
    torch.testing.assert_close(twice, [2 * b for b in once])


def test_micro_batches_may_interleave_and_share_a_buffer(x):
    apart, shared, module = buffers(), [torch.zeros(3, 3, 4)] * 2, Block()
    run(module, x, apart, attribution_tap)
    losses = [module(x, shared, attribution_tap).square().mean() for _ in range(2)]
    for loss in losses:
        loss.backward()
    torch.testing.assert_close(shared[0], 2 * (apart[0] + apart[1]))


def test_a_strided_buffer_is_filled_in_place(x):
    one_for_all, apart = torch.zeros(3, 3, 9), buffers()
    views = [one_for_all[:, :, :4], one_for_all[:, :, 5:]]
    run(Block(), x, views, attribution_tap)
    run(Block(), x, apart, attribution_tap)
    torch.testing.assert_close(
        one_for_all, torch.cat((apart[0], torch.zeros(3, 3, 1), apart[1]), 2)
    )


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_checkpointing_counts_once(x, use_reentrant):
    plain, rebuilt = buffers(), buffers()
    first = run(Block(), x, plain, attribution_tap)
    second = run(
        Block(), x, rebuilt, attribution_tap,
        wrap=lambda module: lambda *a: checkpoint(module, *a, use_reentrant=use_reentrant),
    )  # fmt: skip
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(plain, rebuilt, strict=True))


def test_autocast_measures_in_half_precision(x):
    taps, dtypes = buffers(), []

    def spy(h, buffer, size):
        h = h.bfloat16()
        dtypes.append(h.dtype)
        return attribution_tap(h, buffer, size)

    with torch.autocast("cpu", torch.bfloat16):
        run(Block(), x, taps, spy)
    exact = buffers()
    run(Block(), x, exact, attribution_tap)
    assert dtypes == [torch.bfloat16] * 2
    for half, full in zip(taps, exact, strict=True):
        assert half.isfinite().all()
        assert (half[1] - full[1]).norm() < 0.05 * full[1].norm()


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning"
)  # torch compiles through its own old parts
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_compiles_to_one_graph(x, backend):
    eager, compiled = buffers(), buffers()
    module = Block()
    expected = run(module, x, eager, attribution_tap)
    one_graph = torch.compile(module, fullgraph=True, backend=backend)
    for passes in (1, 2):
        found = run(module, x, compiled, attribution_tap, wrap=lambda _: one_graph)
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(compiled, [passes * b for b in eager], rtol=1e-5, atol=1e-7)


def test_loading_kernels_is_marked_as_torch_marks_it():
    def ours(_):
        return None

    torch.compiler.assume_constant_result(ours)
    assert vars(ours).items() <= vars(prepare).items()
    assert vars(ours)


def test_heads_need_not_be_joined():
    o = torch.randn(2, 3, 5, 8, generator=torch.Generator().manual_seed(2)).transpose(1, 2)
    results = []
    for view in (o, o.reshape(2, 5, 24)):
        buffer = torch.zeros(3, 2, 3)
        attribution_tap(view.clone().requires_grad_(), buffer, 8).sin().sum().backward()
        results.append(buffer)
    torch.testing.assert_close(*results)


def test_second_derivatives_pass_through():
    x = torch.randn(1, 4, 6, requires_grad=True)
    for tap in TAPS.values():
        (first,) = torch.autograd.grad(
            tap(x, torch.zeros(3, 1, 2), 3).pow(3).sum(), x, create_graph=True
        )
        (second,) = torch.autograd.grad(first.sum(), x)
        torch.testing.assert_close(second, 6 * x.detach())


def test_a_tap_on_a_constant_does_nothing():
    buffer, weight = torch.zeros(3, 1, 2), torch.ones(6, requires_grad=True)
    (attribution_tap(torch.ones(1, 4, 6), buffer, 3) * weight).sum().backward()
    assert (buffer == 0).all()


GOOD_X, GOOD_BUFFER = torch.ones(2, 3, 8), torch.zeros(3, 2, 2)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((3, GOOD_BUFFER, 4), TypeError, "x must be a torch.Tensor, but got int"),
        ((GOOD_X, 3, 4), TypeError, "buffer must be a torch.Tensor, but got int"),
        ((GOOD_X.long(), GOOD_BUFFER, 4), TypeError, "x must be one of float32"),
        ((GOOD_X, GOOD_BUFFER.double(), 4), TypeError, "buffer must be float32, but its dtype is torch.float64"),
        ((GOOD_X, GOOD_BUFFER[:2], 4), ValueError, r"buffer must be \(3, B, G\) = \(3, 2, 2\), but its shape is \(2, 2, 2\)"),
        ((GOOD_X, GOOD_BUFFER, 5), ValueError, "divide the 8 channels of x, but got 5"),
        ((GOOD_X, GOOD_BUFFER.to("meta"), 4), ValueError, "buffer must be on the device of x, cpu, but is on meta"),
        ((GOOD_X, GOOD_BUFFER.clone().requires_grad_(), 4), ValueError, "buffer must not require a gradient"),
    ],
)  # fmt: skip
def test_bad_input(arguments, error, text):
    with pytest.raises(error, match=text):
        attribution_tap(*arguments)
