"""The displays of a large search: how big its page is, how long it and the live table take.

The search is told by a formula, not trained: 1,000 members, 200 generations, every generation the
worst quarter replaced from the best one, some morphs, some failures. Opening is measured by the
page itself in headless Chromium, from the start of the navigation to the end of parsing and layout.

    OMP_NUM_THREADS=1 python benchmarks/report_scale.py [--members 1000] [--generations 200]
"""

from __future__ import annotations

import argparse
import copy
import io
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console

from orchestrator.console.live_table import table
from orchestrator.console.pace import Pace
from orchestrator.events import (
    JSON,
    Assessed,
    GenerationClosed,
    Ledger,
    Ordered,
    Reported,
    Scored,
    SearchFinished,
    SearchStarted,
)
from orchestrator.report.page import with_script
from orchestrator.report.search_report import search_report
from orchestrator.report.subject import Subject
from orchestrator.story.telling import Story
from search_spaces.gpt.space import GPT

INTERVAL = 32_768
OPENED = (
    "addEventListener('load', () => { document.body.getBoundingClientRect();"
    " document.title = 'opened ' + performance.now(); });"
)


def population(members: int, generations: int, *, seed: int = 1) -> Story:
    """Tell a search of a population of any size; the same arguments tell the same one."""
    rng = np.random.default_rng(seed)
    space = GPT.to_json()
    story = Story()
    story.add(
        SearchStarted(
            run={
                "name": "large",
                "seed": seed,
                "population": {"members": members, "mode": "synchronous"},
                "budget": {"tokens": members * generations * INTERVAL, "flops": None},
            },
            space=space,
            corpus={"digest": "0123456789abcdef"},
            horizon_tokens=generations * INTERVAL,
            generations=generations,
            environment={},
        )
    )
    genomes = [_drawn(space["centre"], rng) for _ in range(members)]
    merits = rng.normal(0, 0.3, members)
    digests = [f"{number:012x}" for number in range(members)]
    sources: list[tuple[int, int] | None] = [None] * members
    inherited = [0] * members
    begun: list[tuple[str, int | None, str | None]] = [("start", None, "uniform")] * members
    for generation in range(generations):
        losses = _generation(
            story, rng, generation=generation, genomes=genomes, digests=digests, merits=merits,
            begun=begun, sources=sources, inherited=inherited,
        )  # fmt: skip
        order = np.argsort(losses)
        sources = [(member, generation) for member in range(members)]
        begun = [("continue", None, None)] * members
        worst = order[-max(1, members // 4) :]
        for member, donor in zip(
            worst, rng.choice(order[: max(1, members // 4)], len(worst)), strict=True
        ):
            genomes[member] = _drawn(genomes[donor], rng, share=0.15)
            digests[member] = f"{int(rng.integers(2**48)):012x}"
            merits[member] = merits[donor] + rng.normal(-0.01, 0.05)
            sources[member] = (int(donor), generation)
            inherited[member] = (generation + 1) * INTERVAL
            name = "mutation" if rng.random() < 0.7 else "optuna"
            begun[member] = ("replace", int(donor), name)
    return _ended(story, members, generations, int(order[0]), digests)


def _generation(
    story: Story,
    rng: np.random.Generator,
    *,
    generation: int,
    genomes: list[dict[str, JSON]],
    digests: list[str],
    merits: np.ndarray,
    begun: list[tuple[str, int | None, str | None]],
    sources: list[tuple[int, int] | None],
    inherited: list[int],
) -> np.ndarray:
    """Order and report one interval of everybody; return the losses, infinite where one failed."""
    tokens = (generation + 1) * INTERVAL
    losses = 1.5 + 2.5 * (1 + generation) ** -0.4 + np.exp(merits) * 0.2
    losses = losses + rng.normal(0, 0.01, len(losses))
    failed = rng.random(len(losses)) < 0.004
    for member, loss in enumerate(losses.tolist()):
        decision, donor, proposer = begun[member]
        story.add(
            Ordered(
                member=member, generation=generation, decision=decision, genome=genomes[member],
                digest=digests[member], donor=donor, proposer=proposer, source=sources[member],
                tokens=INTERVAL,
            )
        )  # fmt: skip
        bad = bool(failed[member])
        is_morph = decision == "replace" and member % 3 == 0
        story.add(
            Reported(
                member=member, generation=generation, digest=digests[member], parameters=1_000_000,
                ledger=Ledger(
                    tokens=tokens, flops=6e6 * tokens, inherited_tokens=inherited[member]
                ),
                interval_tokens=INTERVAL, interval_flops=6e6 * INTERVAL,
                train_loss=None if bad else loss + 0.05,
                losses=() if bad else (loss - 0.01, loss + 0.01),
                nats_per_token=None if bad else loss, bits_per_byte=None if bad else loss * 1.44,
                failure=f"a loss that is not finite at step {generation}" if bad else None,
                morph={"moves": ["layer 0: heads 2 -> 3"], "probe_loss_change": 0.001}
                if is_morph else None,
                utilities=None, seconds=20.0, adoption_seconds=0.1, cpu_seconds=19.0,
                finished_at=1.75e9 + 25.0 * generation + member % 5, worker=member % 64,
                origin="live",
            )
        )  # fmt: skip
        fitness = None if bad else -loss
        story.add(Scored(member=member, generation=generation, fitness=fitness, parts={}))
    losses = np.where(failed, np.inf, losses)
    best = int(losses.argmin())
    story.add(
        GenerationClosed(
            generation=generation, best_member=best, best_loss=float(losses[best]),
            best_fitness=-float(losses[best]), tokens=tokens * len(losses), flops=1e15,
        )
    )  # fmt: skip
    return losses


def _ended(story: Story, members: int, generations: int, winner: int, digests: list[str]) -> Story:
    last = generations - 1
    report = story.reports[winner, last]
    heads = [[0.01 * (1 + layer + head) for head in range(4)] for layer in range(4)]
    story.reports[winner, last] = Reported(
        **{
            name: getattr(report, name)
            for name in Reported.__dataclass_fields__
            if name != "utilities"
        },
        utilities={
            "heads": heads, "heads_se": [[0.006] * 4] * 4, "ffn": [0.02] * 4, "ffn_se": [0.002] * 4,
            "embedding": 0.05, "embedding_se": 0.004,
        },
    )  # fmt: skip
    for role, member, bits in (("winner", winner, 2.0), ("baseline", members, 2.2)):
        story.add(
            Assessed(
                role=role, member=member, generation=last, digest=digests[winner],
                parameters=1_000_000, tokens=generations * INTERVAL,
                losses=(bits - 0.02, bits + 0.01, bits + 0.01), nats_per_token=bits,
                bits_per_byte=bits, seconds=1.0,
            )
        )  # fmt: skip
    story.add(
        SearchFinished(reason="budget", winner=winner, generation=last, digest=digests[winner])
    )
    return story


def _drawn(
    genome: dict[str, JSON], rng: np.random.Generator, *, share: float = 1.0
) -> dict[str, JSON]:
    """Change a share of a genome's values by a formula; the laws of the space are not kept."""
    made = copy.deepcopy(genome)
    protocol, architecture = made["protocol"], made["architecture"]
    for name, value in protocol.items():
        if isinstance(value, float) and rng.random() < share:
            protocol[name] = float(np.clip(value * np.exp(rng.normal(0, 0.4)), 1e-5, 0.999))
    if rng.random() < share:
        protocol["optimizer"] = str(rng.choice(["adamw", "lion", "muon", "sgd"]))
    if rng.random() < share:
        architecture["d_model"] = int(16 * rng.integers(2, 33))
        architecture["num_heads"] = [int(h) for h in rng.integers(1, 9, 4)]
    return made


def drawing_seconds(story: Story, lines: int) -> float:
    """Return how long the live table takes on a screen of so many lines, median of 5."""
    screen = Console(file=io.StringIO(), force_terminal=True, width=160, height=lines + 1)
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        screen.print(table(story, (), Pace(), lines=lines))
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def opening_seconds(page: Path, browser: str) -> float:
    """Return how long a browser takes from the start of the navigation to a page laid out."""
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [
                browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--disable-background-networking", "--disable-component-update",
                f"--user-data-dir={profile}", "--window-size=1280,900", "--dump-dom",
                page.as_uri(),
            ],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
    found = re.search(r"<title>opened ([\d.]+)", done.stdout)
    if found is None:
        raise RuntimeError(f"The page did not say when it was open: {done.stdout[:200]!r}")
    return float(found[1]) / 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--generations", type=int, default=200)
    parser.add_argument("--keep", type=Path, help="keep the page here")
    arguments = parser.parse_args()
    story = population(arguments.members, arguments.generations)
    subject = Subject(
        story=story, directory=Path("runs/large"), state="finished", damage=None,
        commands=frozenset({"search"}),
    )  # fmt: skip
    began, began_cpu = time.perf_counter(), time.process_time()
    text = search_report(subject)
    made, made_cpu = time.perf_counter() - began, time.process_time() - began_cpu
    print(f"{len(story.reports):,} intervals: {len(text.encode()) / 1e6:.2f} MB")
    print(f"made in {made:.1f} s, {made_cpu:.1f} s of processor time")
    for lines in (49, arguments.members + 10):
        print(f"live table of {lines} lines drawn in {drawing_seconds(story, lines):.3f} s")
    if arguments.keep:
        arguments.keep.write_text(text, encoding="utf-8")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        print("opening was not measured: no chromium here")
        return
    with tempfile.TemporaryDirectory() as directory:
        page = Path(directory, "report.html")
        page.write_text(with_script(text, OPENED), encoding="utf-8")
        seconds = [opening_seconds(page, browser) for _ in range(5)]
    print(
        f"opened in {statistics.median(seconds):.2f} s ({min(seconds):.2f}-{max(seconds):.2f}, "
        f"{len(seconds)} times)"
    )


if __name__ == "__main__":
    main()
