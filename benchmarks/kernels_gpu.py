"""CUDA kernels against float64 references and beside the best public way; see gpu_kernels.sh.

python benchmarks/kernels_gpu.py --check [--small]    equality, identities, determinism
python benchmarks/kernels_gpu.py --time WHAT          attention, attribution or taps, as a table
python benchmarks/kernels_gpu.py --resources LOG      registers, spills, shared memory of ptxas
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CHECKS = {"made": 0, "failed": 0}
TOLERANCE = 2e-6


def expect(what: str, error: float, tolerance: float) -> None:
    """Count a check; print it if it failed."""
    CHECKS["made"] += 1
    if not error <= tolerance:
        CHECKS["failed"] += 1
        print(f"FAILED {what}: error {error:.3g} above {tolerance:.3g}")


def check(*, small: bool) -> int:
    """Compare every operator with float64; return the number of failures."""
    import torch

    import cuda_ext

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # asked for by the next line
    torch.use_deterministic_algorithms(True)  # fresh tensors are filled with NaN
    status = cuda_ext.status()
    if not torch.cuda.is_available():
        print("torch sees no CUDA device: not measured")
        return 1
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {status.cuda}")
    print(f"level {status.cuda_level}")
    if not status.cuda.loaded:
        return 1
    check_attribution(small=small)
    check_taps()
    check_attention(small=small)
    check_embedding()
    torch.cuda.synchronize()
    print(f"{CHECKS['made']} checks, {CHECKS['failed']} failed")
    return CHECKS["failed"]


def check_attribution(*, small: bool) -> None:
    import torch

    from cuda_ext.ops import grouped_attribution

    shapes = [(2, 37, 96), (1, 1, 8), (3, 130, 1040)]
    shapes += (
        [] if small else [(8, 1024, 768), (1, 5000, 4096), (2, 513, 12288), (0, 3, 8), (2, 0, 8)]
    )
    for dtype in (torch.float32, torch.bfloat16, torch.float16, torch.float64):
        for B, T, C in shapes:
            x, g = (torch.randn(B, T, C, device="cuda").to(dtype) for _ in range(2))
            sizes = [d for d in range(1, min(C, 4096) + 1) if C % d == 0][:: 4 if small else 1]
            for size in sizes:
                compare_attribution(f"{dtype} {(B, T, C)}", x, g, size)
        B, T, H, D = 2, 70, 6, 64
        heads = torch.randn(B, H, T, D, device="cuda").to(dtype).transpose(1, 2)
        joined = torch.randn(B, T, H, D, device="cuda").to(dtype)
        odd = torch.randn(B, T, H, D + 3, device="cuda").to(dtype)[..., 1 : D + 1]
        spread = torch.randn(1, 1, H, 1, device="cuda").to(dtype).expand(B, T, H, D)
        for x, g in ((heads, joined), (heads, heads), (odd, heads), (joined, spread)):
            for size in (1, 4, 32, 64, 128, H * D):
                compare_attribution(f"{dtype} strides {x.stride()} {g.stride()}", x, g, size)
        x, g = (torch.randn(4, 999, 768, device="cuda").to(dtype) for _ in range(2))
        for size in (1, 3, 64, 768):
            first = torch.stack(grouped_attribution(x, g, size))
            second = torch.stack(grouped_attribution(x, g, size))
            expect(f"{dtype} same bits, group {size}", float(not torch.equal(first, second)), 0)


def compare_attribution(what, x, g, size) -> None:
    from cuda_ext.ops import grouped_attribution

    B, T = x.shape[:2]
    groups = x.shape[2:].numel() // size
    delta = (x.double() * g.double()).reshape(B, T, groups, size).sum(-1)
    exact = (delta.sum(1), delta.abs().sum(1), delta.square().sum(1))
    for accumulate, tolerance in (("float32", TOLERANCE), ("float64", 1e-13)):
        found = grouped_attribution(x, g, size, accumulate=accumulate)
        for value, right, scale in zip(found, exact, (exact[1], exact[1], exact[2]), strict=True):
            error = ((value - right).norm() / scale.norm().clamp(min=1e-30)).item()
            expect(f"attribution {what} group {size} {accumulate}", error, tolerance)


def check_taps() -> None:
    import torch

    from cuda_ext import reference
    from cuda_ext.ops import attribution_tap

    def run(tap):
        torch.manual_seed(0)
        buffer = torch.zeros(3, 4, 12, device="cuda")
        x = torch.randn(4, 64, 768, device="cuda", dtype=torch.bfloat16, requires_grad=True)
        w = torch.randn(768, 768, device="cuda", dtype=torch.bfloat16)
        for _ in range(2):
            h = torch.tanh(x @ w)
            h = h if tap is None else tap(h, buffer, 64)
            (h @ w).float().square().mean().backward()
        return x.grad, buffer

    (plain, _), (kernel, mine), (_, other) = (
        run(None),
        run(attribution_tap),
        run(reference.attribution_tap),
    )
    expect("tap leaves gradients alone", float(not torch.equal(plain, kernel)), 0)
    expect("tap equals its reference", ((mine - other).norm() / other.norm()).item(), 1e-5)


def check_attention(*, small: bool) -> None:
    import torch

    from cuda_ext import reference
    from cuda_ext.ops import AttentionStatistics, attention_statistics

    shapes = [
        (1, 1, 1, 1, 8),
        (2, 4, 2, 67, 64),
        (1, 2, 1, 200, 33),
        (1, 2, 2, 150, 128),
        (1, 1, 1, 90, 256),
        (1, 2, 1, 127, 40),
        (1, 1, 1, 201, 136),
    ]
    shapes += [] if small else [(1, 2, 1, 4097, 64), (2, 3, 1, 700, 96), (1, 1, 1, 32768, 64)]
    shapes += [] if small else [(2, 4, 2, 1031, 128), (1, 2, 1, 513, 256)]
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        for B, H, K, T, D in shapes:
            q = torch.randn(B, T, H, D, device="cuda").to(dtype).transpose(1, 2)
            k = torch.randn(B, K, T, D, device="cuda").to(dtype)
            some = torch.randperm(T, device="cuda")[: max(1, T // 8)]
            for causal in (True, False):
                for rows in (None, some):
                    if T > 10_000 and rows is None:
                        continue
                    what = f"{dtype} {(B, H, K, T, D)} causal={causal} rows={rows is not None}"
                    found = attention_statistics(q, k, causal=causal, rows=rows, per_row=True)
                    exact = reference.attention_statistics(
                        q.double(), k.double(), D**-0.5, causal, rows
                    )
                    for name, a, b in zip(AttentionStatistics._fields, found, exact, strict=True):
                        error = ((a - b).norm() / (b.norm() + 1e-6 * b.numel() ** 0.5)).item()
                        expect(f"attention {what} {name}", error, 5e-6 if b.norm() > 1e-3 else 1.0)
                    again = attention_statistics(q, k, causal=causal, rows=rows, per_row=True)
                    same = torch.equal(torch.stack(found), torch.stack(again))
                    expect(f"attention {what} same bits", float(not same), 0)
    for dtype in (torch.float32, torch.bfloat16):
        q, k = (torch.randn(1, 2, 300, 64, device="cuda").to(dtype) for _ in range(2))
        found = attention_statistics(q, k, scale=-0.2, per_row=True)
        other = attention_statistics(-q, k, scale=0.2, per_row=True)
        same = torch.equal(torch.stack(found), torch.stack(other))
        expect(f"attention {dtype}, a negative scale", float(not same), 0)
        q.fill_(1.0)
        k[:, :, 70] = float("-inf")
        found = attention_statistics(q, k, per_row=True)
        exact = reference.attention_statistics(q.double(), k.double(), 64**-0.5, True, None)
        for name, a, b in zip(AttentionStatistics._fields, found, exact, strict=True):
            expect(
                f"attention {dtype}, a key of minus infinity, {name}", (a - b).norm().item(), 1e-3
            )
    q = torch.randn(1, 1, 9, 16, device="cuda")
    bad = attention_statistics(q, q, rows=torch.tensor([3, 9], device="cuda"), per_row=True)
    expect("a row out of range is NaN", float(not all(v[0, 0, 1].isnan() for v in bad[:5])), 0)


def check_embedding() -> None:
    import torch

    from cuda_ext import reference
    from cuda_ext.ops import embedding_attribution

    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        for T, buckets in ((1, 1), (300, 7), (2000, 300)):
            tokens = torch.randint(0, 999, (3, T), device="cuda")
            table = torch.randint(0, buckets, (999,), device="cuda")
            x, g = (torch.randn(3, T, 200, device="cuda").to(dtype) for _ in range(2))
            found = embedding_attribution(tokens, x, g, table, buckets)
            torch.use_deterministic_algorithms(False)  # scatter_add of the reference
            exact = reference.embedding_attribution(tokens, x.double(), g.double(), table, buckets)
            torch.use_deterministic_algorithms(True)
            for value, right in zip(found, exact, strict=True):
                error = ((value - right).norm() / exact[1].norm()).item()
                expect(f"embedding {dtype} {T} {buckets}", error, 1e-4)
    tokens[1, 0] = 999
    bad = embedding_attribution(tokens, x, g, table, buckets).signed
    expect(
        "an id out of range is NaN",
        float(not (bad[1].isnan().all() and bad[0].isfinite().all())),
        0,
    )


def seconds(candidates: dict[str, Callable[[], object]], rounds: int = 30) -> dict[str, float]:
    """Median of each candidate's times on the device; all take turns."""
    import torch

    times: dict[str, list[float]] = {name: [] for name in candidates}
    for index in range(rounds + 3):
        for name, run in candidates.items():
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            run()
            end.record()
            end.synchronize()
            if index >= 3:
                times[name].append(start.elapsed_time(end) / 1e3)
    return {name: statistics.median(values) for name, values in times.items()}


def rotating(run: Callable[..., object], sets: list[tuple]) -> Callable[[], object]:
    """Call `run` with the next of several sets of tensors, so that no cache holds them."""
    state = {"next": 0}

    def call() -> object:
        state["next"] = (state["next"] + 1) % len(sets)
        return run(*sets[state["next"]])

    return call


def time_attribution() -> None:
    import torch

    from cuda_ext import reference
    from cuda_ext.ops import grouped_attribution

    print("| x, grad | group size | kernel GB/s | of device copy | of eager | of torch.compile |")
    print("|---|---|---|---|---|---|")
    compiled = torch.compile(reference.grouped_attribution, dynamic=False)
    shapes = [(8, 1024, 2048), (16, 2048, 2048), (8, 2048, 4096)]
    for dtype in (torch.bfloat16, torch.float32):
        for B, T, C in shapes:
            size = B * T * C * dtype.itemsize
            count = max(2, 2**28 // size)
            sets = [
                tuple(torch.randn(B, T, C, device="cuda").to(dtype) for _ in range(2))
                for _ in range(count)
            ]
            for group in (1, 64, 128, C):
                torch.compiler.reset()
                found = seconds(
                    {
                        "kernel": rotating(lambda x, g: grouped_attribution(x, g, group), sets),  # noqa: B023
                        "copy": rotating(lambda x, g: x.copy_(g), sets),
                        "eager": rotating(
                            lambda x, g: reference.grouped_attribution(x, g, group),  # noqa: B023
                            sets,
                        ),
                        "compiled": rotating(lambda x, g: compiled(x, g, group), sets),  # noqa: B023
                    }
                )
                own = found["kernel"]  # reads two tensors; a copy reads one and writes one
                print(
                    f"| {str(dtype).removeprefix('torch.')} ({B}, {T}, {C}) | {group} "
                    f"| {2 * size / own / 1e9:.0f} | {found['copy'] / own:.2f}x "
                    f"| {found['eager'] / own:.1f}x | {found['compiled'] / own:.1f}x |"
                )


def time_attention() -> None:
    import torch
    import torch.nn.functional as F
    from torch.nn.attention import SDPBackend, sdpa_kernel

    from cuda_ext.ops import attention_statistics

    print("\n| attention statistics, causal, bf16 | time | of flash attention with V := K |")
    print("|---|---|---|")
    for B, H, T, D in ((4, 16, 4096, 64), (4, 16, 4096, 128), (1, 16, 16384, 128)):
        q, k = (torch.randn(B, H, T, D, device="cuda", dtype=torch.bfloat16) for _ in range(2))
        some = torch.arange(0, T, 8, device="cuda")
        with sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION]):
            found = seconds(
                {
                    "all rows": lambda: attention_statistics(q, k, per_row=True),  # noqa: B023
                    "1/8 of the rows": lambda: attention_statistics(q, k, rows=some, per_row=True),  # noqa: B023
                    "flash": lambda: F.scaled_dot_product_attention(q, k, k, is_causal=True),  # noqa: B023
                }
            )
        for name in ("all rows", "1/8 of the rows"):
            print(
                f"| B={B} H={H} T={T} D={D}, {name} | {found[name] * 1e3:.2f} ms "
                f"| {found['flash'] / found[name]:.2f}x faster |"
            )


def time_taps() -> None:
    import torch

    from search_spaces.gpt.architecture import Architecture
    from trainers.model import Taps, Transformer

    architecture = Architecture(
        vocab_size=50304, context_length=1024, num_layers=12, d_model=768, head_dim=64,
        num_heads=(12,) * 12, num_kv_heads=(12,) * 12, d_ff=(3072,) * 12, activation="gelu",
        norm="rms", position="rotary", qk_norm=False, tied_embeddings=True,
    )  # fmt: skip
    model = Transformer(architecture)
    model.initialise(torch.Generator().manual_seed(0))
    model = model.cuda()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    tokens = torch.randint(0, 50304, (8, 1025), device="cuda")
    taps = Taps.zeros(architecture, 8, torch.device("cuda"))

    def step(used: Taps | None) -> None:
        optimizer.zero_grad()
        with torch.autocast("cuda", torch.bfloat16):
            loss = model.loss(tokens[:, :-1], tokens[:, 1:], taps=used).mean()
        loss.backward()
        optimizer.step()

    found = seconds({"plain": lambda: step(None), "taps": lambda: step(taps)})
    print("\n| training step, 124M parameters, 8 x 1024 tokens, bf16 | extra time |\n|---|---|")
    print(
        f"| {found['plain'] * 1e3:.1f} ms | {100 * (found['taps'] / found['plain'] - 1):+.2f} % |"
    )


def resources(log: Path) -> int:
    """Print what ptxas said, the largest first; return the number of kernels that spill."""
    pattern = re.compile(
        r"Function properties for (\S+)\s+(\d+) bytes stack frame, (\d+) bytes spill stores, "
        r"(\d+) bytes spill loads\s+ptxas info\s+: Used (\d+) registers([^\n]*)"
    )
    rows = []
    for name, stack, stores, loads, registers, rest in pattern.findall(log.read_text()):
        short = re.search(r"\d([a-z_]+)(I\S*?EEv|E[vl])", name)
        shared = re.search(r"(\d+) bytes smem", rest)
        rows.append(
            (
                short.group(1) if short else name,
                int(registers),
                int(stack),
                int(stores) + int(loads),
                int(shared.group(1)) if shared else 0,
            )
        )
    print("| kernel (most of its instances) | instances | registers | stack | spilled | shared |")
    print("|---|---|---|---|---|---|")
    for kernel in sorted({r[0] for r in rows}):
        of = [r[1:] for r in rows if r[0] == kernel]
        most = " | ".join(str(max(column)) for column in zip(*of, strict=True))
        print(f"| {kernel} | {len(of)} | {most} |")
    print("\nBytes; attention kernels also ask for shared memory when launched (18 to 133 KB).")
    return sum(r[3] > 0 for r in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true")
    what.add_argument("--time", choices=("attention", "attribution", "taps"), metavar="WHAT")
    what.add_argument("--resources", type=Path, metavar="LOG")
    parser.add_argument("--small", action="store_true", help="few shapes, for memory checkers")
    options = parser.parse_args()
    if options.check:
        sys.exit(min(check(small=options.small), 1))
    if options.time:
        import torch

        torch.manual_seed(0)
        {"attention": time_attention, "attribution": time_attribution, "taps": time_taps}[
            options.time
        ]()
    else:
        sys.exit(min(resources(options.resources), 1))


if __name__ == "__main__":
    main()
