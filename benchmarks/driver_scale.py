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
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from simulated_search import VARIANTS, answer, run

WORKERS = 2
PAGE = os.sysconf("SC_PAGE_SIZE")


class Stages:
    """Time of the driver by stage; a stage inside another one is taken off the outer one."""

    def __init__(self) -> None:
        self.cpu: dict[str, float] = defaultdict(float)
        self.wall: dict[str, float] = defaultdict(float)
        self._inside: list[list[float]] = []

    def watch(self, owner: object, name: str, stage: str) -> None:
        """Time every call of a function of a class or module."""
        function = getattr(owner, name)

        def timed(*arguments: object, **options: object) -> object:
            cpu, wall = time.thread_time(), time.perf_counter()
            self._inside.append([0.0, 0.0])
            try:
                return function(*arguments, **options)
            finally:
                spent = time.thread_time() - cpu, time.perf_counter() - wall
                inner = self._inside.pop()
                self.cpu[stage] += spent[0] - inner[0]
                self.wall[stage] += spent[1] - inner[1]
                if self._inside:
                    self._inside[-1][0] += spent[0]
                    self._inside[-1][1] += spent[1]

        setattr(owner, name, timed)

    def taken(self) -> dict[str, tuple[float, float]]:
        """Return and forget (processor seconds, wall seconds) by stage."""
        found = {name: (self.cpu[name], self.wall[name]) for name in self.cpu}
        self.cpu.clear()
        self.wall.clear()
        return found


def resident_bytes(process: str = "self") -> int:
    """Return the resident memory of a process."""
    return int(Path("/proc", process, "statm").read_text().split()[1]) * PAGE


def mailbox_process() -> str | None:
    """Return the number of the mailbox's process among our own descendants."""
    children: dict[str, list[str]] = defaultdict(list)
    titles: dict[str, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            titles[entry.name] = (entry / "cmdline").read_text()
        except OSError:
            continue
        children[parent].append(entry.name)
    ours = [str(os.getpid())]
    for process in ours:
        ours += children[process]
    return next((p for p in ours if titles.get(p, "").startswith("ray::Mailbox")), None)


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
            meter = _Meter(conductor, members, stages)
            if here:
                _alone(conductor, meter)
            else:
                _use_simulated_workers()
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
                    hosting_module.host(conductor, hosting, events=(), audience=audience)
        size = (directory / LOG_NAME).stat().st_size
        reports = members * generations
        print(json.dumps({"generations": meter.told, "log_bytes_a_report": size / reports}))
        sys.stdout.flush()
        audience.close()


class _Meter:
    """Notes what each generation cost, from the first report to the last order."""

    def __init__(self, conductor: object, members: int, stages: Stages) -> None:
        self.told: list[dict[str, object]] = []
        self._members, self._stages, self._reports = members, stages, 0
        self._memory = resident_bytes()
        self._mailbox: tuple[str, int] | None = None
        self._receive = conductor.receive  # type: ignore[attr-defined]
        conductor.receive = self._counted  # type: ignore[attr-defined]
        self._begun = (time.process_time(), time.perf_counter())

    def _counted(self, report: object) -> object:
        tasks = self._receive(report)
        self._reports += 1
        if self._reports == 1 and (process := mailbox_process()):
            self._mailbox = process, resident_bytes(process)
        if self._reports % self._members == 0:
            self._close()
        return tasks

    def _close(self) -> None:
        now = (time.process_time(), time.perf_counter())
        box = 0 if self._mailbox is None else resident_bytes(self._mailbox[0]) - self._mailbox[1]
        self.told.append(
            {
                "cpu": now[0] - self._begun[0],
                "wall": now[1] - self._begun[1],
                "stages": self._stages.taken(),
                "memory": resident_bytes() - self._memory,
                "mailbox_memory": box,
                "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            }
        )
        self._begun = (time.process_time(), time.perf_counter())

    def not_counted(self, cpu: float, wall: float) -> None:
        """Take what was not the driver's off the generation that runs."""
        self._begun = self._begun[0] + cpu, self._begun[1] + wall


def _alone(conductor: object, meter: _Meter) -> None:
    """Answer tasks in this process; the answers are not counted."""
    tasks = conductor.begin()  # type: ignore[attr-defined]
    while tasks:
        cpu, wall = time.process_time(), time.perf_counter()
        answers = [answer(task) for task in tasks]
        meter.not_counted(time.process_time() - cpu, time.perf_counter() - wall)
        tasks = [task for found in answers for task in conductor.receive(found)]  # type: ignore[attr-defined]


def _use_simulated_workers() -> None:
    """Let Tune host workers whose host answers at once; all else of a worker is the real one."""
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).resolve().parent), os.environ.get("PYTHONPATH", "")]
    )
    from orchestrator.adapters import worker

    worker.Worker = simulated_worker(worker.Worker)  # type: ignore[misc]


def simulated_worker(base: type) -> type:
    """Return a worker without a trainer."""

    class Host:
        """Stands for `MemberHost`."""

        resident = ()

        def __init__(self, number: int) -> None:
            self._number = number

        def run(self, task: object, *, progress: object) -> object:
            del progress
            self.resident = (task.key,)  # type: ignore[attr-defined]
            return answer(task, worker=self._number)

        def flush(self) -> None:
            """Nothing to write."""

        def close(self) -> None:
            """Nothing to end."""

    class SimulatedWorker(base):  # type: ignore[misc, valid-type]
        def _open(self) -> Host:
            return Host(self._number)

    return SimulatedWorker


def plain_tune(members: int, generations: int, *, pbt: bool) -> None:
    """Run as many reports through Tune's own loop: no scheduler's work, or its own PBT's."""
    os.environ.update(
        RAY_USAGE_STATS_ENABLED="0",
        TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1",
        RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS="0",
    )
    import ray
    from ray import tune
    from ray.tune.schedulers import FIFOScheduler, PopulationBasedTraining

    class Member(tune.Trainable):
        def setup(self, config: dict[str, object]) -> None:  # noqa: ARG002 - Tune's interface
            self.fitness = 0.0

        def step(self) -> dict[str, float]:
            self.fitness += self.config["learning_rate"]
            return {"fitness": self.fitness}

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            Path(checkpoint_dir, "state").write_text(str(self.fitness))

        def load_checkpoint(self, checkpoint_dir: str) -> None:
            self.fitness = float(Path(checkpoint_dir, "state").read_text())

        def reset_config(self, new_config: dict[str, object]) -> bool:  # noqa: ARG002
            return True

    rng = np.random.default_rng(1)

    def draw(*_: object) -> float:
        return float(rng.uniform(0, 1))

    scheduler = FIFOScheduler()
    if pbt:
        scheduler = PopulationBasedTraining(
            time_attr="training_iteration", metric="fitness", mode="max", perturbation_interval=1,
            quantile_fraction=0.2, hyperparam_mutations={"learning_rate": draw}, synch=True,
            log_config=False,
        )  # fmt: skip
    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    with tempfile.TemporaryDirectory(prefix="masga-scale-") as directory:
        tuner = tune.Tuner(
            tune.with_resources(Member, {"CPU": 1}),
            param_space={"learning_rate": tune.sample_from(draw)},
            tune_config=tune.TuneConfig(
                scheduler=scheduler, num_samples=members, reuse_actors=True
            ),
            run_config=tune.RunConfig(
                storage_path=directory, stop={"training_iteration": generations}, verbose=0
            ),
        )
        cpu, wall = time.process_time(), time.perf_counter()
        tuner.fit()
        print(
            json.dumps({"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}),
            flush=True,
        )
    ray.shutdown()


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
        plain_tune(members, generations, pbt=given.only == "pbt")
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
