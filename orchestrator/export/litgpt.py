"""`litgpt`: a configuration for `litgpt pretrain`, with tokenizer and text.

Fields were read from litgpt 0.5.13: `litgpt.config.Config`, `litgpt.args`, `litgpt.pretrain.setup`.
"""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING, Any

import yaml

from orchestrator.export.departures import departures
from orchestrator.export.formats import refusal

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.export.departures import Departure
    from orchestrator.export.subject import Subject
    from search_spaces.genome import Genome
    from search_spaces.gpt.architecture import Architecture

CONFIG = "pretrain.yaml"
_OTHERWISE = (
    "LitGPT draws first weights and orders data by itself, and decays vectors as it does matrices."
)


def write(subject: Subject, target: Path) -> None:
    """Write the directory.

    Raises:
        UserError: LitGPT has no such architecture; names the genes and the nearest values.
    """
    from orchestrator.export.documents import write_text  # noqa: PLC0415 - numpy
    from orchestrator.export.hugging_face.tokenizer import (  # noqa: PLC0415 - torch: seconds
        library_of,
        write_tokenizer,
    )

    genome = subject.genome
    if found := misfits(genome.architecture):
        raise refusal(
            subject,
            found,
            law="a LitGPT model expresses the architecture exactly",
            instead="the formats script or torchtitan",
        )
    corpus = subject.corpus()
    (target / "tokenizer").mkdir(parents=True)
    context = genome.architecture.context_length
    write_tokenizer(library_of(subject), target / "tokenizer", context_length=context)
    for split, name in (("train", "train"), ("selection", "validation")):
        (target / name).mkdir()
        write_text(corpus, split, target / name / "text.txt")  # type: ignore[arg-type]
    config = pretrain_config(genome, tokens=subject.horizon_tokens, seed=subject.run.seed)
    head = [f"Genome {genome.digest}, found by MASGA: {subject} of the search {subject.run.name}."]
    head += ["", _OTHERWISE, *_told(genome)]
    comment = "".join(f"# {line}".rstrip() + "\n" for line in head)
    text = comment + "\n" + yaml.safe_dump(config, sort_keys=False)
    (target / CONFIG).write_text(text, encoding="utf-8")


def use(subject: Subject, target: Path) -> tuple[str, ...]:
    """Return how to train with it, and what it does otherwise."""
    return (
        "pip install 'litgpt[extra]'",
        f"cd {shlex.quote(str(target))}",
        f"litgpt pretrain --config {CONFIG}",
        f"# {_OTHERWISE}",
        *(f"# {line}" for line in _told(subject.genome)),
    )


def misfits(a: Architecture) -> tuple[tuple[str, object, object], ...]:
    """Return (gene, found, nearest that LitGPT has); empty: all of them fit."""
    found: list[tuple[str, object, object]] = []
    if a.position != "rotary":
        found.append(("position", a.position, "rotary"))
    if a.activation == "relu2":
        found.append(("activation", "relu2", "gelu"))
    if a.qk_norm and a.norm == "layer":
        found.append(("qk_norm", True, False))  # LitGPT norms both by one class
    if len(set(a.num_heads)) > 1 or len(set(a.num_kv_heads)) > 1:
        heads = _middle(a.num_heads)
        divisors = [k for k in range(1, heads + 1) if heads % k == 0]
        kv_heads = min(divisors, key=lambda k: abs(k - _middle(a.num_kv_heads)))
        for gene, nearest in (("num_heads", heads), ("num_kv_heads", kv_heads)):
            if getattr(a, gene) != (nearest,) * a.num_layers:
                found.append((gene, getattr(a, gene), (nearest,) * a.num_layers))
    if len(set(a.d_ff)) > 1:
        found.append(("d_ff", a.d_ff, (_middle(a.d_ff),) * a.num_layers))
    return tuple(found)


def pretrain_config(genome: Genome, *, tokens: int, seed: int) -> dict[str, Any]:
    """Return what `litgpt pretrain` reads; the architecture must fit.

    Args:
        genome: What is trained.
        tokens: To train, and at which the schedule ends.
        seed: Of weights and data.
    """
    a, p = genome.architecture, genome.protocol
    batch = max(1, round(p.batch_tokens / a.context_length))
    steps = math.ceil(tokens / (batch * a.context_length))
    return {
        "model_name": f"masga-{genome.digest}",
        "model_config": model_config(genome),
        "out_dir": "out",
        "precision": "32-true",
        "tokenizer_dir": "tokenizer",
        "data": {
            "class_path": "litgpt.data.TextFiles",
            "init_args": {"train_data_path": "train", "val_data_path": "validation", "seed": seed},
        },
        "train": {
            "save_interval": 1000,
            "log_interval": 1,
            "global_batch_size": batch,
            "micro_batch_size": batch,
            "lr_warmup_steps": round(p.warmup_fraction * steps),
            "max_tokens": tokens,
            "max_seq_length": a.context_length,
            "tie_embeddings": a.tied_embeddings,
            "max_norm": p.clip_norm,
            "min_lr": p.learning_rate if p.schedule == "constant" else 0.0,
        },
        "eval": {"interval": max(1, steps // 10), "max_iters": 16, "final_validation": True},
        "optimizer": {
            "class_path": "torch.optim.AdamW",
            "init_args": {
                "lr": p.learning_rate,
                "weight_decay": p.weight_decay,
                "betas": [p.beta1, p.beta2],
            },
        },
        "logger_name": "csv",
        "seed": seed % 2**32,
    }


def model_config(genome: Genome) -> dict[str, Any]:
    """Return the fields of `litgpt.config.Config`."""
    a = genome.architecture
    return {
        "name": f"masga-{genome.digest}",
        "block_size": a.context_length,
        "n_layer": a.num_layers,
        "n_embd": a.d_model,
        "vocab_size": a.vocab_size,
        "padded_vocab_size": a.vocab_size,
        "n_head": a.num_heads[0],
        "n_query_groups": a.num_kv_heads[0],
        "head_size": a.head_dim,
        "rotary_percentage": 1.0,
        "rope_base": 10_000,
        "parallel_residual": False,
        "bias": False,
        "norm_class_name": "RMSNorm" if a.norm == "rms" else "LayerNorm",
        "norm_eps": 1e-10,
        "norm_qk": a.qk_norm,
        "mlp_class_name": "LLaMAMLP" if a.activation == "swiglu" else "GptNeoxMLP",
        "gelu_approximate": "none",
        "intermediate_size": a.d_ff[0],
    }


def litgpt_departures(genome: Genome) -> tuple[Departure, ...]:
    """Return what LitGPT does otherwise than the protocol says."""
    cosine = "a cosine to 0"
    return departures(
        genome,
        optimizers=dict.fromkeys(("lion", "muon", "sgd"), "AdamW at the same rate"),
        schedules={"linear": cosine, "wsd": cosine},
        has_multipliers=False,
    )


def _told(genome: Genome) -> list[str]:
    return [f"Not expressed: {departure}." for departure in litgpt_departures(genome)]


def _middle(values: tuple[int, ...]) -> int:
    return sorted(values)[len(values) // 2]
