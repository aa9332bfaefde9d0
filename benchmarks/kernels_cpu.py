"""CPU kernels beside a plain sum, eager PyTorch and torch.compile, in one run; Markdown tables.

    python benchmarks/kernels_cpu.py [--threads 2] [--rounds 9] [--megabytes 128] [--only taps]

All candidates of a row take turns, so that what else the machine does falls on each alike; their
fastest rounds are compared, of training steps the median of pairs. Bandwidth counts x and grad
once. The plain sum reads as many bytes of float32 from one tensor: it is the read bandwidth that
PyTorch itself reaches.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

import cuda_ext
from cuda_ext import reference
from cuda_ext.ops import attention_statistics, grouped_attribution
from search_spaces.gpt.architecture import Architecture
from trainers.model import Taps, Transformer

if TYPE_CHECKING:
    from collections.abc import Callable


def measure(candidates: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of each candidate's fastest round; all take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for index in range(rounds + 1):
        for name, run in candidates.items():
            start = time.perf_counter()
            run()
            if index > 0:  # the first round warms up
                seconds[name].append(time.perf_counter() - start)
    return {name: min(values) for name, values in seconds.items()}


def paired(
    plain: Callable[[], object], other: Callable[[], object], pairs: int
) -> tuple[float, float, float]:
    """Median seconds of `plain`, median share that `other` takes longer, and its standard error.

    Each pair runs both, in turns first, so that what the machine does besides falls on both alike.
    """
    seconds: list[float] = []
    extra: list[float] = []
    for index in range(pairs + 2):
        times = {}
        for run in (plain, other) if index % 2 else (other, plain):
            start = time.perf_counter()
            run()
            times[run] = time.perf_counter() - start
        if index >= 2:  # the first two warm up
            seconds.append(times[plain])
            extra.append(times[other] / times[plain] - 1)
    spread = statistics.median(abs(e - statistics.median(extra)) for e in extra)
    # Of a median of normal samples, whose median absolute deviation is 0.6745 standard deviations.
    error = spread / 0.6745 * (math.pi / 2 / pairs) ** 0.5
    return statistics.median(seconds), statistics.median(extra), error


def attribution_rows(rounds: int, megabytes: int) -> None:
    print("| dtype | group size | kernel GB/s | of a plain sum | of eager | of torch.compile |")
    print("|---|---|---|---|---|---|")
    compiled = torch.compile(reference.grouped_attribution, dynamic=False)
    B, T, C = 4, 1024, 1024
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        B = megabytes * 2**20 // (2 * T * C * dtype.itemsize)
        x, grad = (torch.randn(B, T, C).to(dtype) for _ in range(2))
        byte_count = 2 * x.numel() * x.element_size()
        flat = torch.randn(byte_count // 4)
        for group_size in (1, 8, 64, 128, C):
            torch.compiler.reset()
            seconds = measure(
                {
                    "kernel": lambda: grouped_attribution(x, grad, group_size),  # noqa: B023
                    "sum": flat.sum,
                    "eager": lambda: reference.grouped_attribution(x, grad, group_size),  # noqa: B023
                    "compiled": lambda: compiled(x, grad, group_size),  # noqa: B023
                },
                rounds,
            )
            own = seconds["kernel"]
            print(
                f"| {str(dtype).removeprefix('torch.')} | {group_size} "
                f"| {byte_count / own / 1e9:.1f} | {seconds['sum'] / own:.2f}x "
                f"| {seconds['eager'] / own:.1f}x | {seconds['compiled'] / own:.1f}x |"
            )


def cached_rows(rounds: int) -> None:
    """Tensors that stay in the caches: what the arithmetic alone reaches, whatever memory does."""
    sizes = (1, 2, 8, 16, 32, 64, 128, 256, 1024)
    print(f"\n| GB/s from the caches, group size | {' | '.join(map(str, sizes))} |")
    print(f"|---|{'---|' * len(sizes)}")
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        x, grad = (torch.randn(1, 256, 1024).to(dtype) for _ in range(2))
        byte_count = 2 * x.numel() * x.element_size()
        cells = []
        for size in sizes:
            run = {"kernel": lambda: grouped_attribution(x, grad, size)}  # noqa: B023
            cells.append(f"{byte_count / measure(run, 20 * rounds)['kernel'] / 1e9:.1f}")
        print(f"| {str(dtype).removeprefix('torch.')} | {' | '.join(cells)} |")


def attention_rows(rounds: int) -> None:
    print(
        "\n| attention statistics, causal, float32, B=1 H=4 T=2048 | time | of SDPA with V := K |"
    )
    print("|---|---|---|")
    for D in (64, 128):
        q, k = torch.randn(1, 4, 2048, D), torch.randn(1, 4, 2048, D)
        some = torch.arange(0, 2048, 8)
        seconds = measure(
            {
                "all": lambda: attention_statistics(q, k),  # noqa: B023
                "some": lambda: attention_statistics(q, k, rows=some),  # noqa: B023
                "sdpa": lambda: F.scaled_dot_product_attention(q, k, k, is_causal=True),  # noqa: B023
            },
            rounds,
        )
        for name, label in (("all", "all rows"), ("some", "1/8 of the rows")):
            print(
                f"| D={D}, {label} | {seconds[name] * 1e3:.1f} ms "
                f"| {seconds['sdpa'] / seconds[name]:.1f}x faster |"
            )


def tap_rows(rounds: int) -> None:
    print("\n| training step with taps at every step, beside one without | extra time | ± |")
    print("|---|---|---|")
    for d_model, layers, length, batch in ((128, 4, 128, 16), (256, 6, 256, 8)):
        heads = d_model // 32
        architecture = Architecture(
            vocab_size=256, context_length=length, num_layers=layers, d_model=d_model, head_dim=32,
            num_heads=(heads,) * layers, num_kv_heads=(heads,) * layers,
            d_ff=(4 * d_model,) * layers, activation="gelu", norm="rms", position="rotary",
            qk_norm=False, tied_embeddings=True,
        )  # fmt: skip
        model = Transformer(architecture)
        model.initialise(torch.Generator().manual_seed(0))
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
        tokens = torch.randint(0, 256, (batch, length + 1))

        def step(taps: Taps | None) -> None:
            optimizer.zero_grad()  # noqa: B023
            model.loss(tokens[:, :-1], tokens[:, 1:], taps=taps).mean().backward()  # noqa: B023
            optimizer.step()  # noqa: B023

        def tapped() -> None:
            step(Taps.zeros(architecture, batch, torch.device("cpu")))  # noqa: B023

        plain, extra, error = paired(lambda: step(None), tapped, 8 * rounds)
        print(
            f"| {layers} layers, d_model {d_model}, {batch} x {length} tokens, "
            f"{plain * 1e3:.0f} ms | {100 * extra:+.1f} % | {100 * error:.1f} % |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--megabytes", type=int, default=128, help="x and grad together")
    parser.add_argument("--only", choices=("attribution", "cached", "attention", "taps"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    print(
        f"torch {torch.__version__}, {options.threads} thread(s), "
        f"kernels: {cuda_ext.status().cpu_level}\n"
    )
    tables = {
        "attribution": lambda: attribution_rows(options.rounds, options.megabytes),
        "cached": lambda: cached_rows(options.rounds),
        "attention": lambda: attention_rows(options.rounds),
        "taps": lambda: tap_rows(options.rounds),
    }
    for name, table in tables.items():
        if options.only in (None, name):
            table()


if __name__ == "__main__":
    main()
