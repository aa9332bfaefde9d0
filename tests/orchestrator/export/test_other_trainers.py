"""Configurations of LitGPT and TorchTitan: exact architectures, and no gene dropped in silence."""

import dataclasses
import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml

from orchestrator.errors import UserError
from orchestrator.export import litgpt, torchtitan
from orchestrator.export.litgpt import litgpt_departures, pretrain_config
from orchestrator.export.script.directory import course_of
from orchestrator.export.subject import find_subject
from orchestrator.export.torchtitan import directory as titan
from search_spaces.genome import Genome
from trainers.data.tokenizer import ByteTokenizer
from trainers.model import Transformer

UNIFORM = {"num_heads": (4, 4), "num_kv_heads": (2, 2), "d_ff": (64, 64)}
OTHERS = {
    "optimizer": "sgd", "learning_rate": 1e-3, "schedule": "linear", "warmup_fraction": 0.3, "weight_decay": 0.2,
    "beta1": 0.85, "beta2": 0.9, "clip_norm": 0.5, "batch_tokens": 512, "batch_ramp": 4, "sequence_ramp": 4,
    "dropout": 0.2, "attention_lr_multiplier": 2.0, "ffn_lr_multiplier": 2.0, "embedding_lr_multiplier": 1.0,
    "data_mix": (0.5, 0.5), "decay_fraction": 0.2,
    "num_layers": 3, "d_model": 48, "head_dim": 16, "num_heads": (2, 2), "num_kv_heads": (4, 4), "d_ff": (96, 96),
    "qk_norm": True, "tied_embeddings": False, "vocab_size": 300, "context_length": 32,
}  # fmt: skip
needs_litgpt = pytest.mark.skipif(
    importlib.util.find_spec("litgpt") is None,
    reason="litgpt is not installed: it asks for huggingface-hub < 1.4, transformers 5 for a later one; "
    "try with pip install --no-deps litgpt==0.5.13 lightning==2.6.6 jsonargparse==4.53.0 and what these import",
)
needs_torchtitan = pytest.mark.skipif(
    importlib.util.find_spec("torchtitan") is None,
    reason="torchtitan is not installed: it imports triton, which torch for CPUs leaves out, and wandb, datasets, ...; "
    "try with pip install torchtitan==0.3.0 triton",
)


def litgpt_texts(made, course):
    return yaml.safe_dump(
        pretrain_config(made, tokens=course.tokens, seed=course.seed)
    ), litgpt_departures(made)


def titan_texts(made, course):
    return titan.module_text(made, course, about="About.\n\nMore.\n"), titan.torchtitan_departures(
        made
    )


@pytest.mark.parametrize("written", [litgpt_texts, titan_texts])
def test_every_gene_is_followed_or_told(written, genome, searched):
    subject = find_subject(searched(genome(**UNIFORM)))
    course, _ = course_of(subject)
    usual = genome(**UNIFORM, schedule="wsd", embedding_lr_multiplier=2.0)
    text, told = written(usual, course)
    for gene, value in OTHERS.items():
        if gene == "decay_fraction" and written is litgpt_texts:
            continue  # active under wsd only, of which it tells
        half = "architecture" if hasattr(usual.architecture, gene) else "protocol"
        changed = dataclasses.replace(getattr(usual, half), **{gene: value})
        other = (
            Genome(changed, usual.protocol)
            if half == "architecture"
            else Genome(usual.architecture, changed)
        )
        if gene == "num_layers":
            other = genome(num_layers=3, num_heads=(4,) * 3, num_kv_heads=(2,) * 3, d_ff=(64,) * 3)
        # the digest stands in LitGPT's name of the model
        now, said = written(other, course)
        assert (now.replace(other.digest, usual.digest), said) != (text, told), gene
    fields = {
        f.name for half in (usual.architecture, usual.protocol) for f in dataclasses.fields(half)
    }
    assert fields - OTHERS.keys() <= {
        *("activation", "norm", "position"),  # refused or followed: see below
        *("payoff_sharing", "price_multiplier"),  # told as `unexpressed` tells them
    }


@pytest.mark.parametrize("misfits", [litgpt.misfits, titan.misfits])
def test_the_nearest_that_is_named_fits(misfits, genome):
    random, refused = np.random.default_rng(0), 0
    for _ in range(100):
        genes = {
            "activation": str(random.choice(("gelu", "relu2", "swiglu"))), "norm": str(random.choice(("rms", "layer"))),
            "position": str(random.choice(("rotary", "learned", "alibi"))), "qk_norm": bool(random.integers(2)),
            "num_heads": ((4, 4), (4, 2), (6, 4))[random.integers(3)], "num_kv_heads": ((2, 2), (2, 1))[random.integers(2)], "d_ff": ((64, 64), (64, 32))[random.integers(2)],
        }  # fmt: skip
        found = misfits(genome(**genes).architecture)
        refused += bool(found)
        fixed = {**genes, **{gene: nearest for gene, _, nearest in found}}
        assert misfits(genome(**fixed).architecture) == ()
        assert all(genes[gene] == value != nearest for gene, value, nearest in found)
        assert all(
            h % k == 0 for h, k in zip(fixed["num_heads"], fixed["num_kv_heads"], strict=True)
        )
    assert 0 < refused < 100


@pytest.mark.parametrize(("made", "gene"), [(litgpt, "d_ff"), (torchtitan, "norm")])
def test_an_architecture_that_does_not_fit_is_refused(made, gene, genome, searched, tmp_path):
    subject = find_subject(searched(genome(norm="layer")))
    with pytest.raises(UserError, match=f"{gene}=.* The nearest that can be expressed: .*{gene}="):
        made.write(subject, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_torchtitan_modules_are_clean_python(genome, searched, tmp_path):
    course, _ = course_of(find_subject(searched(genome())))
    for at, genes in enumerate(
        (
            {},
            {"qk_norm": True, "tied_embeddings": False},
            {"schedule": "constant"},
            {"schedule": "cosine"},
        )
    ):
        (tmp_path / f"made{at}.py").write_text(titan_texts(genome(**genes), course)[0])
    for check in (["check", "--select", "F,E,B"], ["format", "--check"]):
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


def test_the_text_is_exported_document_by_document(genome, searched, texts, tmp_path):
    subject = find_subject(searched(genome(**UNIFORM), sources=("sea", "land")))
    torchtitan.write(subject, tmp_path / "titan")
    lines = [
        json.loads(line)["text"]
        for line in (tmp_path / "titan" / "text.jsonl").read_text().splitlines()
    ]
    originals = [
        json.loads(line)["text"]
        for name in ("sea", "land")
        for line in (texts / f"{name}.jsonl").read_text().splitlines()
    ]
    manifest = subject.corpus().manifest
    assert len(lines) == manifest.documents("train")
    kept = set(lines)
    assert lines == [text for text in originals if text in kept]  # in their order
    litgpt.write(subject, tmp_path / "litgpt")
    text = (tmp_path / "litgpt" / "train" / "text.txt").read_text()
    assert text == "".join(f"{line}\n\n" for line in lines)


def run(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


LITGPT = """
import json, sys, torch, yaml
from pathlib import Path
from jsonargparse import ArgumentParser
from litgpt import GPT, Tokenizer
from litgpt.pretrain import setup

folder = Path(sys.argv[1])
parser = ArgumentParser()
parser.add_function_arguments(setup)
parser.add_argument("--config", action="config")
made = parser.instantiate_classes(parser.parse_args(["--config", str(folder / "pretrain.yaml")]))
model = GPT(made.model_config)
own = torch.load(sys.argv[2])
names = {"embedding.weight": "transformer.wte.weight", "final_norm.weight": "transformer.ln_f.weight",
         "final_norm.bias": "transformer.ln_f.bias", "unembedding.weight": "lm_head.weight"}
parts = {"norm_attention": "norm_1", "norm_ffn": "norm_2", "attention.out": "attn.proj", "ffn.down": "mlp.proj",
         "attention.query_norm": "attn.norm_q", "attention.key_norm": "attn.norm_k"}
gated = made.model_config.mlp_class_name == "LLaMAMLP"
parts |= {"ffn.gate": "mlp.fc_1", "ffn.up": "mlp.fc_2"} if gated else {"ffn.up": "mlp.fc"}
state = {}
for name, tensor in own.items():
    if name in names:
        state[names[name]] = tensor
        continue
    _, layer, part = name.split(".", 2)
    part, kind = part.rsplit(".", 1)
    at = f"transformer.h.{layer}"
    if part in parts:
        state[f"{at}.{parts[part]}.{kind}"] = tensor
    elif part == "attention.query":
        qkv = [own[f"layers.{layer}.attention.{n}.weight"] for n in ("query", "key", "value")]
        state[f"{at}.attn.qkv.weight"] = torch.cat(qkv)
if made.train.tie_embeddings:
    state["lm_head.weight"] = state["transformer.wte.weight"]
model.load_state_dict(state)
model.eval()
with torch.no_grad():
    torch.save(model(torch.load(sys.argv[3])), sys.argv[4])
tokenizer = Tokenizer(folder / "tokenizer")
print(json.dumps({"ids": tokenizer.encode("ships 🐋", bos=True).tolist(), "max_norm": made.train.max_norm}))
"""


@needs_litgpt
@pytest.mark.parametrize(
    "genes",
    [{}, {"activation": "gelu", "norm": "layer"}, {"qk_norm": True, "tied_embeddings": False}],
)
def test_litgpt_reads_the_configuration_and_computes_our_logits(genes, genome, searched, tmp_path):
    subject = find_subject(searched(genome(**UNIFORM, **genes)))
    litgpt.write(subject, tmp_path / "made")
    ours = Transformer(subject.genome.architecture).eval()
    own = {
        n.removeprefix("model."): t
        for n, t in subject.state().tensors.items()
        if n.startswith("model.")
    }
    ours.load_state_dict(own)
    tokens = torch.randint(0, 257, (2, 16), generator=torch.Generator().manual_seed(0))
    torch.save(own, tmp_path / "own.pt")
    torch.save(tokens, tmp_path / "tokens.pt")
    found = run(
        LITGPT, *(str(tmp_path / name) for name in ("made", "own.pt", "tokens.pt", "logits.pt"))
    )
    with torch.no_grad():
        assert (torch.load(tmp_path / "logits.pt") - ours(tokens)).abs().max() < 1e-4
    assert found == {"ids": [256, *ByteTokenizer().encode("ships 🐋")], "max_norm": 1.0}


TITAN = """
import json, sys
sys.path.insert(0, sys.argv[1])
import masga_config
from torchtitan.components.optimizer import OptimizersContainer

made = masga_config.train()
model = made.model_spec.model.build()
made.optimizer.implementation = "foreach"  # fused needs CUDA
groups = [g for o in OptimizersContainer(made.optimizer, model_parts=[model]).optimizers for g in o.param_groups]
print(json.dumps({
    "sizes": sorted(p.numel() for p in model.parameters()),
    "optimized": sorted((p.numel(), g["lr"], g["weight_decay"]) for g in groups for p in g["params"]),
    "steps": made.training.steps,
}))
"""


@needs_torchtitan
@pytest.mark.parametrize("genes", [{}, {"qk_norm": True, "tied_embeddings": False, **UNIFORM}])
def test_torchtitan_builds_our_parameters_and_learning_rates(genes, genome, searched, tmp_path):
    subject = find_subject(searched(genome(**genes)))
    torchtitan.write(subject, tmp_path / "made")
    found = run(TITAN, str(tmp_path / "made"))
    ours = dict(Transformer(subject.genome.architecture).named_parameters())
    assert found["sizes"] == sorted(p.numel() for p in ours.values())
    p = subject.genome.protocol
    expected = []
    for name, parameter in ours.items():
        kind = next((k for k in ("attention", "ffn", "embedding") if k in name), None)
        multiplier = 1.0 if kind is None else getattr(p, f"{kind}_lr_multiplier")
        decay = p.weight_decay if parameter.ndim == 2 else 0.0
        expected.append((parameter.numel(), pytest.approx(p.learning_rate * multiplier), decay))
    assert [tuple(row) for row in found["optimized"]] == sorted(
        expected, key=lambda row: (row[0], row[1].expected, row[2])
    )
    assert found["steps"] == -(-4096 // 128)
