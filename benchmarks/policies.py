"""Selection policies and horizons at equal tokens: several seeds of one run file, an arm each.

    OMP_NUM_THREADS=1 python benchmarks/policies.py --seeds 1 2 3 4 5 [--run examples/demo.yaml]

Prints the winner of every search on held-out text, then each arm's difference to `independent`
(random search: nobody is replaced) and to `truncation`, paired over seeds: searches of one seed
begin with the same genomes and weights. `--out FILE` keeps the lines as they come, `--read FILE
...` compares what several runs have kept.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
from pathlib import Path

import torch
from in_process import searched

ARMS = {
    "independent": ["selection={policy: independent}"],
    "truncation": ["selection={policy: truncation, fraction: 0.25}"],
    "truncation, horizon annealing": [
        "selection={policy: truncation, fraction: 0.25}",
        "fitness={horizon: annealing}",
    ],
    "significance": ["selection={policy: significance, fraction: 0.25}"],
    "tournament": ["selection={policy: tournament}"],
    "multi_frequency": ["selection={policy: multi_frequency}"],
    "improvement_rate": ["selection={policy: improvement_rate}"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="examples/demo.yaml")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--set", dest="more", action="append", default=[])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--read", type=Path, nargs="+", default=[])
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.read:
        rows = [json.loads(line) for path in options.read for line in path.read_text().splitlines()]
    else:
        rows = []
        for seed, arm in itertools.product(options.seeds, options.arms):
            rows.append(one(arm, seed, options.run, options.more))
            print(json.dumps(rows[-1]), flush=True)
            if options.out is not None:
                with options.out.open("a") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    by_arm: dict[str, dict[int, float]] = {}
    for row in rows:
        by_arm.setdefault(row["arm"], {})[row["seed"]] = row["bits_per_byte"]
    print("\n| arm | bits per byte | less independent | less truncation |")
    print("|---|---|---|---|")
    for arm, bits in by_arm.items():
        less = [difference(bits, by_arm.get(name, {})) for name in ("independent", "truncation")]
        print(f"| {arm} | {statistics.mean(bits.values()):.4f} | {' | '.join(less)} |")


def one(arm: str, seed: int, run: str, more: list[str]) -> dict[str, str | int | float]:
    """Run one search to its end and tell of its winner on held-out text."""
    story = searched(run, [*ARMS[arm], *more], seed=seed)
    winner = story.assessed["winner"]
    return {
        "arm": arm, "seed": seed, "bits_per_byte": winner.bits_per_byte,
        "parameters": winner.parameters, "tokens": story.tokens, "flops": story.flops,
    }  # fmt: skip


def difference(bits: dict[int, float], others: dict[int, float]) -> str:
    """Mean difference over common seeds, its standard error, and in how many seeds it is better."""
    pairs = [bits[seed] - others[seed] for seed in bits if seed in others]
    if len(pairs) < 2:
        return "-"
    if not any(pairs):
        return "the same"
    error = statistics.stdev(pairs) / len(pairs) ** 0.5
    better = sum(pair < 0 for pair in pairs)
    return f"{statistics.mean(pairs):+.4f} ± {error:.4f}, better in {better} of {len(pairs)}"


if __name__ == "__main__":
    main()
