"""Tokens per second of a member on the CPU, beside a plain loop of the same shape, in one run.

    python benchmarks/trainer_speed.py [--shape gpt2|modern] [--vocab 256] [--rounds 9]

The plain loop is the usual small one: the same model written with one fused matrix for queries,
keys and values, torch's AdamW and gradient clipping with their defaults, random windows of the same
tokens in memory. Both train the same number of tokens in turn, and the ratio of each round is
taken, so that what else the machine does falls on both; beside the wall time stands the CPU time of
the process, which other processes disturb less. A member does more in its time (schedules, finite
checks, utilities every `--utility-every` steps). The allocator that a member settles for its
process serves both loops here, which favours the plain one.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from search_spaces.gpt.architecture import Architecture
from search_spaces.gpt.protocol import Protocol
from trainers.member import Member
from trainers.settings import TrainerSettings
from trainers.state import Position


class MemoryCorpus:
    """The same tokens for both loops: windows of a text held in memory, drawn at random."""

    num_sources = 1

    def __init__(self, vocab_size: int, context_length: int) -> None:
        text = b"".join(p.read_bytes() for p in sorted(Path(torch.__file__).parent.glob("*.py")))
        tokens = torch.frombuffer(bytearray(text[:2_000_000]), dtype=torch.uint8).long()
        # A larger vocabulary is imitated by pairing bytes: speed depends on its size alone.
        self.tokens = tokens if vocab_size <= 256 else (tokens[:-1] * 256 + tokens[1:]) % vocab_size
        self.vocab_size, self.context_length = vocab_size, context_length
        self.generator = torch.Generator().manual_seed(0)

    def start(self) -> Position:
        """Return the position of a member that has read nothing."""
        return Position(tokens=0, windows=(0,), steps=0)

    def draw(self, sequences: int, length: int) -> Tensor:
        """Draw windows (sequences, length + 1)."""
        starts = torch.randint(
            len(self.tokens) - length - 1, (sequences,), generator=self.generator
        )
        return torch.stack([self.tokens[i : i + length + 1] for i in starts])

    def batch(self, position: Position, *, seed, sequences, length, mix):  # noqa: ARG002
        """Draw windows as a corpus of `trainers.data` does."""
        return self.draw(sequences, length), replace(
            position, tokens=position.tokens + sequences * length
        )


class PlainNorm(nn.Module):
    """RMS norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise."""
        return F.rms_norm(x, self.weight.shape, self.weight, 1e-6)


class PlainBlock(nn.Module):
    """Attention and feed-forward, as usually written for heads of one number in all layers."""

    def __init__(self, a: Architecture, layer: int) -> None:
        super().__init__()
        self.heads, self.width = a.num_heads[layer], a.num_heads[layer] * a.head_dim
        self.modern = a.position == "rotary"
        norm = PlainNorm if a.norm == "rms" else nn.LayerNorm
        self.norm1, self.norm2 = norm(a.d_model), norm(a.d_model)
        self.qkv = nn.Linear(a.d_model, 3 * self.width, bias=False)
        self.out = nn.Linear(self.width, a.d_model, bias=False)
        hidden = a.d_ff[layer]
        self.up = nn.Linear(a.d_model, hidden, bias=False)
        self.gate = nn.Linear(a.d_model, hidden, bias=False) if self.modern else None
        self.down = nn.Linear(hidden, a.d_model, bias=False)

    def forward(self, x: Tensor, rotary: tuple[Tensor, Tensor] | None) -> Tensor:
        """Add both branches."""
        B, T, _ = x.shape
        qkv = self.qkv(self.norm1(x)).split(self.width, dim=2)
        q, k, v = (t.view(B, T, self.heads, -1).transpose(1, 2) for t in qkv)
        if rotary is not None:
            q, k = (t * rotary[0] + _half_turn(t) * rotary[1] for t in (q, k))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).contiguous().view(B, T, self.width))
        h = self.norm2(x)
        h = F.gelu(self.up(h)) if self.gate is None else F.silu(self.gate(h)) * self.up(h)
        return x + self.down(h)


def _half_turn(x: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


class PlainModel(nn.Module):
    """The model of the same shape."""

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.embedding = nn.Embedding(a.vocab_size, a.d_model)
        self.position = None
        self.rotary = None
        if a.position == "learned":
            self.position = nn.Embedding(a.context_length, a.d_model)
        else:
            frequency = 10_000.0 ** (-torch.arange(0, a.head_dim, 2) / a.head_dim)
            angle = torch.outer(torch.arange(a.context_length), frequency).repeat(1, 2)
            self.rotary = (angle.cos(), angle.sin())
        self.blocks = nn.ModuleList(PlainBlock(a, i) for i in range(a.num_layers))
        self.norm = (PlainNorm if a.norm == "rms" else nn.LayerNorm)(a.d_model)
        self.head = nn.Linear(a.d_model, a.vocab_size, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss."""
        x = self.embedding(tokens)
        if self.position is not None:
            x = x + self.position(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x, self.rotary)
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.view(-1, logits.size(-1)), targets.reshape(-1))


class PlainLoop:
    """The loop that one would write in an afternoon."""

    def __init__(self, a: Architecture, p: Protocol, corpus: MemoryCorpus, horizon: int) -> None:
        self.model, self.p, self.corpus, self.horizon = PlainModel(a), p, corpus, horizon
        for parameter in self.model.parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, 0.0, 0.02)
        parameters = list(self.model.parameters())
        groups = [
            {"params": [q for q in parameters if q.ndim >= 2], "weight_decay": p.weight_decay},
            {"params": [q for q in parameters if q.ndim < 2], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=p.learning_rate, betas=(p.beta1, p.beta2))
        self.done = 0

    def train(self, tokens: int) -> None:
        """Train."""
        length = self.corpus.context_length
        sequences = self.p.batch_tokens // length
        for _ in range(tokens // self.p.batch_tokens):
            rate = 0.5 * self.p.learning_rate * (1 + math.cos(math.pi * self.done / self.horizon))
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            x = self.corpus.draw(sequences, length)
            loss = self.model(x[:, :-1], x[:, 1:])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.p.clip_norm)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            self.done += sequences * length
            loss.item()


def genome(options: argparse.Namespace) -> tuple[Architecture, Protocol]:
    modern = options.shape == "modern"
    layers, width = options.layers, options.width
    architecture = Architecture(
        vocab_size=options.vocab,
        context_length=options.context,
        num_layers=layers,
        d_model=width,
        head_dim=32,
        num_heads=(width // 32,) * layers,
        num_kv_heads=(width // 32,) * layers,
        d_ff=((8 * width // 3) // 32 * 32 if modern else 4 * width,) * layers,
        activation="swiglu" if modern else "gelu",
        norm="rms" if modern else "layer",
        position="rotary" if modern else "learned",
        qk_norm=False,
        tied_embeddings=True,
    )
    protocol = Protocol(
        optimizer="adamw",
        learning_rate=1e-3,
        schedule="cosine",
        warmup_fraction=0.0,
        decay_fraction=0.2,
        weight_decay=0.1,
        beta1=0.9,
        beta2=0.95,
        clip_norm=1.0,
        batch_tokens=options.batch_tokens,
        batch_ramp=1,
        sequence_ramp=1,
        dropout=0.0,
        attention_lr_multiplier=1.0,
        ffn_lr_multiplier=1.0,
        embedding_lr_multiplier=1.0,
        data_mix=(1.0,),
    )
    return architecture, protocol


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=("gpt2", "modern"), default="gpt2")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--vocab", type=int, default=256)
    parser.add_argument("--context", type=int, default=128)
    parser.add_argument("--batch-tokens", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=10, help="steps in a round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--utility-every", type=int, default=8)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    architecture, protocol = genome(options)
    tokens = options.steps * options.batch_tokens
    horizon = tokens * (options.rounds + 1)
    corpus = MemoryCorpus(options.vocab, options.context)
    plain = PlainLoop(architecture, protocol, corpus, horizon)
    settings = TrainerSettings(
        seed=0,
        horizon_tokens=horizon,
        threads=options.threads,
        utility_every=options.utility_every,
    )
    member = Member.create(architecture, protocol, corpus=corpus, settings=settings, member_seed=0)
    size = sum(p.numel() for p in member.model.parameters())
    assert size == sum(p.numel() for p in plain.model.parameters()) or options.shape == "gpt2"
    seconds: dict[str, list[float]] = {"plain": [], "member": []}
    cpu_seconds: dict[str, list[float]] = {"plain": [], "member": []}
    for round_ in range(options.rounds + 1):
        for name in ("plain", "member") if round_ % 2 else ("member", "plain"):
            begun, cpu_begun = time.perf_counter(), time.process_time()
            (plain if name == "plain" else member).train(tokens)
            if round_:
                seconds[name].append(time.perf_counter() - begun)
                cpu_seconds[name].append(time.process_time() - cpu_begun)
    print(
        f"{options.shape}: {size:,} parameters, vocabulary {options.vocab}, batch "
        f"{options.batch_tokens}, {options.threads} thread(s)"
    )
    for name, values in seconds.items():
        best, median = tokens / min(values), tokens / statistics.median(values)
        print(f"  {name:7} {median:10,.0f} tokens/s median {best:10,.0f} best")
    for clock, values_of in (("wall", seconds), ("CPU", cpu_seconds)):
        ratios = [p / m for p, m in zip(values_of["plain"], values_of["member"], strict=True)]
        print(
            f"  member / plain by {clock} time: median {statistics.median(ratios):.3f}, "
            f"rounds {min(ratios):.3f} to {max(ratios):.3f}, "
            f"best of each {min(values_of['plain']) / min(values_of['member']):.3f}"
        )


if __name__ == "__main__":
    main()
