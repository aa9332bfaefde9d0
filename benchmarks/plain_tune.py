"""As many reports through Ray Tune's own loop: what `driver_scale.py` measures a search beside."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np


def plain_tune(members: int, generations: int, *, workers: int, pbt: bool) -> None:
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
    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
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
