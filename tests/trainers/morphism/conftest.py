"""Donors for tests of morphisms: small, trained a little, gains and biases far from one and zero."""

from dataclasses import replace

import pytest
import torch
from hypothesis import strategies as st

from search_spaces.gpt.architecture import Architecture
from search_spaces.gpt.protocol import Protocol
from trainers.model import Transformer
from trainers.state import MemberState, Position

VOCABULARY, CONTEXT = 29, 12

BASE = Architecture(
    vocab_size=VOCABULARY,
    context_length=CONTEXT,
    num_layers=2,
    d_model=32,
    head_dim=16,
    num_heads=(2, 4),
    num_kv_heads=(2, 2),
    d_ff=(32, 48),
    activation="gelu",
    norm="rms",
    position="rotary",
    qk_norm=False,
    tied_embeddings=False,
)

PROTOCOL = Protocol(
    optimizer="adamw",
    learning_rate=3e-3,
    schedule="constant",
    warmup_fraction=0.0,
    decay_fraction=0.1,
    weight_decay=0.01,
    beta1=0.9,
    beta2=0.95,
    clip_norm=1.0,
    batch_tokens=512,
    batch_ramp=1,
    sequence_ramp=1,
    dropout=0.0,
    attention_lr_multiplier=1.0,
    ffn_lr_multiplier=1.0,
    embedding_lr_multiplier=1.0,
    data_mix=(1.0,),
)


def batch(generator, sequences=8, length=CONTEXT + 1):
    """Draw sequences with something to learn: each token follows from the one before, mostly."""
    tokens = torch.randint(VOCABULARY, (sequences, length), generator=generator)
    for t in range(1, length):
        follows = torch.rand(sequences, generator=generator) < 0.8
        tokens[:, t] = torch.where(follows, (3 * tokens[:, t - 1] + 7) % VOCABULARY, tokens[:, t])
    return tokens


class Bench:
    """Makes members, reads their logits, goes on training them; plain torch, no trainer."""

    base = BASE

    def load(self, state):
        model = Transformer(state.architecture)
        tensors = {n[6:]: t.clone() for n, t in state.tensors.items() if n.startswith("model.")}
        model.load_state_dict(tensors, strict=True)
        return model

    def optimizer(self, model, state=None, learning_rate=3e-3, beta2=0.95):
        optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, betas=(0.9, beta2))
        if state is not None:
            for name, parameter in model.named_parameters():
                prefix = f"optimizer.{name}."
                slots = {
                    n.removeprefix(prefix): t.clone()
                    for n, t in state.tensors.items()
                    if n.startswith(prefix)
                }
                for slot in slots.values():
                    assert slot.ndim == 0 or slot.shape == parameter.shape
                optimizer.state[parameter] = slots
        return optimizer

    def train(self, model, optimizer, steps, generator):
        losses = []
        for _ in range(steps):
            tokens = batch(generator)
            optimizer.zero_grad()
            loss = model.loss(tokens[:, :-1], tokens[:, 1:]).mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    def donor(self, architecture, *, seed=0, steps=4, measured=True, scrambled=True):
        generator = torch.Generator().manual_seed(seed)
        model = Transformer(architecture)
        model.initialise(generator)
        if scrambled:
            with torch.no_grad():
                for parameter in model.parameters():
                    if parameter.ndim == 1:
                        parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
                    else:
                        parameter.mul_(4.0)
        optimizer = self.optimizer(model)
        self.train(model, optimizer, steps, generator)
        return self.state(model, optimizer, generator if measured else None)

    def state(self, model, optimizer, generator=None):
        a = model.architecture
        tensors = {f"model.{n}": t.detach().clone() for n, t in model.state_dict().items()}
        for name, parameter in model.named_parameters():
            for slot, tensor in optimizer.state[parameter].items():
                tensors[f"optimizer.{name}.{slot}"] = tensor.clone()
        drawn = None if generator is None else torch.rand(200, generator=generator).tolist()
        return MemberState(
            architecture=a,
            protocol=PROTOCOL,
            position=Position(tokens=4800, windows=(400,), steps=4),
            tensors=tensors,
            head_utility=()
            if drawn is None
            else tuple(tuple(drawn.pop() for _ in range(h)) for h in a.num_heads),
            ffn_utility=() if drawn is None else tuple(drawn.pop() for _ in a.d_ff),
            embedding_utility=None if drawn is None else drawn.pop(),
        )

    @torch.no_grad()
    def logits(self, state, length=CONTEXT):
        tokens = batch(torch.Generator().manual_seed(99), sequences=6)[:, :length]
        return self.load(state).eval()(tokens)

    def difference(self, donor, child):
        length = min(donor.architecture.context_length, child.architecture.context_length)
        return (self.logits(donor, length) - self.logits(child, length)).abs().max().item()

    def gradients(self, state):
        """Gradients of every parameter on one fixed batch."""
        model = self.load(state)
        tokens = batch(torch.Generator().manual_seed(77))
        model.loss(tokens[:, :-1], tokens[:, 1:]).mean().backward()
        return {name: parameter.grad for name, parameter in model.named_parameters()}

    def with_gradients_as_moments(self, state):
        """The state whose first moments are its gradients and whose second are their squares."""
        tensors = dict(state.tensors)
        for name, gradient in self.gradients(state).items():
            tensors[f"optimizer.{name}.exp_avg"] = gradient
            tensors[f"optimizer.{name}.exp_avg_sq"] = gradient.square()
        return replace(state, tensors=tensors)

    def architectures(self):
        return architectures()

    def grown(self, a):
        return grown(a)


@st.composite
def architectures(draw):
    """Any architecture over the vocabulary, small."""
    layers = draw(st.integers(1, 3))
    groups = [draw(st.sampled_from(GROUPS)) for _ in range(layers)]
    return Architecture(
        vocab_size=VOCABULARY,
        context_length=draw(st.sampled_from((CONTEXT, 16))),
        num_layers=layers,
        d_model=draw(st.sampled_from((16, 32, 48))),
        head_dim=draw(st.sampled_from((4, 8, 16))),
        num_heads=tuple(h for h, _ in groups),
        num_kv_heads=tuple(k for _, k in groups),
        d_ff=tuple(draw(st.sampled_from((16, 32, 80))) for _ in range(layers)),
        activation=draw(st.sampled_from(("gelu", "relu2", "swiglu"))),
        norm=draw(st.sampled_from(("layer", "rms"))),
        position=draw(st.sampled_from(("rotary", "learned", "alibi"))),
        qk_norm=draw(st.booleans()),
        tied_embeddings=draw(st.booleans()),
    )


GROUPS = tuple((h, k) for h in range(1, 9) for k in range(1, h + 1) if h % k == 0)
"""All (query heads, key-value heads) up to 8."""


@st.composite
def grown(draw, a):
    """An architecture that differs from `a` by one move that keeps the function."""
    i = draw(st.integers(0, a.num_layers - 1))
    heads, kv_heads = a.num_heads[i], a.num_kv_heads[i]
    h, k = draw(st.sampled_from(GROUPS))

    def put(vector, value):
        return (*vector[:i], value, *vector[i + 1 :])

    def insert(vector, value):
        return (*vector[:i], value, *vector[i:])

    layer = {
        "num_layers": a.num_layers + 1,
        "num_heads": insert(a.num_heads, h),
        "num_kv_heads": insert(a.num_kv_heads, k),
        "d_ff": insert(a.d_ff, 24),
    }
    one_group_more = {
        "num_heads": put(a.num_heads, heads + heads // kv_heads),
        "num_kv_heads": put(a.num_kv_heads, kv_heads + 1),
    }
    changes = [
        layer,
        one_group_more,
        {"num_heads": put(a.num_heads, heads + kv_heads)},
        {"num_kv_heads": put(a.num_kv_heads, heads)},
        {"d_ff": put(a.d_ff, a.d_ff[i] + draw(st.sampled_from((1, 32))))},
        {"d_model": a.d_model + draw(st.sampled_from((1, 16, 64)))},
        {"context_length": a.context_length + 4},
    ]
    changes += [{"head_dim": a.head_dim * 2}] * (not a.qk_norm)
    changes += [{"tied_embeddings": False}] * a.tied_embeddings
    return replace(a, **draw(st.sampled_from(changes)))


@pytest.fixture(scope="session")
def bench():
    return Bench()
