"""Embedding attribution sums each token's gate gradient into the bucket of its id."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cuda_ext.ops import embedding_attribution, grouped_attribution

pytestmark = pytest.mark.filterwarnings("ignore:Kernels for:RuntimeWarning")


def case(B, T, C, V, K, *, dtype=torch.float32, seed=0):
    g = torch.Generator().manual_seed(seed)
    return (
        torch.randint(0, V, (B, T), generator=g),
        torch.randn(B, T, C, generator=g).to(dtype),
        torch.randn(B, T, C, generator=g).to(dtype),
        torch.randint(0, K, (V,), generator=g),
        K,
    )


@settings(max_examples=60, deadline=None)
@given(
    B=st.integers(0, 3), T=st.integers(0, 80), C=st.integers(0, 70), V=st.integers(1, 50),
    K=st.integers(1, 9), seed=st.integers(0, 99),
    dtype=st.sampled_from((torch.float32, torch.bfloat16, torch.float16, torch.float64)),
)  # fmt: skip
def test_equals_a_loop(*, B, T, C, V, K, seed, dtype):
    tokens, x, grad, buckets, _ = arguments = case(B, T, C, V, K, dtype=dtype, seed=seed)
    expected = torch.zeros(3, B, K, dtype=torch.float64)
    for b in range(B):
        for t in range(T):
            delta = (x[b, t].double() @ grad[b, t].double()).item()
            at = buckets[tokens[b, t]]
            expected[:, b, at] += torch.tensor([delta, abs(delta), delta**2]).double()
    sizes = (expected[1], expected[1], expected[2])
    for found, exact, size in zip(embedding_attribution(*arguments), expected, sizes, strict=True):
        assert found.dtype == torch.float32
        assert (found - exact).norm() <= 1e-6 * size.norm() + 1e-30


def test_one_bucket_is_the_whole_layer():
    tokens, x, grad, buckets, _ = case(2, 40, 24, 11, 1)
    for a, b in zip(
        embedding_attribution(tokens, x, grad, buckets, 1), grouped_attribution(x, grad, 24),
        strict=True,
    ):  # fmt: skip
        torch.testing.assert_close(a, b)


def test_operator_contract():
    torch.library.opcheck(torch.ops.masga.embedding_attribution.default, case(2, 7, 12, 11, 3))


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({0: torch.tensor([[0, 11]])}, ValueError, "0 <= tokens < 11 must hold, but got 0 to 11"),
        ({0: torch.tensor([[0, -1]])}, ValueError, "0 <= tokens < 11 must hold, but got -1 to 0"),
        ({0: torch.zeros(1, 2)}, TypeError, "tokens must be int64"),
        (
            {0: torch.zeros(1, 3, dtype=torch.int64)},
            ValueError,
            r"x must be \(B, T, C\) and tokens",
        ),
        ({3: torch.full((11,), 3)}, ValueError, "0 <= buckets < 3 must hold, but got 3 to 3"),
        ({3: "frequency"}, TypeError, "buckets must be a torch.Tensor, but got str"),
        ({4: 0}, ValueError, "num_buckets must be an int of at least 1, but got 0"),
        ({2: torch.ones(1, 2, 5)}, ValueError, "grad must have the shape of x"),
    ],
)
def test_bad_input(change, error, text):
    arguments = list(case(1, 2, 4, 11, 3))
    for at, value in change.items():
        arguments[at] = value
    with pytest.raises(error, match=text):
        embedding_attribution(*arguments)
