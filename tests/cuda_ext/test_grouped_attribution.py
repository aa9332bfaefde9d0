"""Grouped attribution equals its float64 formula, whatever shape, stride, dtype and thread count."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import cuda_ext
from cuda_ext import reference
from cuda_ext.ops import grouped_attribution

pytestmark = pytest.mark.filterwarnings("ignore:Kernels for:RuntimeWarning")

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
# The issue allows 1e-6 (float32) and 2e-3 (halves); inputs are exact in float64, so all get the first.
TOLERANCE = 1e-6


def formula(x, grad, group_size):
    B, T = x.shape[:2]
    groups = x.shape[2:].numel() // group_size
    delta = (x.double() * grad.double()).reshape(B, T, groups, group_size).sum(-1)
    return delta.sum(1), delta.abs().sum(1), delta.square().sum(1)


def check(x, grad, group_size, tolerance=TOLERANCE, **options):
    found = grouped_attribution(x, grad, group_size, **options)
    signed, absolute, squared = formula(x, grad, group_size)
    for value, expected, size in zip(
        found, (signed, absolute, squared), (absolute, absolute, squared), strict=True
    ):
        assert value.shape == expected.shape
        assert (value - expected).norm() <= tolerance * size.norm() + 1e-30
    return found


def pair(shape, dtype, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator).to(dtype) for _ in range(2)]


@pytest.fixture(autouse=True)
def poisoned():
    """Fresh tensors are filled with NaN, so that nothing unwritten passes for a sum."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("group_size", [1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 17, 24, 31, 64, 100, 129])
@pytest.mark.parametrize(("tokens", "groups"), [(1, 1), (16, 3), (67, 21), (131, 37)])
def test_equals_the_formula(dtype, group_size, tokens, groups):
    x, grad = pair((2, tokens, groups * group_size), dtype)
    check(x, grad, group_size)


@pytest.mark.parametrize("group_size", [1, 2, 64, 1000, 4096])
def test_equals_the_formula_on_long_rows(group_size):
    channels = 8192 if group_size != 1000 else 9000
    x, grad = pair((1, 150, channels), torch.float32)
    check(x, grad, group_size)


def test_long_sums_keep_their_precision():
    x = torch.rand(1, 40_000, 4) + 0.5
    check(x, torch.ones_like(x), 1, tolerance=1e-7)


@st.composite
def strided(draw):
    """A tensor (B, T, C) or (B, T, H, D) in one of the layouts that models make, and a group size."""
    B, T = draw(st.integers(0, 3)), draw(st.integers(0, 70))
    H, D = draw(st.integers(1, 5)), draw(st.integers(1, 40))
    dtype = draw(st.sampled_from((*DTYPES, torch.float64)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))

    def one(layout):
        match layout:
            case "heads":
                return torch.randn(B, H, T, D, generator=generator).transpose(1, 2)
            case "joined":
                return torch.randn(B, T, H * D, generator=generator).unflatten(-1, (H, D))
            case "slice":
                return torch.randn(B, T, H, 3 * D + 1, generator=generator)[..., D + 1 : 2 * D + 1]
            case "every second":
                return torch.randn(B, T, H, 2 * D, generator=generator)[..., ::2]
            case "expanded":
                return torch.randn(1, 1, H, 1, generator=generator).expand(B, T, H, D)

    layouts = st.sampled_from(("heads", "joined", "slice", "every second", "expanded"))
    x, grad = one(draw(layouts)).to(dtype), one(draw(layouts)).to(dtype)
    if draw(st.booleans()):
        x, grad = x.flatten(2), grad.flatten(2)
    divisors = [d for d in range(1, H * D + 1) if (H * D) % d == 0]
    return x, grad, draw(st.sampled_from(divisors))


@settings(max_examples=150, deadline=None)
@given(strided())
def test_strides_do_not_matter(case):
    check(*case)


@given(strided())
@settings(max_examples=30, deadline=None)
def test_double_precision_is_exact(case):
    x, grad, group_size = case
    found = check(x, grad, group_size, tolerance=1e-14, accumulate="float64")
    assert all(t.dtype == torch.float64 for t in found)


@pytest.mark.parametrize("group_size", [1, 6, 64, 768])
def test_the_number_of_threads_changes_no_bit(group_size):
    x, grad = pair((3, 700, 768), torch.bfloat16)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3, 1):
            torch.set_num_threads(threads)
            results.append(torch.stack(grouped_attribution(x, grad, group_size)))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(results[0], r) for r in results[1:])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_and_infinity_stay_in_their_group(value):
    x, grad = pair((2, 50, 96), torch.float32)
    x[1, 20, 40] = value
    for group_size in (1, 3, 32):
        for result in grouped_attribution(x, grad.abs(), group_size):
            bad = ~result.isfinite()
            assert bad.sum() == 1
            assert bad[1, 40 // group_size]


def test_more_than_two_to_the_31_elements():
    if not cuda_ext.status().cpu.loaded:
        pytest.skip("without the compiled library the reference would need 8 GB")
    x, grad = pair((1, 1, 4096), torch.float32)
    tokens = 2**19 + 1
    found = grouped_attribution(x.expand(1, tokens, 4096), grad.expand(1, tokens, 4096), 64)
    signed, absolute, squared = (tokens * s for s in formula(x, grad, 64))
    for value, expected, size in zip(
        found, (signed, absolute, squared), (absolute, absolute, squared), strict=True
    ):
        assert (value - expected).norm() <= TOLERANCE * size.norm()


@pytest.mark.parametrize("dtype", [*DTYPES, torch.float64])
def test_operator_contract(dtype):
    x, grad = pair((2, 9, 24), dtype)
    for a, b in ((x, grad), (x.unflatten(-1, (3, 8)), grad.unflatten(-1, (3, 8)))):
        torch.library.opcheck(torch.ops.masga.grouped_attribution.default, (a, b, 4))
    torch.library.opcheck(
        torch.ops.masga.accumulate_attribution.default, (x, grad, torch.ones(3, 2, 6), 4)
    )


def test_reference_and_kernel_say_the_same():
    x, grad = pair((2, 40, 48), torch.float32)
    for mine, other in zip(
        grouped_attribution(x, grad, 6), reference.grouped_attribution(x, grad, 6), strict=True
    ):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-4)


GOOD_X = torch.ones(2, 3, 8)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (([1.0], GOOD_X, 4), TypeError, "x must be a torch.Tensor, but got list"),
        ((GOOD_X, None, 4), TypeError, "grad must be a torch.Tensor, but got NoneType"),
        ((GOOD_X.int(), GOOD_X.int(), 4), TypeError, "x must be one of float32, .* but its dtype is torch.int32"),
        ((GOOD_X, GOOD_X.half(), 4), TypeError, "grad must have the dtype of x, torch.float32, but got torch.float16"),
        ((GOOD_X, GOOD_X[:, :2], 4), ValueError, r"grad must have the shape of x, \(2, 3, 8\), but got \(2, 2, 8\)"),
        ((GOOD_X, GOOD_X.to("meta"), 4), ValueError, "grad must be on the device of x, cpu, but is on meta"),
        ((GOOD_X, GOOD_X, 3), ValueError, "group_size must be at least 1 and divide the 8 channels of x, but got 3"),
        ((GOOD_X, GOOD_X, 0), ValueError, "but got 0"),
        ((GOOD_X, GOOD_X, 2.0), TypeError, "group_size must be an int, but got float"),
        ((GOOD_X[0], GOOD_X[0], 4), ValueError, r"x must be \(B, T, C\) or \(B, T, H, D\), but its shape is \(3, 8\)"),
        ((GOOD_X.to_sparse(), GOOD_X, 4), TypeError, "x must be a dense tensor"),
    ],
)  # fmt: skip
def test_bad_input(arguments, error, text):
    with pytest.raises(error, match=text):
        grouped_attribution(*arguments)


def test_direct_calls_are_checked_too():
    cuda_ext.status()
    with pytest.raises(RuntimeError):
        torch.ops.masga.grouped_attribution(GOOD_X, GOOD_X, 3)


@pytest.mark.parametrize("shape", [(0, 5, 8), (2, 0, 8), (2, 5, 0)])
def test_sums_over_nothing_are_zero(shape):
    x = torch.ones(shape)
    for result in grouped_attribution(x, x, 4):
        assert result.shape == (shape[0], shape[2] // 4)
        assert (result == 0).all()
