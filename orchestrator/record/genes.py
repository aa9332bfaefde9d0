"""Values as parameters: flat names, and text that stores and their charts can work with."""

from __future__ import annotations

import functools
import json
import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.events import JSON

LONGEST_PARAM = 6000
"""Characters that MLflow keeps of a parameter."""


def flattened(values: JSON, path: str = "") -> dict[str, str]:
    """Return every leaf by its dotted path.

    >>> flattened({"a": {"b": [1, {"c": None}]}})
    {'a.b.0': '1', 'a.b.1.c': 'null'}
    """
    if isinstance(values, dict | list) and values:
        pairs = values.items() if isinstance(values, dict) else enumerate(values)
        leaves: dict[str, str] = {}
        for key, value in pairs:
            leaves |= flattened(value, f"{path}.{key}" if path else str(key))
        return leaves
    return {path: values if isinstance(values, str) else json.dumps(values)}


def genes(genome: dict[str, JSON], *, by_layer: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return a genome's genes by their own names, both halves.

    A gene with a value for each layer is there whole, layer by layer, and as its mean: genomes of
    different depths share the mean, so that charts can draw all of them on one axis.

    Args:
        genome: As in the event log.
        by_layer: Names of the genes with a value for each layer.

    >>> genes({"architecture": {"num_heads": [2, 4]}}, by_layer=frozenset({"num_heads"}))
    {'num_heads.0': '2', 'num_heads.1': '4', 'num_heads': '[2, 4]', 'num_heads.mean': '3'}
    """
    params: dict[str, str] = {}
    for half in genome.values():
        for name, value in half.items():
            params |= flattened(value, name)
            if name in by_layer and isinstance(value, list) and value:
                params[name] = json.dumps(value)
                params[f"{name}.mean"] = f"{math.fsum(value) / len(value):.6g}"
    return fitting(params)


def fitting(params: dict[str, str]) -> dict[str, str]:
    """Return parameters with names and lengths that every store takes."""
    return {safe_name(name): _cut(value) for name, value in params.items()}


@functools.cache
def safe_name(name: str) -> str:
    """Return a name with what stores do not take replaced.

    >>> safe_name("loss@horizon"), safe_name("fitness/loss_present")
    ('loss_horizon', 'fitness/loss_present')
    """
    return re.sub(r"[^\w .:/-]", "_", name, flags=re.ASCII)[:250]


def _cut(value: str) -> str:
    if len(value) <= LONGEST_PARAM:
        return value
    return f"{value[: LONGEST_PARAM - 40]}... (whole in events.jsonl)"
