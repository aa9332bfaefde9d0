"""Rank correlation of predicted with final loss from 10, 25 and 50 % of the budget.

Public curves that no fit of this project has seen: loss curves under several schedules (Luo et al.
2025) and 192 published models' curves (ColPret: Choshen et al. 2024); see their READMEs.

Run: OMP_NUM_THREADS=1 python benchmarks/laws_horizon.py PATH_TO/colpret_choshen2024/data.parquet
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/orchestrator/laws"))

from test_multi_power_reproduction import schedule

from orchestrator.horizon import ESTIMATORS, History
from orchestrator.laws.reading import read_table

SHARES = (0.10, 0.25, 0.50)
GRID = 2000


def cosine(steps, warmup=0.01, end=0.1):
    t = np.arange(steps) / steps
    return np.where(t < warmup, t / warmup, end + 0.5 * (1 - end) * (1 + np.cos(np.pi * t)))


def thin(rates):
    return rates[np.linspace(0, rates.size - 1, GRID).astype(int)]


def schedule_groups():
    """Curves of one size and one length: they differ in their schedules only."""
    c = read_table("tests/data/laws/multipowerlaw2025/data.csv").columns
    families = {
        "24k": (["constant_24000", "cosine_24000", "wsd_20000_24000", "wsdld_20000_24000"], 24000),
        "16k": (["wsdcon_3", "wsdcon_9", "wsdcon_18"], 16000),
    }
    for size in ("25M", "100M", "400M"):
        for name, (curves, total) in families.items():
            members = []
            for curve in curves:
                mine = (c["size"] == size) & (c["curve"] == curve) & (c["step"] < total)
                order = np.argsort(c["step"][mine])
                rates = thin(schedule(curve) / 3e-4)
                members.append((c["step"][mine][order], c["loss"][mine][order], rates))
            yield f"schedules {size} {name}", members, float(total)


def published_groups(path):
    """Groups of ColPret models with one budget; their schedules are cosines to a tenth."""
    c = read_table(path).columns
    groups = {
        "GPT2-2.8B, repeats": lambda m, _: m.startswith("GPT2-2.80B-c4"),
        "GPT2-4.2B, repeats": lambda m, _: m.startswith("GPT2-4.20B-c4"),
        "GPT2-8.7B, repeats": lambda m, _: m.startswith("GPT2-8.70B-c4"),
        "data mixes, 105B": lambda m, t: m.startswith("Pile") and 100e9 < t < 110e9,
        "OpenLM 0.8B tokens": lambda m, t: "l=" in m and 0.7e9 < t < 0.9e9,
        "OpenLM 12B tokens": lambda m, t: "l=" in m and 11.9e9 < t < 12.8e9,
        "Pythia, 300B": lambda m, t: m.startswith("pythia") and 299e9 < t < 301e9,
    }
    curves = {}
    for model in np.unique(c["model"]):
        mine = c["model"] == model
        order = np.argsort(c["tokens"][mine], kind="stable")
        t, y = c["tokens"][mine][order], c["loss"][mine][order]
        keep = np.concatenate([[True], np.diff(t) > 0]) & np.isfinite(y) & (t > 0)
        curves[model] = (t[keep], y[keep])
    for name, chosen in groups.items():
        members = [(t, y, cosine(GRID)) for m, (t, y) in curves.items() if chosen(m, t[-1])]
        if len(members) > 2:
            yield name, members, float(max(t[-1] for t, _, _ in members))


def ranks(x):
    return np.argsort(np.argsort(x)).astype(float)


def score(groups):
    table = {}
    for name, members, horizon in groups:
        final = np.array([y[-3:].mean() for _, y, _ in members])
        for share in SHARES:
            histories, kept = [], []
            for i, (t, y, rates) in enumerate(members):
                seen = t <= share * horizon
                if seen.sum() >= 3:
                    histories.append(History(tokens=t[seen], losses=y[seen], learning_rates=rates))
                    kept.append(i)
            if len(kept) < 2:
                continue
            truth = final[kept]
            for method, make in ESTIMATORS.items():
                estimator = make()
                found = estimator.estimate(histories, horizon_tokens=horizon)
                loss = np.array([e.loss for e in found])
                error = np.array([e.standard_error for e in found])
                table[name, share, method] = (
                    float(np.corrcoef(ranks(loss), ranks(truth))[0, 1]),
                    float(np.sqrt(np.mean((loss - truth) ** 2))),
                    float(np.nanmean(np.abs(loss - truth) <= 1.96 * error)),
                    len(kept),
                )
    return table


def main():
    groups = list(schedule_groups())
    if len(sys.argv) > 1:
        groups += list(published_groups(sys.argv[1]))
    table = score(groups)
    names = list(dict.fromkeys(key[0] for key in table))
    print("| curves | members | seen | " + " | ".join(ESTIMATORS) + " |")
    print("|---|---|---|" + "---|" * len(ESTIMATORS))
    for name in names:
        for share in SHARES:
            cells = [table.get((name, share, m)) for m in ESTIMATORS]
            if cells[0] is None:
                continue
            text = " | ".join(f"{c[0]:+.2f} ({c[1]:.3f}; {c[2]:.0%})" for c in cells)
            print(f"| {name} | {cells[0][3]} | {share:.0%} | {text} |")
    for share in SHARES:
        means = []
        for method in ESTIMATORS:
            own = [v for (n, s, m), v in table.items() if s == share and m == method]
            means.append(
                f"{np.mean([v[0] for v in own]):+.3f} ({np.mean([v[1] for v in own]):.3f}; "
                f"{np.mean([v[2] for v in own]):.0%})"
            )
        print(f"| mean | | {share:.0%} | " + " | ".join(means) + " |")


if __name__ == "__main__":
    main()
