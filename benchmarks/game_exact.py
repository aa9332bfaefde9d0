"""Time and memory of the exact cooperative values of 20 players.

OMP_NUM_THREADS=1 PYTHONPATH=. python benchmarks/game_exact.py [--players 20]
"""

from __future__ import annotations

import argparse
import time
import tracemalloc

import numpy as np

from orchestrator.game import (
    banzhaf,
    energy_by_order,
    k_sii,
    moebius,
    owen,
    shapley,
    shapley_interactions,
    shapley_taylor,
    walsh,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--players", type=int, default=20)
    n = parser.parse_args().players
    values = np.random.default_rng(0).normal(size=1 << n)
    unions = [tuple(range(start, min(start + 4, n))) for start in range(0, n, 4)]
    functions = {
        "shapley": lambda: shapley(values),
        "banzhaf": lambda: banzhaf(values),
        "owen, unions of 4": lambda: owen(values, unions),
        "moebius": lambda: moebius(values),
        "walsh": lambda: walsh(values),
        "energy_by_order": lambda: energy_by_order(values),
        "shapley_interactions, pairs": lambda: shapley_interactions(values),
        "k_sii, pairs": lambda: k_sii(values),
        "shapley_taylor, order 3": lambda: shapley_taylor(values, order=3),
    }
    print(f"| {n} players | time | memory beyond the table of {values.nbytes / 1e6:.0f} MB |")
    print("|---|---|---|")
    for name, function in functions.items():
        start = time.perf_counter()
        function()
        seconds = time.perf_counter() - start
        tracemalloc.start()
        function()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"| {name} | {1e3 * seconds:.0f} ms | {peak / 1e6:.0f} MB |")


if __name__ == "__main__":
    main()
