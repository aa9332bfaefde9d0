"""Damaged files for every reader of files from outside: `python -m benchmarks.fuzz`, from the root.

Each reader gets 100,000 inputs (`--inputs`), or as many as there is time for (`--minutes`), in a
process of its own. Where atheris is installed
(`pip install masga[fuzz]`), libFuzzer chooses them by the code that they reach; else, or with
`--unguided`, they are drawn at random, which is several times as fast. An input is a fault if its
reader neither reads it nor refuses it with an error of its own, or takes more than 1 s of processor
time, or more than 1 GiB of memory. Faults are kept as files (`--faults`); the exit code then is 1.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

LONGEST_INPUT = 96
"""Bytes of decisions: more than most damage takes."""
SEEDS = 64
"""Random inputs that libFuzzer begins with."""
GUIDED = ("orchestrator", "search_spaces", "trainers")
"""Packages whose reached code counts."""


def main() -> int:
    options = arguments()
    if options.worker:
        work(options)
        return 0
    from tests.fuzz.parsers import PARSERS

    unknown = set(options.parsers) - set(PARSERS)
    if unknown:
        sys.exit(f"readers are {', '.join(PARSERS)}, but got {', '.join(sorted(unknown))}.")
    guided = importlib.util.find_spec("atheris") is not None and not options.unguided
    print(f"inputs {'guided by coverage (atheris)' if guided else 'drawn at random'}")
    print(f"{'reader':<12} {'inputs':>8} {'read':>7} {'refused':>8} {'faults':>6} {'slowest':>9}"
          f" {'memory':>8} {'time':>7}  refused with")  # fmt: skip
    faults = 0
    for name in options.parsers or PARSERS:
        result = fuzzed(name, options)
        faults += result["faults"]
        print(told(name, result), flush=True)
    return 1 if faults else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("parsers", nargs="*", metavar="READER", help="instead of all of them")
    parser.add_argument("--inputs", type=int, default=100_000, metavar="N")
    parser.add_argument("--minutes", type=float, metavar="M", help="at most, for each reader")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=Path, default=Path("fuzz-faults"), metavar="DIR")
    parser.add_argument("--unguided", action="store_true", help="even where atheris is installed")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def fuzzed(name: str, options: argparse.Namespace) -> dict:
    """Run one reader's inputs in a process of their own; a process that dies is a fault too."""
    with tempfile.TemporaryDirectory(prefix="masga-fuzz-", dir=_memory()) as place:
        command = [sys.executable, "-m", "benchmarks.fuzz", name, "--worker", place]
        command += ["--inputs", str(options.inputs), "--seed", str(options.seed)]
        command += ["--faults", str(options.faults)]
        command += ["--minutes", str(options.minutes)] if options.minutes is not None else []
        command += ["--unguided"] if options.unguided else []
        begun = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        result = {"inputs": 0, "outcomes": {}, "faults": 0, "slowest": 0.0, "memory": 0}
        if (Path(place) / "result.json").exists():
            result = json.loads((Path(place) / "result.json").read_text())
        elif not (Path(place) / "current").exists():
            sys.exit(f"the reader {name} could not be fuzzed:\n{done.stderr[-20_000:]}")
        else:
            data = (Path(place) / "current").read_bytes()
            keep(name, data, f"exit code {done.returncode}\n{done.stderr[-20_000:]}", options)
            result["faults"] = 1
            result["outcomes"] = {f"died with code {done.returncode}": 1}
        return {**result, "seconds": time.monotonic() - begun}


def told(name: str, result: dict) -> str:
    outcomes = dict(result["outcomes"])
    read = outcomes.pop("read", 0)
    refused = result["inputs"] - read - result["faults"]
    kinds = ", ".join(f"{kind} {count}" for kind, count in outcomes.items())
    counts = f"{result['inputs']:>8} {read:>7} {refused:>8} {result['faults']:>6}"
    costs = f"{result['slowest']:>7.3f} s {result['memory'] / 1e6:>5.0f} MB"
    return f"{name:<12} {counts} {costs} {result['seconds']:>5.0f} s  {kinds}"


def work(options: argparse.Namespace) -> None:
    """Fuzz one reader in this process, and leave the result as a file."""
    guided = importlib.util.find_spec("atheris") is not None and not options.unguided
    if guided:
        import atheris

        watched = atheris.instrument_imports(include=list(GUIDED))
    else:
        watched = nullcontext()
    with watched:
        from tests.fuzz.parsers import PARSERS, input_of
    from tests.fuzz.judging import bounded_memory, judged, peak_bytes

    (name,) = options.parsers
    parser, place = PARSERS[name], options.worker
    inputs = place / "input"
    inputs.mkdir()
    judged(parser, input_of(parser, b""), inputs)  # what is made once is made before it counts
    outcomes: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    slowest, before = 0.0, peak_bytes()
    until = math.inf if options.minutes is None else time.monotonic() + 60 * options.minutes
    current = os.open(place / "current", os.O_CREAT | os.O_RDWR)

    def one(data: bytes) -> None:
        nonlocal slowest
        os.ftruncate(current, 0)
        os.pwrite(current, data, 0)
        judgement = judged(parser, input_of(parser, data), inputs)
        outcomes[judgement.outcome] += 1
        slowest = max(slowest, judgement.seconds)
        if judgement.is_fault:
            faults[judgement.outcome] += 1
            if faults[judgement.outcome] == 1:
                keep(name, data, judgement.trace, options)
        if outcomes.total() == options.inputs or time.monotonic() > until:
            result = {
                "inputs": outcomes.total(),
                "outcomes": dict(outcomes.most_common()),
                "faults": faults.total(),
                "slowest": slowest,
                "memory": peak_bytes() - before,
            }
            (place / "result.json").write_text(json.dumps(result))
            sys.stdout.flush()
            os._exit(0)  # libFuzzer would go on

    draw = random.Random(options.seed)
    with bounded_memory():
        if not guided:
            while True:
                one(draw.randbytes(draw.randint(0, LONGEST_INPUT)))
        corpus = place / "corpus"
        corpus.mkdir()
        for number in range(SEEDS):
            (corpus / f"{number}").write_bytes(draw.randbytes(draw.randint(1, LONGEST_INPUT)))
        flags = (f"-max_len={LONGEST_INPUT}", f"-seed={options.seed}", "-rss_limit_mb=0",
                 "-timeout=120", "-verbosity=0", f"-artifact_prefix={place}/")  # fmt: skip
        atheris.Setup([sys.argv[0], *flags, str(corpus)], one)
        atheris.Fuzz()


def keep(name: str, data: bytes, trace: str, options: argparse.Namespace) -> None:
    """Keep a fault: its decisions, the files they made, and what happened."""
    from tests.fuzz.parsers import PARSERS, input_of

    options.faults.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=options.faults))
    (place / "decisions.bin").write_bytes(data)
    (place / "trace.txt").write_text(trace, encoding="utf-8")
    for file, content in input_of(PARSERS[name], data).items():
        (place / file).write_bytes(content)


def _memory() -> Path | None:
    """Return a file system in memory, if there is one with room: every input is written."""
    place = Path("/dev/shm")
    roomy = place.is_dir() and shutil.disk_usage(place).free > 1 << 28
    return place if roomy and os.access(place, os.W_OK) else None


if __name__ == "__main__":
    sys.exit(main())
