"""The search of the chaos test: small models on real text, some of which diverge by themselves."""

from __future__ import annotations

import pydoc_data.topics
import textwrap
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from pathlib import Path

NAME = "chaos"
MEMBERS = 6
INTERVAL_TOKENS = 4096
STALL_SECONDS = 20
"""A worker that says nothing for so long has stopped: long enough for a busy machine."""

_SPACE = '''"""A space in which learning rates may be far too high: some members end in NaN."""

import dataclasses

from search_spaces.domains import Real
from search_spaces.gpt.space import GPT

_RATES = Real(1e-3, 1e5, log=True)
WILD = dataclasses.replace(
    GPT,
    genes=tuple(
        dataclasses.replace(gene, domain=_RATES, declared=_RATES)
        if gene.name == "learning_rate"
        else gene
        for gene in GPT.genes
    ),
)
'''


def write_run_file(
    directory: Path, *, generations: int, address: str | None, tracking_uri: str | None
) -> Path:
    """Write text, space and run file of the search; return the run file.

    Args:
        directory: Where they go.
        generations: Length of the search.
        address: Of the cluster; none: a cluster of the search's own.
        tracking_uri: Of the MLflow server; none: no record.
    """
    text = directory / "topics.txt"
    topics = "\n\n".join(textwrap.dedent(t) for t in pydoc_data.topics.topics.values())
    text.write_text(topics[:400_000], encoding="utf-8")
    space = directory / "wild.py"
    space.write_text(_SPACE, encoding="utf-8")
    values = {
        "name": NAME,
        "seed": 3,
        "corpus": {"sources": [{"path": str(text)}], "context_length": 32},
        "space": {
            "name": f"{space}:WILD",
            "genes": {
                "num_layers": {"integer": [1, 2]},
                "d_model": {"integer": [32, 48], "step": 16},
                "head_dim": 16,
                "optimizer": "sgd",
            },
            "limits": {"parameters": 60_000},
            "first_generation": "uniform",
        },
        "population": {
            "members": MEMBERS,
            "interval_tokens": INTERVAL_TOKENS,
            "mode": "synchronous",
        },
        "budget": {"tokens": MEMBERS * INTERVAL_TOKENS * generations},
        "proposers": [
            {"proposer": "mutation", "weight": 3},
            {"proposer": "optuna", "weight": 1},
        ],
        "training": {
            "evaluation_sequences": 4,
            "evaluation_batches": 2,
            "heldout_batches": 2,
            "utility_every": 2,
        },
        "resources": {"address": address, "stall_seconds": STALL_SECONDS},
        "mlflow": {"enabled": tracking_uri is not None, "tracking_uri": tracking_uri},
    }
    path = directory / "run.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path
