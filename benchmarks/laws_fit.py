"""CPU seconds of the fits that have published baselines: one process, one thread.

Run: OMP_NUM_THREADS=1 python benchmarks/laws_fit.py
Baselines are published figures, not re-run here.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/orchestrator/laws"))

from test_multi_power_reproduction import SCHEDULES, TRAIN, rows

from orchestrator.laws.fitting.bootstrap import bootstrap
from orchestrator.laws.fitting.fit import Fit, fit
from orchestrator.laws.fitting.losses import Huber
from orchestrator.laws.forms.chinchilla import LAW
from orchestrator.laws.forms.multi_power import build
from orchestrator.laws.reading import read_table

BASELINES = {"grid": 1360.0, "package": 396.0, "bootstrap": 403.0, "multi-power": 198.0}


def best_of(times: int, work: Callable):
    taken = []
    for _ in range(times):
        start = time.process_time()
        result = work()
        taken.append(time.process_time() - start)
    return min(taken), result


def main() -> None:
    points = read_table("tests/data/laws/chinchilla_besiroglu2024/points.csv").columns
    used = points["used_in_reference_fit"] == 1
    inputs, loss = (points["N"][used], points["D"][used]), points["loss"][used]
    seconds, fitted = best_of(5, lambda: fit(LAW, inputs, loss, loss=Huber()))
    print(
        f"chinchilla, 240 points: {seconds:.3f} s, objective {fitted.objective:.12f}, "
        f"{fitted.agreement:.1%} of {fitted.starts} starts agree; published 4,500-start grid "
        f"{BASELINES['grid']:.0f} s ({BASELINES['grid'] / seconds:,.0f} x), `chinchilla` package "
        f"{BASELINES['package']:.0f} s ({BASELINES['package'] / seconds:,.0f} x)"
    )
    rng = np.random.default_rng(0)
    seconds, drawn = best_of(1, lambda: bootstrap(fitted, resamples=4000, rng=rng))
    print(
        f"4,000 bootstrap refits + 240 jackknife: {seconds:.2f} s, {drawn.failed} not converged; "
        f"published {BASELINES['bootstrap']:.0f} s ({BASELINES['bootstrap'] / seconds:,.0f} x)"
    )
    table = read_table("tests/data/laws/multipowerlaw2025/data.csv").columns
    law = build(SCHEDULES[:3], block=64)
    for size in ("25M", "100M", "400M"):
        curve, step, target = rows(table, size, TRAIN)
        seconds, found = best_of(
            1, lambda c=curve, s=step, t=target: fit(law, (c, s), t, starts=6, clusters=c)
        )
        print(describe(size, seconds, found))


def describe(size: str, seconds: float, found: Fit) -> str:
    return (
        f"multi-power law, {size}: {seconds:.2f} s, objective {found.objective:.3e}; published "
        f"{BASELINES['multi-power']:.0f} s ({BASELINES['multi-power'] / seconds:,.0f} x)"
    )


if __name__ == "__main__":
    main()
