"""How often the 95 % interval of `masga compare` holds the true difference of two winners.

python benchmarks/compare_intervals.py
"""

from __future__ import annotations

import argparse

import numpy as np

from orchestrator.comparing import significance


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=999)
    arguments = parser.parse_args()
    significance.RESAMPLES = arguments.resamples
    rng = np.random.default_rng(1)
    for batches in (6, 8, 16, 32):
        held = []
        for draw in (rng.standard_normal, lambda n: rng.exponential(size=n) - 1.0):
            drawn = [significance.paired_bootstrap(draw(batches)) for _ in range(arguments.cases)]
            held.append(sum(b.low <= 0 <= b.high for b in drawn) / arguments.cases)
        print(f"{batches} batches: normal {100 * held[0]:.1f} %, exponential {100 * held[1]:.1f} %")


if __name__ == "__main__":
    main()
