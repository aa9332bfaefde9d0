"""The comparison as JSON: every field of `Comparison`, documented in docs/compare.md."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.comparing.comparison import Comparison

FORMAT = 1
"""Raised when a field changes its meaning or goes; new fields do not raise it."""


def as_json(comparison: Comparison) -> str:
    """Return the comparison as a JSON object: numbers are finite or null."""
    document = {"format": FORMAT, **dataclasses.asdict(comparison)}
    for pair, written in zip(comparison.pairs, document["pairs"], strict=True):
        written["is_clear"] = pair.is_clear
    return json.dumps(document, indent=1, allow_nan=False)
