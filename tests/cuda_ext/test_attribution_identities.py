"""Laws that gate gradients obey in a transformer (DESIGN, section 4), each derived a second way."""

import pytest
import torch
import torch.nn.functional as F

from cuda_ext.ops import grouped_attribution
from search_spaces.gpt.architecture import Architecture
from trainers.model import Taps, Transformer

pytestmark = pytest.mark.filterwarnings("ignore:Kernels for:RuntimeWarning")

B, T, H, D, C = 3, 11, 4, 6, 20


class Attention:
    """One attention layer in float64 with every intermediate at hand; `gate` (H,) scales head outputs."""

    def __init__(self, *, rotation=None, gate=None):
        g = torch.Generator().manual_seed(7)

        def weight(*shape):
            return torch.randn(shape, generator=g, dtype=torch.float64) / shape[1] ** 0.5

        x, w_q, w_k = weight(B * T, C).view(B, T, C), weight(H * D, C), weight(H * D, C)
        w_v, self.w_o, target = weight(H * D, C), weight(C, H * D), weight(B * T, C).view(B, T, C)
        if rotation is not None:  # (H, D, D): turns values of each head, and back on the way out
            w_v = torch.einsum("hij,hjc->hic", rotation, w_v.view(H, D, C)).reshape(H * D, C)
            self.w_o = torch.einsum("chj,hij->chi", self.w_o.view(C, H, D), rotation).reshape(C, -1)
        self.w_o.requires_grad_()
        self.q, self.k, self.v = (
            (x @ w.T).view(B, T, H, D).transpose(1, 2).requires_grad_() for w in (w_q, w_k, w_v)
        )
        attended = F.scaled_dot_product_attention(self.q, self.k, self.v, is_causal=True)
        self.o = attended.transpose(1, 2)  # (B, T, H, D), strided as attention leaves it
        self.o.retain_grad()
        gated = self.o if gate is None else self.o * gate[:, None]
        loss = (gated.flatten(2) @ self.w_o.T - target).pow(4).mean()
        loss.backward()

    def signed(self, name):
        """Sum over tokens of <t, dL/dt> by (sequence, head)."""
        t = getattr(self, name)
        x, grad = (t, t.grad) if name == "o" else (t.transpose(1, 2), t.grad.transpose(1, 2))
        return grouped_attribution(x, grad, D, accumulate="float64").signed


def test_output_and_values_carry_the_same_attribution():
    layer = Attention()  # O is linear in V, head by head
    torch.testing.assert_close(layer.signed("o"), layer.signed("v"), rtol=1e-10, atol=1e-12)


def test_queries_and_keys_carry_the_same_attribution():
    layer = Attention()  # scores depend on their products alone
    torch.testing.assert_close(layer.signed("q"), layer.signed("k"), rtol=1e-10, atol=1e-12)


def test_the_batch_sum_is_that_of_the_output_weights():
    layer = Attention()
    of_weights = (layer.w_o * layer.w_o.grad).view(C, H, D).sum((0, 2))
    torch.testing.assert_close(layer.signed("o").sum(0), of_weights, rtol=1e-10, atol=1e-12)


def test_it_is_the_gradient_of_a_gate():
    gate = torch.ones(H, dtype=torch.float64, requires_grad=True)
    layer = Attention(gate=gate)
    torch.testing.assert_close(layer.signed("o").sum(0), gate.grad, rtol=1e-10, atol=1e-12)


def test_rotating_a_head_changes_no_statistic():
    g = torch.Generator().manual_seed(3)
    rotation = torch.linalg.qr(torch.randn(H, D, D, generator=g, dtype=torch.float64)).Q
    plain, turned = Attention(), Attention(rotation=rotation)
    assert not torch.allclose(plain.o, turned.o)
    for a, b in zip(
        grouped_attribution(plain.o, plain.o.grad, D, accumulate="float64"),
        grouped_attribution(turned.o, turned.o.grad, D, accumulate="float64"),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("norm", ["rms", "layer"])
@pytest.mark.parametrize("position", ["rotary", "learned", "alibi"])
def test_under_pre_norm_all_components_cancel(norm, position):
    """Scaling every component alike scales the stream, which the final norm undoes."""
    architecture = Architecture(
        vocab_size=31, context_length=16, num_layers=2, d_model=32, head_dim=8, num_heads=(4, 2),
        num_kv_heads=(2, 1), d_ff=(48, 32), activation="swiglu", norm=norm, position=position,
        qk_norm=False, tied_embeddings=False,
    )  # fmt: skip
    model = Transformer(architecture)
    g = torch.Generator().manual_seed(5)
    model.initialise(g)
    model = model.double()
    taps = Taps.zeros(architecture, 2, torch.device("cpu"))
    tokens = torch.randint(0, 31, (2, 17), generator=g)
    model.loss(tokens[:, :-1], tokens[:, 1:], taps=taps).mean().backward()
    signed, absolute, _ = taps.sums.double().sum((1, 2))
    assert (taps.sums[1] > 0).all()
    assert abs(signed) < 1e-6 * absolute
