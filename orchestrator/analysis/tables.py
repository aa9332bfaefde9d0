"""Findings for machines: rows of plain values, one JSON document, and Parquet files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.roles import ROLES, role_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.analysis.findings import Findings
    from orchestrator.events import JSON
    from orchestrator.game.empirical import UncertainEquilibrium

Row = dict[str, "JSON"]


def component_rows(found: Findings) -> list[Row]:
    """Return one row a component, in the order of the model; nats per token throughout."""
    alone, standing, credit = found.leave_one_out, found.standing, found.credit
    place = {component: at for at, component in enumerate(found.gradient.players)}
    rows: list[Row] = []
    for at, component in enumerate(found.components.ids):
        player = place.get(component)
        rows.append(
            {
                "component": str(component),
                "role": ROLES[role_of(component)],
                "layer": None if component.kind == "embedding" else component.layer,
                "index": component.index,
                "parameters": float(found.components.parameters[at]),
                "flops_per_token": float(found.components.flops_per_token[at]),
                "leave_one_out": float(alone.delta[at]),
                "leave_one_out_se": float(alone.standard_error[at]),
                "cost": float(standing.costs[at]),
                "exploitability": float(standing.exploitability.by_present[at]),
                "p_adjusted": float(standing.strictness.present[at]),
                "verdict": standing.verdicts[at],
                "integrated_gradient": _at(found.gradient.values, player),
                "integrated_gradient_se": _at(found.gradient.standard_error, player),
                "shapley": _at(credit.shapley, player),
                "shapley_half_width": _at(credit.shapley_half_widths, player),
                "owen": _at(credit.owen, player),
                "proxy": None if found.proxies is None else float(found.proxies.mean[at]),
                "proxy_se": None if found.proxies is None else float(found.proxies.error[at]),
            }
        )
    return rows


def layer_rows(found: Findings) -> list[Row]:
    """Return one row a layer."""
    return [
        {"layer": layer, "shapley": float(value), "shapley_half_width": float(width)}
        for layer, (value, width) in enumerate(
            zip(found.credit.layers, found.credit.layer_half_widths, strict=True)
        )
    ]


def pair_rows(found: Findings) -> list[Row]:
    """Return one row a pair, the strongest first."""
    rows: list[Row] = []
    measured = zip(found.pairs.pairs, found.pairs.values, found.pairs.standard_error, strict=True)
    for (first, second), value, error in measured:
        clear = abs(value) > 2 * error
        kind = "substitutes" if value < 0 else "complements"
        rows.append(
            {
                "first": str(first),
                "second": str(second),
                "interaction": float(value),
                "interaction_se": float(error),
                "kind": kind if clear else "unclear",
            }
        )
    return sorted(rows, key=lambda row: -abs(row["interaction"]))


def generation_rows(found: Findings) -> list[Row]:
    """Return one row a generation of the search."""
    rows: list[Row] = []
    for told in found.history:
        row: Row = {"generation": told.generation, "members": told.members}
        for at, role in enumerate(ROLES):
            row[f"share_{role}"] = float(told.shares[at])
            row[f"share_{role}_spread"] = float(told.spread[at])
            row[f"utility_{role}"] = _at(told.utilities, at)
            row[f"equilibrium_{role}"] = (
                None if told.equilibrium is None else float(told.equilibrium.state[at])
            )
            row[f"equilibrium_{role}_se"] = (
                None if told.equilibrium is None else float(told.equilibrium.standard_errors[at])
            )
        row["cross_validated_r2"] = told.cross_validated_r2
        rows.append(row)
    return rows


def size_rows(found: Findings) -> list[Row]:
    """Return one row a living member of the search."""
    rows: list[Row] = []
    for sized in found.sizes:
        row: Row = {"member": sized.member, "parameters": sized.parameters}
        for at, role in enumerate(ROLES):
            row[f"share_{role}"] = float(sized.shares[at])
            row[f"equilibrium_{role}"] = float(sized.equilibrium.state[at])
            row[f"equilibrium_{role}_se"] = float(sized.equilibrium.standard_errors[at])
        rows.append(row)
    return rows


def to_json(found: Findings) -> dict[str, JSON]:
    """Return everything as one JSON document."""
    alone, gradient, credit = found.leave_one_out, found.gradient, found.credit
    standing, spent, allocation = found.standing, found.spent, found.allocation
    errors = allocation.estimate.standard_errors()
    return {
        "format": "masga-analysis-1",
        "model": found.name,
        "text": found.text,
        "parameters": found.parameters,
        "ablation": alone.ablation,
        "sequences": alone.sequences,
        "loss_nats_per_token": alone.base_loss,
        "components": component_rows(found),
        "layers": layer_rows(found),
        "values": {
            "total": credit.total,
            "shapley_is_exact": credit.is_exact,
            "owen_needs_coalitions": credit.owen_needs,
            "coalitions": credit.evaluations,
            "integrated_gradient_completeness_error": gradient.completeness_error,
            "integrated_gradient_points": gradient.points,
        },
        "equilibrium": {
            "nats_per_gflop": standing.price.nats_per_flop * 1e9,
            "price_source": standing.price.source,
            "exploitability": standing.exploitability.total,
            "exploitability_se": standing.exploitability.standard_error,
            "is_strict": standing.strictness.is_strict,
            "level": standing.strictness.level,
            "attained_level": standing.strictness.attained,
        },
        "pairs": pair_rows(found),
        "allocation": {
            "roles": list(ROLES),
            "shares": allocation.shares.tolist(),
            "constant": allocation.estimate.payoff.constant.tolist(),
            "constant_se": errors.constant.tolist(),
            "matrix": allocation.estimate.payoff.matrix.tolist(),
            "matrix_se": errors.matrix.tolist(),
            "equilibrium": _equilibrium(allocation.equilibrium),
            "stable_states": allocation.stable_states.tolist(),
            "rest_points": [
                {
                    "state": point.state.tolist(),
                    "stability": point.stability,
                    "is_equilibrium": point.is_equilibrium,
                }
                for point in allocation.rest_points
            ],
            "has_ties": allocation.has_ties,
        },
        "generations": generation_rows(found),
        "sizes": size_rows(found),
        "trend": None
        if found.trend is None
        else {
            "log10_parameters": found.trend.centre,
            "shares": found.trend.intercepts.tolist(),
            "slopes_per_decade": found.trend.slopes.tolist(),
            "slopes_se": found.trend.slope_errors.tolist(),
        },
        "notes": list(found.notes),
        "spent": {
            "seconds": found.seconds,
            "flops": spent.flops,
            "coalitions": spent.coalitions,
            "block_evaluations": spent.block_evaluations,
            "block_evaluations_of_whole_passes": spent.plain_block_evaluations,
        },
    }


def write_parquet(found: Findings, directory: Path) -> tuple[Path, ...]:
    """Write the tables that have rows; return their paths.

    Raises:
        OSError: The directory cannot be written.
    """
    import pyarrow as pa  # noqa: PLC0415 - a third of a second
    from pyarrow import parquet  # noqa: PLC0415

    tables = {
        "components": component_rows(found),
        "layers": layer_rows(found),
        "pairs": pair_rows(found),
        "generations": generation_rows(found),
        "sizes": size_rows(found),
    }
    written = []
    for name, rows in tables.items():
        if rows:
            path = directory / f"{name}.parquet"
            parquet.write_table(pa.Table.from_pylist(rows), path)
            written.append(path)
    return tuple(written)


def _equilibrium(found: UncertainEquilibrium) -> dict[str, JSON]:
    return {
        "state": found.state.tolist(),
        "standard_errors": found.standard_errors.tolist(),
        "low": found.low.tolist(),
        "high": found.high.tolist(),
        "is_stable": found.is_stable,
        "same_roles": found.same_roles,
    }


def _at(values: NDArray[np.float64] | None, place: int | None) -> float | None:
    return None if values is None or place is None else float(values[place])
