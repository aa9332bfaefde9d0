"""Fitness with and without the game at equal tokens: several seeds of one run file, an arm each.

    OMP_NUM_THREADS=1 python benchmarks/game_fitness.py --run examples/ci.yaml --seeds 1 2 3

Prints the winner of every search on held-out text, with its size, and for each arm the paired
difference to plain fitness over seeds.
"""

from __future__ import annotations

import argparse
import statistics

import torch
from in_process import searched

FRONT = "nats_per_gflop: front"
PROPOSERS = "[{proposer: mutation, weight: 2}, {proposer: best_reply}, {proposer: replicator}]"
ARMS = {
    "plain": [],
    "price of the front": [f"fitness={{{FRONT}}}"],
    "game": [f"fitness={{{FRONT}, game: {{}}}}"],
    "game and its proposers": [f"fitness={{{FRONT}, game: {{}}}}", f"proposers={PROPOSERS}"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="examples/ci.yaml")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--set", dest="more", action="append", default=[])
    options = parser.parse_args()
    found: dict[str, dict[int, float]] = {}
    torch.set_num_threads(1)
    print("| arm | seed | bits per byte | parameters | tokens | GFLOPs of the search |")
    print("|---|---|---|---|---|---|")
    for arm in options.arms:
        for seed in options.seeds:
            bits = one(arm, seed, options.run, options.more)
            found.setdefault(arm, {})[seed] = bits
    plain = found.get("plain", {})
    for arm, by_seed in found.items():
        pairs = [by_seed[s] - plain[s] for s in by_seed if s in plain and arm != "plain"]
        if len(pairs) > 1:
            error = statistics.stdev(pairs) / len(pairs) ** 0.5
            print(f"{arm} - plain: {statistics.mean(pairs):+.4f} bits per byte, se {error:.4f}")


def one(arm: str, seed: int, run: str, more: list[str]) -> float:
    """Run one search to its end and print its line; return the winner's held-out bits per byte."""
    story = searched(run, [*ARMS[arm], *more], seed=seed)
    winner = story.assessed["winner"]
    print(
        f"| {arm} | {seed} | {winner.bits_per_byte:.4f} | {winner.parameters} | {story.tokens} "
        f"| {story.flops / 1e9:.1f} |",
        flush=True,
    )
    return winner.bits_per_byte


if __name__ == "__main__":
    main()
