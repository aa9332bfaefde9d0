"""What a search costs beside its training, for 10 to 10,000 members, and Ray Tune's own beside it.

The search is a real one (`orchestrator.search`, the rules of a run file, the log with its fsync,
mailbox, Tune's loop and scheduler, real Ray workers) but for one thing: workers answer a task at
once with a report by a formula (`simulated_search.py`), so that all that is left is what is not
training. Each side runs in a process of its own. Processor time is that of the driver's process;
wall time holds workers and mailbox too, which share the machine's cores with the driver here.

    OMP_NUM_THREADS=1 python benchmarks/driver_scale.py [--members 10 100 1000 10000]
        [--generations 4] [--variants default asynchronous ...] [--tune 10 100]
    OMP_NUM_THREADS=1 python benchmarks/driver_scale.py --here    # without Ray: the driver alone
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from driver_cost import Meter, Stages
from plain_tune import plain_tune
from simulated_search import VARIANTS, run
from simulated_workers import answer_here, use_simulated_workers

WORKERS = 2


def search(  # noqa: PLR0915 - one course, told in its order
    variant: str, members: int, generations: int, *, here: bool, mlflow: str | None
) -> None:
    """Run one search; print what each generation cost as JSON."""
    from orchestrator.adapters import course as course_module
    from orchestrator.adapters import hosting as hosting_module
    from orchestrator.adapters.environment import ray_cluster
    from orchestrator.appraisal import Appraisal
    from orchestrator.event_log import LOG_NAME, EventLog
    from orchestrator.events import SearchStarted
    from orchestrator.interrupts import Interrupts
    from orchestrator.journal import Journal
    from orchestrator.observers import Audience
    from orchestrator.proposers import WeightedProposers
    from orchestrator.run_corpus import corpus_json
    from orchestrator.search import Search
    from orchestrator.setting import prepare

    stages = Stages()
    with tempfile.TemporaryDirectory(prefix="masga-scale-") as temporary:
        config = run(variant, members=members, generations=generations, output=temporary)
        setting = prepare(config)
        rules = setting.rules
        stages.watch(Appraisal, "score", "scoring")
        stages.watch(type(rules.policy), "select", "selection")
        stages.watch(WeightedProposers, "observe", "proposing")
        stages.watch(WeightedProposers, "propose_by", "proposing")
        stages.watch(EventLog, "append", "encoding")
        stages.watch(os, "fsync", "fsync")
        stages.watch(course_module.Course, "post", "posting")
        stages.watch(Search, "receive", "the rest of Search")
        stages.watch(course_module.Course, "deliver", "decoding")
        directory = Path(temporary, "simulated")
        directory.mkdir()
        started = SearchStarted(
            run=config.deciding(), space=rules.space.to_json(),
            corpus=corpus_json(setting.corpus, setting.notes),
            horizon_tokens=setting.settings.horizon_tokens, generations=rules.generations,
            environment={"run": config.beside()},
        )  # fmt: skip
        observers = []
        if mlflow is not None:
            from orchestrator.adapters.mlflow.observer import MlflowRecord

            told = config.mlflow.model_copy(update={"tracking_uri": mlflow or None})
            observers = [MlflowRecord(told, directory=directory, patience_seconds=0.0)]
        audience = Audience(observers)
        with EventLog(directory / LOG_NAME) as log:
            journal = Journal(log, audience.on_event)
            journal.record([started])
            conductor = Search(rules, journal)
            meter = Meter(conductor, members, stages)
            if here:
                answer_here(conductor, meter)
            else:
                use_simulated_workers()
                with ray_cluster(
                    address=None, num_cpus=WORKERS, object_store_bytes=None
                ) as lifeline:
                    hosting = hosting_module.Hosting(
                        directory=directory, setting=setting, resources=config.resources,
                        workers=WORKERS, keep_generations=2,
                        one_by_one=config.population.mode == "asynchronous",
                        spread=1 if config.population.mode == "asynchronous" else None, again="",
                        lifeline=lifeline,
                    )  # fmt: skip
                    hosting_module.host(
                        conductor,
                        hosting,
                        journal=journal,
                        audience=audience,
                        interrupts=Interrupts(),
                    )
        size = (directory / LOG_NAME).stat().st_size
        reports = members * generations
        print(json.dumps({"generations": meter.told, "log_bytes_a_report": size / reports}))
        sys.stdout.flush()
        audience.close()


def started_alone(*options: str, timeout: float) -> dict | None:
    """Run one side in a process of its own; None: it did not end in time."""
    command = [sys.executable, __file__, *options]
    try:
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        return None
    return json.loads(done.stdout.splitlines()[-1])


def tell_search(variant: str, members: int, found: dict) -> tuple[float, float]:
    """Print what a generation cost in the mean of all but the first and last; return ms a member.

    The first holds the start of what runs it, the last has no orders.
    """
    later = found["generations"][1:-1] or found["generations"]
    cpu = float(np.mean([g["cpu"] for g in later])) / members * 1e3
    wall = float(np.mean([g["wall"] for g in later])) / members * 1e3
    last = found["generations"][-1]
    print(
        f"{variant}, {members:,} members: {wall * members / 1e3:.2f} s a generation; a member "
        f"{wall:.2f} ms, of the driver's processor {cpu:.2f} ms; memory a member "
        f"{last['memory'] / members / 1e3:.1f} kB, in the mailbox "
        f"{last['mailbox_memory'] / members / 1e3:.1f} kB; {last['peak'] / 1e6:.0f} MB at the "
        f"peak; log {found['log_bytes_a_report']:.0f} B a report"
    )
    names = sorted({name for g in later for name in g["stages"]})
    told = []
    for name in names:
        pairs = [g["stages"].get(name, (0.0, 0.0)) for g in later]
        mean = np.mean(pairs, axis=0) / members * 1e3
        told.append(f"{name} {mean[0]:.3f} ({mean[1]:.3f})")
    print("    ms a member, processor (wall): " + "; ".join(told), flush=True)
    return cpu, wall


def main() -> None:
    """Measure each side in a process of its own, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, nargs="+", default=[10, 100, 1000, 10_000])
    parser.add_argument("--generations", type=int, default=4)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=["default"])
    parser.add_argument("--tune", type=int, nargs="*", default=[])
    parser.add_argument("--here", action="store_true", help="no Ray: the driver's own work")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds for each side")
    parser.add_argument("--mlflow", help="record in this store (`` for SQLite)")
    parser.add_argument("--only", choices=["search", "fifo", "pbt"])
    given = parser.parse_args()
    members, generations = given.members[0], given.generations
    if given.only == "search":
        search(given.variants[0], members, generations, here=given.here, mlflow=given.mlflow)
        return
    if given.only is not None:
        plain_tune(members, generations, workers=WORKERS, pbt=given.only == "pbt")
        return
    beside = ["--generations", str(generations), *(["--here"] if given.here else [])]
    for variant in given.variants:
        costs: list[tuple[int, float]] = []
        for members in given.members:
            options = ["--only", "search", "--variants", variant, "--members", str(members)]
            found = started_alone(*options, *beside, timeout=given.timeout)
            if found is None:
                print(f"{variant}, {members:,} members: not done in {given.timeout:.0f} s")
                break
            costs.append((members, tell_search(variant, members, found)[0] * members))
        if len(costs) > 1:
            sizes, spent = np.log(np.array(costs)).T
            exponent = float(np.polyfit(sizes, spent, 1)[0])
            log_law = math.log(costs[-1][0] * math.log(costs[-1][0])) - math.log(
                costs[0][0] * math.log(costs[0][0])
            )
            print(
                f"    the driver's processor time grows as members to the {exponent:.3f}; "
                f"n log n between them is {log_law / (sizes[-1] - sizes[0]):.3f}",
                flush=True,
            )
    for members in given.tune:
        for side in ("fifo", "pbt"):
            options = ["--only", side, "--members", str(members), *beside]
            found = started_alone(*options, timeout=given.timeout)
            told = f"Tune, {side}, {members:,} trials: "
            if found is None:
                print(f"{told}not done in {given.timeout:.0f} s", flush=True)
                continue
            each = {k: v / members / generations * 1e3 for k, v in found.items()}
            print(
                f"{told}{each['wall']:.1f} ms a report, of the driver's processor "
                f"{each['cpu']:.1f} ms",
                flush=True,
            )


if __name__ == "__main__":
    main()
