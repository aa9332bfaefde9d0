"""`masga laws breaks`: where a curve breaks, and whether it does."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.errors import UserError
from orchestrator.laws import rendering
from orchestrator.laws.actions.asked import Reader, asked_table, guarded, pairs, pairs_of_names
from orchestrator.laws.breaks import find_breaks
from orchestrator.laws.forms import bnsl
from orchestrator.laws.table import prepare

if TYPE_CHECKING:
    import argparse


def run_breaks(arguments: argparse.Namespace, reader: Reader) -> str:
    """Look for up to `--most` breaks of a curve in log-log."""
    if arguments.most < 1:
        raise UserError(
            where="--most", law="`most >= 1` must hold", found=str(arguments.most),
            remedy="1 is the default.",
        )  # fmt: skip
    table = asked_table(arguments, reader)
    data = prepare(
        table, bnsl.LAW, names=pairs_of_names(arguments.columns),
        scales=pairs(arguments.scale, "--scale"),
    )  # fmt: skip
    found = guarded(
        table,
        lambda: find_breaks(
            data.inputs[0], data.target, most=arguments.most, resamples=arguments.bootstrap,
            rng=np.random.default_rng(arguments.seed),
        ),
    )  # fmt: skip
    if arguments.json:
        return json.dumps(asdict(found), indent=2)
    return rendering.breaks_text(found)
