"""Faults on purpose: a search on a Ray cluster of several raylets, disturbed at random moments.

python benchmarks/chaos.py --faults 30 --seed 1
python benchmarks/chaos.py --minutes 30
python benchmarks/chaos.py --store --faults 10
python benchmarks/chaos.py --only 'kill -9 of a node' --faults 3

Prints a line for each fault and a closing table; exits with 1 if anything was lost, that is: if
the final log is not, event by event, that of the same search undisturbed.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # `tests` is not installed

from tests.chaos.faults import FAULTS
from tests.chaos.program import Plan, run
from tests.chaos.telling import table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, help="at least so many (30, without --minutes)")
    parser.add_argument("--minutes", type=float, help="and for at least so long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", choices=sorted(FAULTS), help="these kinds")
    parser.add_argument("--generations", type=int, default=150, help="length of the search")
    parser.add_argument("--nodes", type=int, default=3, help="beside the head")
    parser.add_argument("--stop-seconds", type=float, default=60.0, help="of a stopped worker")
    parser.add_argument("--no-mlflow", action="store_true", help="keep no record")
    parser.add_argument("--store", action="store_true", help="keep it in an object store (moto)")
    arguments = parser.parse_args()
    plan = Plan(
        kinds=tuple(arguments.only or FAULTS),
        seed=arguments.seed,
        faults=arguments.faults or (None if arguments.minutes else 30),
        minutes=arguments.minutes,
        generations=arguments.generations,
        nodes=arguments.nodes,
        stop_seconds=arguments.stop_seconds,
        store=arguments.store,
        tracking=not arguments.no_mlflow,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: with its table
    outcome = run(plan, tell=lambda line: print(line, flush=True))
    print(f"\n{table(outcome)}")
    return 1 if outcome.lost else 0


if __name__ == "__main__":
    sys.exit(main())
