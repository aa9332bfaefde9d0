"""Findings in words: what the terminal says, and the sentences of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator import numerals
from orchestrator.analysis.roles import ROLES
from orchestrator.analysis.tables import component_rows, pair_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.analysis.findings import Findings
    from orchestrator.game.empirical import ShareTrend


def verdict(found: Findings) -> str:
    """Say whether the model is a strict equilibrium, never without the level."""
    strict, standing = found.standing.strictness, found.standing
    earn = standing.verdicts.count("earns its place")
    counts = f"{earn} of {len(standing.verdicts)} components earn their place"
    if strict.is_strict:
        return (
            f"Strict equilibrium at level {strict.level:g} ({counts}; attained level "
            f"{strict.attained:.2g}, one-sided tests with Holm's correction; no candidate to join "
            f"was measured)."
        )
    leave = standing.verdicts.count("does not pay")
    return (
        f"Not shown to be a strict equilibrium at level {strict.level:g}: {counts}, {leave} would "
        f"not be missed at this price, {standing.verdicts.count('undecided')} are undecided "
        f"(attained level {strict.attained:.2g}, Holm's correction)."
    )


def exploited(found: Findings) -> str:
    """Say what the components would gain by leaving."""
    e = found.standing.exploitability
    return f"Exploitability {e.total:.4g} ± {e.standard_error:.2g} nats per token."


def priced(found: Findings) -> str:
    """Say what a FLOP costs, and why."""
    price = found.standing.price
    source = price.source.removesuffix(".")
    return f"Price {price.nats_per_flop * 1e9:.4g} nats per GFLOP per token: {source}."


def allocated(found: Findings) -> str:
    """Say where the shares of the roles would go."""
    equilibrium = found.allocation.equilibrium
    stable = "stable" if equilibrium.is_stable else "not shown to be stable"
    return (
        f"Shares of the FLOPs now: {shares(found.allocation.shares)}. The replicator flow from "
        f"there ends at {shares(equilibrium.state, equilibrium.standard_errors)} ({stable}; "
        f"{equilibrium.same_roles:.0%} of the draws from the errors keep these roles)."
    )


def foreseen(trend: ShareTrend, parameters: float) -> str:
    """Say what equilibrium the trend leads to at a size."""
    expected = trend.predict(parameters)
    parts = [
        f"{role} {100 * expected.shares[at]:.0f}% ({100 * expected.low[at]:.0f} to "
        f"{100 * expected.high[at]:.0f}%)"
        for at, role in enumerate(ROLES)
    ]
    doubt = "" if expected.is_on_simplex else " That is off the simplex: do not believe it."
    return (
        f"The lines lead at {numerals.count(parameters)} parameters to {', '.join(parts)}, with "
        f"95 % prediction intervals.{doubt}"
    )


def worked(found: Findings) -> str:
    """Say what the analysis has cost."""
    spent = found.spent
    return (
        f"{numerals.duration(found.seconds)}, {numerals.count(spent.flops)}FLOP; "
        f"{spent.coalitions:,} coalitions by {spent.block_evaluations:,} block evaluations, "
        f"{spent.times_fewer:.1f} times fewer than whole forward passes."
    )


def shares(state: NDArray[np.float64], errors: NDArray[np.float64] | None = None) -> str:
    """Name the shares of the roles.

    >>> import numpy as np
    >>> shares(np.array([0.5, 0.3, 0.2]))
    'attention 50%, ffn 30%, embedding 20%'
    """
    parts = []
    for at, role in enumerate(ROLES):
        error = "" if errors is None else f" ± {100 * errors[at]:.1f}"
        parts.append(f"{role} {100 * state[at]:.0f}{error}%")
    return ", ".join(parts)


def summary(found: Findings) -> str:
    """Return what the terminal shows: the verdicts and the components, most useful first."""
    alone = found.leave_one_out
    heading = (
        f"{'component':<12}{'leave-one-out':>22}{'cost':>10}{'exploitable':>13}"
        f"{'Shapley':>10}{'gradient':>10}  verdict"
    )
    size = numerals.count(found.parameters)
    lines = [
        f"{found.name}: {size} parameters, {alone.base_loss:.4f} nats per token",
        f"measured on {found.text}, {alone.ablation}-ablation",
        "",
        verdict(found),
        exploited(found),
        priced(found),
        allocated(found),
        "",
        heading,
    ]
    for row in sorted(component_rows(found), key=lambda row: -row["leave_one_out"]):
        worth = f"{row['leave_one_out']:.4f} ± {row['leave_one_out_se']:.4f}"
        lines.append(
            f"{row['component']:<12}{worth:>22}{row['cost']:>10.4f}{row['exploitability']:>13.4f}"
            f"{_or_dash(row['shapley']):>10}{_or_dash(row['integrated_gradient']):>10}"
            f"  {row['verdict']}"
        )
    clear = [row for row in pair_rows(found) if row["kind"] != "unclear"][:5]
    if clear:
        lines += ["", "strongest pairs:"]
        lines += [
            f"  {row['first']} and {row['second']}: {row['kind']}, {row['interaction']:+.4f} "
            f"± {row['interaction_se']:.4f}"
            for row in clear
        ]
    lines += ["", *found.notes, worked(found)]
    return "\n".join(lines)


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
