"""What a generation waits for its record in MLflow: the same search with and without it, in pairs.

A told search (`mlflow_sync.py`) is logged generation by generation; training is a pause, since what
could delay a generation is what the record takes of the driver's process: its lock, its cores, its
disk. Runs with and without take turns, and what is compared are medians of a run's generations;
the spread between runs without says what the machine can tell apart. 10,000 segments of 100 points
each by default (1,000,000 points, 14 metrics a point).

    OMP_NUM_THREADS=1 python benchmarks/mlflow_delay.py [--members 100] [--seconds 2]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from mlflow_sync import tell

from orchestrator.adapters.mlflow.observer import MlflowRecord
from orchestrator.event_log import LOG_NAME, EventLog
from orchestrator.run_config import MlflowConfig


def generations(place: Path, told: argparse.Namespace, *, recorded: bool) -> list[float]:
    """Run one search; return the seconds of each generation."""
    place.mkdir()
    record = None
    if recorded:
        config = MlflowConfig(tracking_uri=told.store)
        record = MlflowRecord(config, directory=place, patience_seconds=3600.0)
    seconds: list[float] = []
    with EventLog(place / LOG_NAME) as log:
        for number, events in enumerate(tell(told.members, told.generations, told.points)):
            if not recorded and number == told.without:
                break
            began = time.perf_counter()
            time.sleep(told.seconds)
            log.append(events)
            if record is not None:
                for event in events:
                    record.on_event(event, 0, replayed=False)
            seconds.append(time.perf_counter() - began)
    print(
        f"    {len(seconds) - 1} generations {'with' if recorded else 'without'} the record: "
        f"{statistics.median(seconds[1:]) * 1e3:.1f} ms (median), "
        f"{statistics.mean(seconds[1:]) * 1e3:.1f} (mean), at most {max(seconds[1:]):.2f} s",
        flush=True,
    )
    if record is not None:
        record.close()  # not in any generation, and out of the way of the next run
        print(f"    at the end: {record.lost or 'all recorded'}"[:160])
    return seconds[1:]


def main() -> None:
    """Run pairs and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=100)
    parser.add_argument("--generations", type=int, default=10_000)
    parser.add_argument("--points", type=int, default=100, help="intervals in a segment")
    parser.add_argument("--seconds", type=float, default=2.0, help="of training, a generation")
    parser.add_argument("--without", type=int, help="generations of a run without; default: all")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--store", help="tracking URI; by default a SQLite file")
    told = parser.parse_args()
    medians: dict[bool, list[float]] = {False: [], True: []}
    for pair in range(told.pairs):
        for recorded in (False, True):
            with tempfile.TemporaryDirectory(prefix="masga-delay-") as temporary:
                found = generations(Path(temporary, "told"), told, recorded=recorded)
            medians[recorded].append(statistics.median(found))
        without, with_it = medians[False][-1], medians[True][-1]
        print(
            f"pair {pair + 1}: {without * 1e3:.1f} ms a generation without, {with_it * 1e3:.1f} ms "
            f"with the record: {with_it / without - 1:+.2%}",
            flush=True,
        )
    ratio = statistics.median(b / a for a, b in zip(*medians.values(), strict=True))
    noise = max(medians[False]) / min(medians[False]) - 1
    print(f"median of pairs: {ratio - 1:+.2%}; runs without the record differ by {noise:.2%}")


if __name__ == "__main__":
    main()
