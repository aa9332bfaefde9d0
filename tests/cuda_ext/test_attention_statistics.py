"""Attention statistics equal what the probabilities say, without ever holding them all."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cuda_ext import reference
from cuda_ext.ops import AttentionStatistics, attention_statistics

pytestmark = pytest.mark.filterwarnings("ignore:Kernels for:RuntimeWarning")

DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def heads(B, H, K, T, D, *, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    q = torch.randn(B, T, H, D, generator=generator).to(dtype).transpose(1, 2)
    return q, torch.randn(B, K, T, D, generator=generator).to(dtype)


def check(q, k, *, scale, causal, rows=None):
    found = attention_statistics(q, k, scale=scale, causal=causal, rows=rows, per_row=True)
    expected = reference.attention_statistics(q.double(), k.double(), scale, causal, rows)
    for name, value, exact in zip(AttentionStatistics._fields, found, expected, strict=True):
        assert value.shape == exact.shape, name
        # Inputs are exact in float64, so halves too get the tolerance of float32.
        assert (value - exact).norm() <= 1e-6 * exact.norm() + 1e-6, name


@pytest.fixture(autouse=True)
def poisoned():
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("shape", [(2, 4, 2, 37, 16), (1, 2, 1, 300, 64), (1, 1, 1, 520, 33)])
def test_equals_the_probabilities(dtype, causal, shape):
    q, k = heads(*shape, dtype=dtype)
    check(q, k, scale=shape[-1] ** -0.5, causal=causal)


@settings(max_examples=40, deadline=None)
@given(
    B=st.integers(0, 2), K=st.integers(1, 2), share=st.integers(1, 3), T=st.integers(1, 90),
    D=st.integers(1, 40), causal=st.booleans(), scale=st.floats(-1.0, 1.0), seed=st.integers(0, 99),
    data=st.data(),
)  # fmt: skip
def test_shapes_scales_and_rows(*, B, K, share, T, D, causal, scale, seed, data):
    q, k = heads(B, K * share, K, T, D, seed=seed)
    rows = data.draw(st.none() | st.lists(st.integers(0, T - 1), min_size=1, max_size=20))
    rows = None if rows is None else torch.tensor(rows)
    check(q, k, scale=scale * D**-0.5, causal=causal, rows=rows)


def test_long_context_keeps_its_precision():
    q, k = heads(1, 1, 1, 32_768, 8)
    check(q, k, scale=8**-0.5, causal=True, rows=torch.tensor([0, 1, 255, 256, 20_000, 32_767]))


def test_uniform_attention_has_known_statistics():
    q, k = torch.zeros(1, 1, 6, 4), torch.randn(1, 1, 6, 4)
    found = attention_statistics(q, k, causal=True, per_row=True)
    n = torch.arange(1, 7).double()
    for value in (found.lse, found.entropy, found.renyi2):
        torch.testing.assert_close(value[0, 0].double(), n.log(), rtol=1e-6, atol=1e-6)
    for value in (found.max_probability, found.sink_mass):
        torch.testing.assert_close(value[0, 0].double(), 1 / n, rtol=1e-6, atol=0)
    assert found.previous_token_mass[0, 0, 0] == 0


@pytest.mark.parametrize("causal", [True, False])
def test_entropies_are_ordered_and_bounded(causal):
    q, k = heads(2, 3, 3, 50, 8)
    s = attention_statistics(q * 3, k, causal=causal, per_row=True)
    # Renyi entropies fall with their order: Shannon >= 2 >= infinity.
    assert (s.entropy >= s.renyi2 - 1e-5).all()
    assert (s.renyi2 >= -s.max_probability.log() - 1e-5).all()
    assert (s.entropy <= math.log(50) + 1e-5).all()
    assert (s.sink_mass + s.previous_token_mass <= 2 * s.max_probability + 1e-6).all()


def test_entropy_is_what_attention_with_v_equal_to_k_gives():
    q, k = heads(1, 2, 2, 64, 16)
    scale = 16**-0.5
    s = attention_statistics(q, k, causal=True, per_row=True)
    mean_key = torch.nn.functional.scaled_dot_product_attention(q, k, k, is_causal=True)
    expected = s.lse - scale * (q * mean_key).sum(-1)  # DESIGN, 'Attention entropy'
    torch.testing.assert_close(s.entropy, expected, rtol=1e-4, atol=1e-5)


def test_means_are_over_the_rows_asked_for():
    q, k = heads(2, 4, 2, 30, 8)
    rows = torch.tensor([3, 7, 7, 29])
    by_row = attention_statistics(q, k, rows=rows, per_row=True)
    for mean, values in zip(attention_statistics(q, k, rows=rows), by_row, strict=True):
        assert mean.shape == (2, 4)
        torch.testing.assert_close(mean, values.mean(-1))


def test_a_common_shift_of_keys_moves_only_lse():
    q, k = heads(1, 2, 2, 40, 8)
    a = attention_statistics(q, k, per_row=True)
    b = attention_statistics(q, k + torch.ones(8), per_row=True)
    assert not torch.allclose(a.lse, b.lse)
    for name in ("entropy", "renyi2", "max_probability", "sink_mass", "previous_token_mass"):
        torch.testing.assert_close(getattr(a, name), getattr(b, name), rtol=1e-4, atol=1e-5)


def test_the_number_of_threads_changes_no_bit():
    q, k = heads(1, 3, 1, 333, 24)
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(torch.stack(attention_statistics(q, k, per_row=True)))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_nan_reaches_only_rows_that_see_it():
    q, k = heads(1, 1, 1, 40, 8)
    k[0, 0, 20] = float("nan")
    for value in attention_statistics(q, k, per_row=True):
        assert value[0, 0, :20].isfinite().all()
        assert value[0, 0, 21:].isnan().all()


def test_infinite_scores_do_not_crash():
    q, k = heads(1, 1, 1, 40, 8)
    k[0, 0, 5] = float("inf")
    s = attention_statistics(q, k, per_row=True)
    assert s.entropy[0, 0, :5].isfinite().all()
    assert not s.lse[0, 0, 5:].isfinite().any() or s.lse[0, 0, 5:].isnan().any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_operator_contract(dtype):
    q, k = heads(2, 4, 2, 9, 8, dtype=dtype)
    for rows in (None, torch.tensor([0, 8, 3])):
        torch.library.opcheck(torch.ops.masga.attention_statistics.default, (q, k, 0.3, True, rows))


GOOD_Q = torch.ones(1, 4, 5, 8)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        ((1, GOOD_Q), {}, TypeError, "q must be a torch.Tensor, but got int"),
        ((GOOD_Q.double(), GOOD_Q.double()), {}, TypeError, "q must be float32, bfloat16 or float16, but its dtype is torch.float64"),
        ((GOOD_Q, GOOD_Q.half()), {}, TypeError, "k must have the dtype of q"),
        ((GOOD_Q[0], GOOD_Q[0]), {}, ValueError, "q and k must be"),
        ((GOOD_Q, GOOD_Q[:, :, :4]), {}, ValueError, "must agree but for the heads"),
        ((GOOD_Q, GOOD_Q[:, :3]), {}, ValueError, "must divide that of query heads, 4, but got 3"),
        ((GOOD_Q[:, :, :0], GOOD_Q[:, :, :0]), {}, ValueError, "at least one query row"),
        ((GOOD_Q[..., :0], GOOD_Q[..., :0]), {}, ValueError, "1 <= D <= 256 must hold, but got D=0"),
        ((GOOD_Q, GOOD_Q), {"rows": torch.tensor([5])}, ValueError, "0 <= rows < 5 must hold, but got 5 to 5"),
        ((GOOD_Q, GOOD_Q), {"rows": torch.tensor([-1, 2])}, ValueError, "0 <= rows < 5 must hold, but got -1 to 2"),
        ((GOOD_Q, GOOD_Q), {"rows": torch.tensor([0.0])}, TypeError, "rows must be int64"),
    ],
)  # fmt: skip
def test_bad_input(arguments, options, error, text):
    with pytest.raises(error, match=text):
        attention_statistics(*arguments, **options)
