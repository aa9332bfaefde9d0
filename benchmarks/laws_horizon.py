"""Rank correlation of predicted with final loss from 10, 25 and 50 % of the budget.

Two sources of public curves that no law of this project was fitted to: loss curves under several
schedules, whose learning rate of every step is known (Luo et al. 2025), and published models'
curves (ColPret: Choshen et al. 2024), whose schedules are taken to be cosines to a tenth. The prior
of `annealing` is chosen on one source and scored on the other, both ways: no curve is scored with a
prior that was chosen with it in view.

Run: OMP_NUM_THREADS=1 python benchmarks/laws_horizon.py PATH_TO/colpret_choshen2024/data.parquet
"""

import sys
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/orchestrator/laws"))

from test_multi_power_reproduction import schedule

from orchestrator.horizon import Annealing, History, PowerLaw, PresentLoss
from orchestrator.laws.reading import read_table

SHARES = (0.10, 0.25, 0.50)
GRID = 2000
METHODS = ("present", "power_law", "annealing")
PRIORS = [
    {"annealing_gain": gain, "annealing_gain_spread": spread, "amplitude_spread": amplitude}
    for gain, spread, amplitude in product((0.05, 0.1, 0.2, 0.3), (0.2, 0.5), (0.1, 0.3))
]


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


def cases(groups):
    """(group, share, histories, final losses, horizon) of every group and share."""
    for name, members, horizon in groups:
        final = np.array([y[-3:].mean() for _, y, _ in members])
        for share in SHARES:
            seen = [t <= share * horizon for t, _, _ in members]
            kept = [i for i, s in enumerate(seen) if s.sum() >= 3]
            if len(kept) < 2:
                continue
            histories = [
                History(
                    tokens=members[i][0][seen[i]],
                    losses=members[i][1][seen[i]],
                    learning_rates=members[i][2],
                )
                for i in kept
            ]
            yield name, share, histories, final[kept], horizon


def score(estimator, histories, final, horizon):
    """Rank correlation, RMSE in nats, coverage of nominal 95 % intervals."""
    found = estimator.estimate(histories, horizon_tokens=horizon)
    loss = np.array([e.loss for e in found])
    error = np.array([e.standard_error for e in found])
    return (
        float(np.corrcoef(ranks(loss), ranks(final))[0, 1]),
        float(np.sqrt(np.mean((loss - final) ** 2))),
        float(np.mean(np.abs(loss - final) <= 1.96 * error)),
    )


def log_errors(known):
    """Logarithm of the RMSE of every prior in every case, (priors, cases)."""
    return np.log([[score(Annealing(**prior), *case[2:])[1] for case in known] for prior in PRIORS])


def chosen(errors):
    """The prior with the least mean logarithm of the RMSE, all groups and shares alike."""
    means = errors.mean(axis=1)
    return PRIORS[int(np.argmin(means))], float(np.exp(means.min()))


def chosen_across(sources):
    """A prior for each source, chosen on the other."""
    if len(sources) < 2:
        print("one source only: the default prior, which was chosen with it in view")
        return {}
    errors = {source: log_errors(known) for source, known in sources.items()}
    priors = {}
    for scored, other in (tuple(sources), tuple(sources)[::-1]):
        priors[scored], error = chosen(errors[other])
        print(f"{scored}: scored with {priors[scored]}, chosen on {other} (RMSE {error:.4f})")
    prior, error = chosen(np.concatenate(list(errors.values()), axis=1))
    print(f"both together would choose {prior} (RMSE {error:.4f})")
    return priors


def scored(sources, priors):
    """Every case by every method: {(group, share, method): (rank, RMSE, coverage, n, source)}."""
    table = {}
    for source, known in sources.items():
        made = (PresentLoss(), PowerLaw(), Annealing(**priors.get(source, {})))
        for name, share, histories, final, horizon in known:
            for method, estimator in zip(METHODS, made, strict=True):
                found = score(estimator, histories, final, horizon)
                table[name, share, method] = (*found, len(final), source)
    return table


def means(table, source, share):
    """One line: the means over a source's groups, or over all."""
    texts, count = [], 0
    for method in METHODS:
        own = [
            cell[:3]
            for (_, at, by), cell in table.items()
            if at == share and by == method and source in {cell[4], "all"}
        ]
        count = len(own)
        rank, error, inside = np.mean(own, axis=0) if own else (np.nan,) * 3
        texts.append(f"{rank:+.3f} ({error:.3f}; {inside:.0%})")
    return f"| {source}, mean of {count} | | {share:.0%} | {' | '.join(texts)} |" if count else ""


def main():
    sources = {"schedules": list(cases(schedule_groups()))}
    if len(sys.argv) > 1:
        sources["published"] = list(cases(published_groups(sys.argv[1])))
    table = scored(sources, chosen_across(sources))
    print(f"\n| curves | members | seen | {' | '.join(METHODS)} |\n|---|---|---|---|---|---|")
    for name, share in dict.fromkeys(key[:2] for key in table):
        cells = [table[name, share, method] for method in METHODS]
        text = " | ".join(f"{c[0]:+.2f} ({c[1]:.3f}; {c[2]:.0%})" for c in cells)
        print(f"| {name} | {cells[0][3]} | {share:.0%} | {text} |")
    lines = [means(table, source, share) for source in (*sources, "all") for share in SHARES]
    print("\n".join(filter(None, lines)))


if __name__ == "__main__":
    main()
