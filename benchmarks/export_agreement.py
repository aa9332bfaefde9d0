"""How far exports of a search agree with what was trained: logits of `hf`, losses of `script`.

    python benchmarks/export_agreement.py runs/demo

Needs transformers. Trains the winner's genome twice, by its script and by our own trainer.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers

from orchestrator.export import FORMATS
from orchestrator.export.script.directory import course_of
from orchestrator.export.subject import Subject, find_subject
from orchestrator.search import task_seed
from orchestrator.story.lineage import lineage
from trainers.member import Member


def logits_apart(subject: Subject, folder: Path) -> tuple[int, float, float]:
    """Return targets compared, the largest difference of logits, and their standard deviation."""
    FORMATS["hf"].write(subject, folder)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    corpus, (_, settings) = subject.corpus(), course_of(subject)
    ours = Member.from_state(subject.state(), corpus=corpus, settings=settings).model.eval()
    batches = corpus.evaluation_batches(
        "heldout", sequences=settings.evaluation_sequences, count=settings.heldout_batches
    )
    targets, apart, spread = 0, 0.0, 0.0
    with torch.inference_mode():
        for batch in batches:
            tokens = batch.tokens[:, :-1]
            expected = ours(tokens)
            apart = max(apart, float((theirs(tokens).logits - expected).abs().max()))
            spread, targets = float(expected.std()), targets + tokens.numel()
    return targets, apart, spread


def losses_apart(subject: Subject, folder: Path) -> tuple[int, int]:
    """Return the steps of a whole training, and how many of their losses are equal to the bit."""
    FORMATS["script"].write(subject, folder)
    subprocess.run(
        [sys.executable, "-I", folder / "train.py", "--out", folder],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    with (folder / "losses.csv").open() as file:
        theirs = [float(row["loss"]) for row in csv.DictReader(file)]
    _, settings = course_of(subject)
    first = lineage(subject.story, subject.member, subject.generation)[0]
    order = subject.story.orders[first.member, first.first_generation]
    member = Member.create(
        subject.genome.architecture,
        subject.genome.protocol,
        corpus=subject.corpus(),
        settings=settings,
        member_seed=task_seed(subject.run.seed, order),
    )
    steps = []
    while member.position.tokens < subject.report.ledger.tokens:
        member.train(subject.run.population.interval_tokens, progress=steps.append)
    ours = [step.loss for step in steps]
    return len(ours), sum(a == b for a, b in zip(ours, theirs, strict=True))


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, metavar="DIR", help="of a finished search")
    subject = find_subject(parser.parse_args().directory)
    with tempfile.TemporaryDirectory() as scratch:
        targets, apart, spread = logits_apart(subject, Path(scratch) / "hf")
        steps, equal = losses_apart(subject, Path(scratch) / "script")
    print(
        f"hf: {targets} held-out targets, logits at most {apart:.1e} apart, "
        f"standard deviation {spread:.2f}"
    )
    print(f"script: {equal} of {steps} losses equal to the bit")


if __name__ == "__main__":
    main()
