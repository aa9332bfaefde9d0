"""MASGA's loop beside Ray Tune's own PopulationBasedTraining, on the same trainable.

Both evolve the learning rate of 8 members of ~1 MB of weights on 2 cores: same model, same text,
same interval, same truncation (the worst quarter copies the best quarter every interval). Ray's PBT
is given its best case: all 8 trials fit the cluster at once (0.25 CPU each), so none is paused for
want of room. What is compared is core-seconds that are not training or evaluation, from the first
interval's start to the last one's end (the start of Ray and of the first workers is left out):

    outside = cores * wall - CPU time spent inside train and evaluate

    python benchmarks/against_ray_pbt.py [--generations 8] [--interval 32768] [--only SIDE]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

CORES = 2
MEMBERS = 8
CONTEXT = 128
GENES = {
    "num_layers": 2,
    "d_model": 112,
    "head_dim": 16,
    "num_heads": 7,
    "num_kv_heads": 7,
    "d_ff": 288,
    "activation": "gelu",
    "norm": "rms",
    "position": "rotary",
    "qk_norm": False,
    "tied_embeddings": True,
    "optimizer": "adamw",
    "schedule": "constant",
    "warmup_fraction": 0.0,
    "decay_fraction": 0.2,
    "weight_decay": 0.1,
    "beta1": 0.9,
    "beta2": 0.95,
    "clip_norm": 1.0,
    "batch_tokens": 2048,
    "batch_ramp": 1,
    "sequence_ramp": 1,
    "dropout": 0.0,
    "attention_lr_multiplier": 1.0,
    "ffn_lr_multiplier": 1.0,
    "embedding_lr_multiplier": 1.0,
}


def run_values(generations: int, interval: int, output: str) -> dict[str, object]:
    """Return the run file of the MASGA side."""
    return {
        "name": "pbt",
        "output": output,
        "corpus": {"sources": ["python_docs"], "context_length": CONTEXT},
        "space": {"genes": GENES, "first_generation": "uniform"},
        "population": {"members": MEMBERS, "interval_tokens": interval},
        "budget": {"tokens": MEMBERS * interval * generations},
        "selection": {"policy": "truncation", "fraction": 0.25},
        "proposers": [{"proposer": "mutation"}],
        "training": {"evaluation_sequences": 16, "evaluation_batches": 2, "utility_every": 0},
        "resources": {"workers": CORES},
        "baseline": False,
        "mlflow": {"enabled": False},
    }


def masga(generations: int, interval: int) -> dict[str, float]:
    """Run our loop; read what it cost from its event log."""
    import yaml

    from orchestrator.event_log import LOG_NAME, read_log
    from orchestrator.events import Ordered, Reported

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "run.yaml"
        path.write_text(yaml.safe_dump(run_values(generations, interval, directory)))
        subprocess.run(
            [sys.executable, "-m", "orchestrator.cli", "search", str(path)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        events, _, _ = read_log(Path(directory) / "pbt" / LOG_NAME)
    reports = [e for e in events if isinstance(e, Reported)]
    exploits = [e for e in events if isinstance(e, Ordered) and e.decision == "replace"]
    adopted = {(e.member, e.generation) for e in exploits}
    wall = max(e.finished_at for e in reports) - min(e.finished_at - e.seconds for e in reports)
    inside = sum(e.cpu_seconds for e in reports)
    return {
        "wall_s": wall,
        "outside_wall_share": 1 - sum(e.seconds for e in reports) / (CORES * wall),
        "inside_core_s": inside,
        "outside_core_s": CORES * wall - inside,
        "exploits": len(exploits),
        "exploit_ms": 1e3
        * median(e.adoption_seconds for e in reports if (e.member, e.generation) in adopted),
    }


def ray_pbt(generations: int, interval: int, *, reuse_actors: bool) -> dict[str, float]:
    """Run Ray's own PBT over the same members."""
    os.environ.update(
        RAY_USAGE_STATS_ENABLED="0",
        TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1",
        RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS="0",
    )
    import numpy as np
    import ray
    from ray import tune
    from ray.tune.schedulers import PopulationBasedTraining

    from orchestrator.run_config import RunConfig
    from orchestrator.setting import prepare

    setting = prepare(RunConfig.model_validate(run_values(generations, interval, ".")))
    genomes = setting.rules.first_genomes
    log = Path(tempfile.mkdtemp()) / "intervals.jsonl"

    class PbtMember(tune.Trainable):
        """The same member behind Tune's own trainable interface."""

        def setup(self, config: dict[str, object]) -> None:
            from trainers.data import open_corpus
            from trainers.member import Member

            self.corpus = open_corpus(setting.corpus.directory)
            genome = genomes[0]
            self.member = Member.create(
                genome.architecture,
                replace(genome.protocol, learning_rate=config["learning_rate"]),
                corpus=self.corpus,
                settings=setting.settings,
                member_seed=0,
            )

        def step(self) -> dict[str, float]:
            started, cpu = time.time(), time.process_time()
            self.member.train(interval)
            loss = self.member.evaluate("selection").nats_per_token
            with log.open("a") as file:
                spent = time.process_time() - cpu
                print(json.dumps([started, time.time(), spent]), file=file)
            return {"fitness": -loss}

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            from trainers.checkpoint import write_checkpoint

            write_checkpoint(Path(checkpoint_dir) / "member", self.member.state())

        def load_checkpoint(self, checkpoint_dir: str) -> None:
            from trainers.checkpoint import read_checkpoint

            self.adopt(read_checkpoint(Path(checkpoint_dir) / "member")[0], self.config)

        def reset_config(self, new_config: dict[str, object]) -> bool:
            self.adopt(self.member.state(), new_config)
            return True

        def adopt(self, state: object, config: dict[str, object]) -> None:
            from trainers.member import Member

            protocol = replace(state.protocol, learning_rate=config["learning_rate"])
            self.member = Member.from_state(
                replace(state, protocol=protocol), corpus=self.corpus, settings=setting.settings
            )

    ray.init(num_cpus=CORES, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    rng = np.random.default_rng(1)

    def draw(*_: object) -> float:
        return float(np.exp(rng.uniform(np.log(1e-4), np.log(3e-2))))

    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        metric="fitness",
        mode="max",
        perturbation_interval=1,
        quantile_fraction=0.25,
        hyperparam_mutations={"learning_rate": draw},
        synch=True,
        log_config=False,
    )
    exploits = 0
    exploit = scheduler._exploit  # noqa: SLF001 - to count what it does

    def counted(*arguments: object) -> object:
        nonlocal exploits
        exploits += 1
        return exploit(*arguments)

    scheduler._exploit = counted  # noqa: SLF001
    with tempfile.TemporaryDirectory() as directory:
        tune.Tuner(
            tune.with_resources(PbtMember, {"CPU": CORES / MEMBERS}),
            param_space={"learning_rate": tune.sample_from(draw)},
            tune_config=tune.TuneConfig(
                scheduler=scheduler, num_samples=MEMBERS, reuse_actors=reuse_actors
            ),
            run_config=tune.RunConfig(
                storage_path=directory, stop={"training_iteration": generations}, verbose=0
            ),
        ).fit()
    ray.shutdown()
    intervals = [json.loads(line) for line in log.read_text().splitlines()]
    wall = max(i[1] for i in intervals) - min(i[0] for i in intervals)
    inside = sum(i[2] for i in intervals)
    return {
        "wall_s": wall,
        "inside_core_s": inside,
        "outside_core_s": CORES * wall - inside,
        "exploits": exploits,
        "intervals": len(intervals),
    }


def main() -> None:
    """Run each side in a process of its own and print them side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generations", type=int, default=8)
    parser.add_argument("--interval", type=int, default=32768)
    parser.add_argument("--only", choices=["masga", "reuse", "fresh"])
    options = parser.parse_args()
    if options.only is not None:
        sides = {
            "masga": lambda: masga(options.generations, options.interval),
            "reuse": lambda: ray_pbt(options.generations, options.interval, reuse_actors=True),
            "fresh": lambda: ray_pbt(options.generations, options.interval, reuse_actors=False),
        }
        print(json.dumps(sides[options.only]()))
        return
    results = {}
    for side in ("masga", "reuse", "fresh"):
        command = [sys.executable, __file__, "--only", side]
        command += ["--generations", str(options.generations), "--interval", str(options.interval)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        results[side] = json.loads(done.stdout.splitlines()[-1])
        print(side, json.dumps(results[side]), flush=True)
    ours = results["masga"]
    print(
        f"masga: {ours['outside_wall_share']:.1%} of the workers' wall time is not training or "
        f"evaluation; an exploit takes {ours['exploit_ms']:.0f} ms"
    )
    for side in ("reuse", "fresh"):
        ratio = results[side]["outside_core_s"] / ours["outside_core_s"]
        print(f"Ray's PBT ({side} actors): {ratio:.1f} times the core time outside")


if __name__ == "__main__":
    main()
