"""`masga laws plan` and `ladder`: what to train for a budget."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.errors import UserError
from orchestrator.laws import rendering
from orchestrator.laws.actions.asked import (
    Reader,
    asked_checklist,
    asked_clusters,
    asked_data,
    asked_fit,
    asked_loss,
    require_resamples,
)
from orchestrator.laws.actions.writing import write_figures
from orchestrator.laws.forms.chinchilla import BESIROGLU, HOFFMANN
from orchestrator.laws.forms.chinchilla import LAW as CHINCHILLA
from orchestrator.laws.planning.envelope import plan_envelope
from orchestrator.laws.planning.isoflop import plan_isoflop
from orchestrator.laws.planning.ladder import allocate_ladder
from orchestrator.laws.planning.parametric import plan_parametric, plan_published
from orchestrator.laws.planning.plan import Plan, disagreement
from orchestrator.laws.planning.sensitivity import sensitivity

if TYPE_CHECKING:
    import argparse

    from orchestrator.laws.law import Array


def run_plan(arguments: argparse.Namespace, reader: Reader) -> str:
    """Plan by every method that the table allows."""
    budgets = np.array(sorted(arguments.flops))
    if not (budgets > 0).all():
        raise UserError(
            where="--flops", law="budgets are above zero", found=str(arguments.flops),
            remedy="For example --flops 1e22.",
        )  # fmt: skip
    if arguments.data is None:
        return _published_plan(arguments, budgets)
    _, table, data = asked_data(arguments, CHINCHILLA, reader)
    arguments.fix, arguments.tie, arguments.starts = "", [], 81
    require_resamples(arguments.bootstrap, what="a plan")
    fitted, drawn = asked_fit(arguments, CHINCHILLA, table, data)
    assert drawn is not None
    size, tokens = data.inputs
    flops = 6.0 * size * tokens
    rng = np.random.default_rng(arguments.seed)
    clusters = asked_clusters(arguments, table)
    plans: list[Plan] = [plan_parametric(fitted, drawn, budgets)]
    missing: list[str] = []
    try:
        plans.append(plan_isoflop(size, flops, data.target, budgets, rng=rng))
    except ValueError as error:
        missing.append(str(error))
    try:
        plans.append(plan_envelope(size, flops, data.target, budgets, rng=rng, clusters=clusters))
    except ValueError as error:
        missing.append(str(error))
    statements = (
        [disagreement(plans, float(c)).statement for c in budgets] if len(plans) > 1 else []
    )
    dropped = sensitivity(
        CHINCHILLA, data.inputs, data.target, flops=float(budgets[-1]), loss=asked_loss(arguments),
        most_dropped=min(5, max(0, len(table) - 7)),
    )  # fmt: skip
    text = rendering.plans_text(plans, statements, missing, dropped)
    if arguments.figures or arguments.html:
        listed = asked_checklist(arguments, fitted, data)
        write_figures(
            arguments, fitted=fitted, drawn=drawn, data=data, listed=listed, plans=plans, told=text
        )
    if arguments.json:
        return json.dumps(rendering.plans_document(plans, statements, missing, dropped), indent=2)
    return text


def _published_plan(arguments: argparse.Namespace, budgets: Array) -> str:
    """Plan without a table: by the published fits of Chinchilla's law, as point values."""
    if arguments.figures or arguments.html:
        raise UserError(
            where="--figures or --html", law="figures are of a table of runs", found="no table",
            remedy="Name one: masga laws plan RUNS.csv --flops 1e22.",
        )  # fmt: skip
    fits = {"Besiroglu et al. 2024": BESIROGLU, "Hoffmann et al. 2022, as printed": HOFFMANN}
    plans = [
        plan_published(f"published ({name})", CHINCHILLA.vector(values)[None], budgets)
        for name, values in fits.items()
    ]
    statements = [disagreement(plans, float(c)).statement for c in budgets]
    if arguments.json:
        return json.dumps(rendering.published_document(plans, statements), indent=2)
    return rendering.published_text(plans, statements)


def run_ladder(arguments: argparse.Namespace, reader: Reader) -> str:  # noqa: ARG001 - reads none
    """Spend a budget on a grid of small runs."""
    try:
        multipliers = tuple(float(part) for part in arguments.multipliers.split(","))
        rungs = allocate_ladder(
            arguments.flops, sizes=arguments.sizes, span=arguments.span, multipliers=multipliers
        )
    except ValueError as error:
        raise UserError(
            where="--flops, --sizes, --span or --multipliers",
            law="a ladder is three or more sizes over a span above 1, each at two or more tokens "
            "per parameter, for a budget above zero",
            found=f"--flops {arguments.flops:g} --sizes {arguments.sizes} --span "
            f"{arguments.span:g} --multipliers {arguments.multipliers}",
            remedy="For example --flops 1e20 --sizes 5 --span 16 --multipliers 10,20,40,80.",
        ) from error
    if arguments.json:
        return json.dumps(rendering.ladder_document(rungs), indent=2)
    return rendering.ladder_text(rungs)
