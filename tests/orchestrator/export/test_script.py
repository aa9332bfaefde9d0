"""The script that is written for a genome trains it as our own trainers do, number for number."""

import ast
import csv
import dataclasses
import itertools
import os
import subprocess
import sys

import numpy as np
import pytest

from orchestrator.export.script.directory import PIECES, _piece, course_of, script_text, write
from orchestrator.export.script.facts import FACTS, GENES, facts_of, unexpressed
from orchestrator.export.script.template import resolved, words
from orchestrator.export.subject import find_subject
from orchestrator.tasks import task_seed
from search_spaces.genome import Genome
from search_spaces.gpt.protocol import Protocol
from trainers.member import Member

CASES = (
    ({}, {}),
    (
        {
            "optimizer": "lion", "schedule": "cosine", "activation": "gelu", "norm": "layer", "position": "learned",
            "qk_norm": True, "tied_embeddings": False, "batch_ramp": 1, "sequence_ramp": 1, "data_mix": (0.3, 0.7),
        },
        {"sources": ("sea", "land")},
    ),
    (
        {
            "optimizer": "muon", "schedule": "linear", "activation": "relu2", "position": "alibi", "dropout": 0.0,
            "attention_lr_multiplier": 1.0, "ffn_lr_multiplier": 1.0, "embedding_lr_multiplier": 1.0,
            "num_kv_heads": (3, 2), "clip_norm": 0.2,
        },
        {"tokenizer": "bpe"},
    ),
    ({"optimizer": "sgd", "schedule": "constant", "sequence_ramp": 4}, {"micro_batch_tokens": 48}),
    ({"optimizer": "muon", "norm": "layer", "qk_norm": True, "batch_ramp": 4, "warmup_fraction": 0.0}, {}),
)  # fmt: skip


@pytest.fixture
def runs(genome, searched, tmp_path):
    """Write the scripts of all cases and run them in one process that sees no module of ours."""
    subjects = [find_subject(searched(genome(**genes), **more)) for genes, more in CASES]
    folders = [tmp_path / f"case{at}" for at in range(len(CASES))]
    for subject, folder in zip(subjects, folders, strict=True):
        write(subject, folder)
    half = tmp_path / "half"  # the first case again, in bfloat16, which our trainers keep for CUDA
    half.mkdir()
    (half / "data").symlink_to(folders[0] / "data")
    course = dataclasses.replace(course_of(subjects[0])[0], bfloat16=True)
    (half / "train.py").write_text(script_text(subjects[0].genome, course, about="Half."))
    code = (
        "import runpy, sys\n"
        "for folder in sys.argv[1:]:\n"
        "    sys.argv = ['train.py', '--out', folder]\n"
        "    runpy.run_path(folder + '/train.py', run_name='__main__')\n"
        "assert not {'trainers', 'orchestrator', 'search_spaces'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-I", "-W", "error", "-c", code, *map(str, (*folders, half))]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=200,
        cwd=tmp_path,
        env={**os.environ},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return subjects, folders, done.stdout.split("lower is better:")[1:]


def test_losses_are_those_of_our_trainers_bit_for_bit(runs):
    asked = set()
    for subject, folder, printed in zip(*runs[:2], runs[2][:-1], strict=True):
        course, settings = course_of(subject)
        asked |= facts_of(subject.genome, course)
        member = Member.create(
            subject.genome.architecture,
            subject.genome.protocol,
            corpus=subject.corpus(),
            settings=settings,
            member_seed=task_seed(subject.run.seed, subject.story.orders[subject.member, 0]),
        )
        steps = []
        for _ in range(subject.report.ledger.tokens // subject.run.population.interval_tokens):
            report = member.train(subject.run.population.interval_tokens, progress=steps.append)
            assert report.failure is None
            selection = member.evaluate("selection")
            assert f"selection {selection.nats_per_token:.4f} nats per token" in printed
        heldout = member.evaluate("heldout", batches=settings.heldout_batches)
        table = losses_in(folder)
        losses = [step.loss for step in steps]
        assert len(losses) > 24
        assert [float(row["loss"]) for row in table] == losses
        assert int(table[-1]["tokens"]) == subject.report.ledger.tokens
        assert (
            f"held out: {heldout.nats_per_token:.4f} nats per token, {heldout.bits_per_byte:.4f}"
        ) in printed
    assert asked == FACTS - {"bfloat16"}
    exact, half = (
        [float(row["loss"]) for row in losses_in(f)]
        for f in (runs[1][0], runs[1][0].parent / "half")
    )
    assert half != exact
    assert half == pytest.approx(exact, abs=0.1)


def losses_in(folder):
    with (folder / "losses.csv").open() as file:
        return list(csv.DictReader(file))


def test_every_genome_gets_a_clean_script_of_what_it_needs(genome, searched, tmp_path):
    course, _ = course_of(find_subject(searched(genome())))
    random = np.random.default_rng(0)
    choices = {
        "optimizer": ("adamw", "lion", "muon", "sgd"), "schedule": ("constant", "cosine", "wsd", "linear"),
        "activation": ("gelu", "relu2", "swiglu"), "norm": ("layer", "rms"), "qk_norm": (False, True),
        "position": ("rotary", "learned", "alibi"), "tied_embeddings": (False, True), "dropout": (0.0, 0.1),
        "batch_ramp": (1, 2), "sequence_ramp": (1, 2), "num_kv_heads": ((3, 2), (1, 1)),
        "data_mix": ((1.0,), (0.5, 0.5)), "ffn_lr_multiplier": (1.0, 2.0),
    }  # fmt: skip
    for at in range(40):
        genes = {name: values[random.integers(len(values))] for name, values in choices.items()}
        made = genome(**genes, attention_lr_multiplier=1.0, embedding_lr_multiplier=1.0)
        text = script_text(made, course, about="About.\n\nMore.\n")
        (tmp_path / f"made{at}.py").write_text(text)
        imported = [
            n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Import | ast.ImportFrom)
        ]
        roots = {
            (n.module if isinstance(n, ast.ImportFrom) else n.names[0].name).partition(".")[0]
            for n in imported
        }
        assert roots - set(sys.stdlib_module_names) == {"torch", "numpy"}
    for check in (["check", "--select", "F,E,B,I"], ["format", "--check"]):
        # no undefined name, no unused import, no line that its formatter would move
        command = [
            sys.executable,
            "-m",
            "ruff",
            *check,
            "--isolated",
            "--line-length",
            "100",
            tmp_path,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout


def test_no_gene_is_left_out_in_silence(genome):
    made = genome()
    fields = [f for half in (made.architecture, made.protocol) for f in dataclasses.fields(half)]
    assert {f.name for f in fields if f.default is dataclasses.MISSING} == GENES
    assert unexpressed(made) == ()
    dear = dataclasses.replace(made.protocol, price_multiplier=2.0)  # trains as it did
    assert unexpressed(Genome(made.architecture, dear)) == ()
    shared = dataclasses.replace(made.protocol, payoff_sharing=0.5)
    assert unexpressed(Genome(made.architecture, shared)) == (("payoff_sharing", 0.5, 0.0),)
    # a gene that came later, away from what it was before there was one
    later = dataclasses.make_dataclass(
        "Later", [("new_gene", float, 0.25)], bases=(Protocol,), frozen=True, kw_only=True
    )
    known = {f.name: getattr(made.protocol, f.name) for f in dataclasses.fields(made.protocol)}
    assert unexpressed(Genome(made.architecture, later(**known))) == ()
    assert unexpressed(Genome(made.architecture, later(**known, new_gene=0.5))) == (
        ("new_gene", 0.5, 0.25),
    )


def test_pieces_ask_for_known_facts_and_for_all_of_them():
    asked = frozenset(
        itertools.chain.from_iterable(words(_piece(name)) for name in (*PIECES, "imports"))
    )
    assert asked <= FACTS
    assert FACTS - asked <= {"layer"}  # the other norm


@pytest.mark.parametrize("piece", ["#: if x\na\n", "#: end\n", "#: else\n", "#: elif x\n#: end\n"])
def test_a_piece_whose_marks_do_not_fit_is_refused(piece):
    with pytest.raises(ValueError, match=r"Line 1 must be|Every if must have"):
        resolved(piece, {"x"})
