"""What the game costs of an interval: each first genome of a run file trains, is judged, plays.

OMP_NUM_THREADS=1 python benchmarks/game_cost.py --run examples/demo.yaml
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from orchestrator.run_loading import load_run
from orchestrator.setting import prepare
from trainers.member import Member

PRICES = (0.0, 50.0, 500.0)
"""Nats per token for one GFLOP per training token: nothing leaves, something does, much does."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="examples/demo.yaml")
    parser.add_argument("--evaluations", type=int, default=12)
    parser.add_argument("--sequences", type=int, default=8)
    options = parser.parse_args()
    game = f"fitness.game={{evaluations: {options.evaluations}, sequences: {options.sequences}}}"
    setting = prepare(load_run(Path(options.run), overrides=(game,)).config)
    print("| member | parameters | components | interval | price | game | of time | of FLOPs |")
    print("|---|---|---|---|---|---|---|---|")
    seconds, flops = [0.0, 0.0], [0.0, 0.0]
    for number, genome in enumerate(setting.rules.first_genomes):
        member = Member.create(
            genome.architecture,
            genome.protocol,
            corpus=setting.corpus,
            settings=setting.settings,
            member_seed=number,
        )
        begun = time.perf_counter()
        interval = member.train(setting.rules.interval_tokens)
        judged = member.evaluate("selection")
        trained = time.perf_counter() - begun
        spent = interval.flops + judged.flops
        size = sum(p.numel() for p in member.model.parameters())
        for price in PRICES:
            begun = time.perf_counter()
            reply = member.play(price=price)
            took = time.perf_counter() - begun
            seconds = [seconds[0] + trained, seconds[1] + took]
            flops = [flops[0] + spent, flops[1] + reply.flops]
            print(
                f"| {number} | {size} | {reply.components} | {trained:.2f} s | {price:g} "
                f"| {took:.3f} s, {len(reply.removed)} leave | {took / (took + trained):.1%} "
                f"| {reply.flops / (reply.flops + spent):.1%} |"
            )
    print(
        f"in all: {seconds[1] / sum(seconds):.1%} of the time, {flops[1] / sum(flops):.1%} of the "
        "FLOPs of an interval with its evaluation"
    )


if __name__ == "__main__":
    main()
