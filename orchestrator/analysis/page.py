"""The page of an analysis: verdict, components, values, pairs, allocation, history, sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator import numerals
from orchestrator.analysis import telling
from orchestrator.analysis.figures import (
    generations_figure,
    pairs_figure,
    sizes_figure,
    utilities_figure,
    values_figure,
)
from orchestrator.analysis.portrait import phase_portrait
from orchestrator.analysis.roles import ROLES
from orchestrator.analysis.tables import component_rows, layer_rows, pair_rows
from orchestrator.report.page import Section, bullets, figure, folded, page, paragraph, table

if TYPE_CHECKING:
    from orchestrator.analysis.findings import Findings

_PAIRS_SHOWN = 12


def analysis_page(found: Findings) -> str:
    """Return the page as one HTML document."""
    sections = [
        _verdict(found),
        _components(found),
        _values(found),
        _pairs(found),
        _allocation(found),
    ]
    if found.history:
        sections.append(_history(found))
    if found.sizes:
        sections.append(_sizes(found))
    sections.append(_how(found))
    return page(
        title=f"The game of {found.name}",
        subtitle=f"{numerals.count(found.parameters)} parameters, "
        f"{found.leave_one_out.base_loss:.4f} nats per token on {found.text}",
        sections=sections,
    )


def _verdict(found: Findings) -> Section:
    strict = found.standing.strictness.is_strict
    return Section(
        anchor="verdict",
        heading="Is it an equilibrium?",
        body=paragraph(telling.verdict(found), kind="good" if strict else "")
        + paragraph(telling.exploited(found))
        + paragraph(telling.priced(found))
        + paragraph(
            "A component earns its place when the loss rises by more than its cost without it. "
            "Values hold for the present model: remove one component, then measure again.",
            kind="note",
        ),
    )


def _components(found: Findings) -> Section:
    rows = sorted(component_rows(found), key=lambda row: -row["leave_one_out"])
    drawn = figure(
        utilities_figure(rows),
        description="Rise of the loss without each component, most useful on top, with two "
        "standard errors, coloured by role, and a tick at its cost",
        caption="Leave-one-out, and what each component costs. The scale is linear around 0 and "
        "logarithmic beyond.",
    )
    columns = (
        "component", "leave-one-out", "± se", "cost", "exploitable", "p (Holm)", "FLOPs/token",
        "verdict",
    )  # fmt: skip
    cells = [
        (
            row["component"],
            f"{row['leave_one_out']:.5f}",
            f"{row['leave_one_out_se']:.5f}",
            f"{row['cost']:.5f}",
            f"{row['exploitability']:.5f}",
            f"{row['p_adjusted']:.2g}",
            numerals.count(row["flops_per_token"]),
            row["verdict"],
        )
        for row in rows
    ]
    return Section(
        anchor="components",
        heading="Components",
        body=drawn + table(columns, cells, caption="In nats per token where nothing else is said"),
    )


def _values(found: Findings) -> Section:
    credit, gradient = found.credit, found.gradient
    rows = component_rows(found)
    kind = (
        "Shapley values are exact"
        if credit.is_exact
        else "Shapley values are sampled; bars show 95 % half-widths for all at once"
    )
    body = figure(
        values_figure(rows),
        description="Shapley value of each head and feed-forward block with the integrated "
        "gradient and Owen's value beside it",
        caption=f"{kind}. Together the components are worth {credit.total:.4f} nats per token "
        f"beyond the embedding alone; the integrated gradient misses that by "
        f"{gradient.completeness_error:+.4f}.",
    )
    body += table(
        ("layer", "Shapley", "± sampling"),
        [
            (str(row["layer"]), f"{row['shapley']:.4f}", f"{row['shapley_half_width']:.4f}")
            for row in layer_rows(found)
        ],
        caption="Layers, as players of their own game; Owen's values of a layer sum to these",
    )
    body += folded(
        "All values",
        table(
            (
                "component",
                "parameters",
                "Shapley",
                "± sampling",
                "Owen",
                "integrated gradient",
                "± se",
                "everyday proxy",
            ),
            [
                (
                    row["component"],
                    numerals.count(row["parameters"]),
                    _number(row["shapley"]),
                    _number(row["shapley_half_width"]),
                    _number(row["owen"]),
                    _number(row["integrated_gradient"]),
                    _number(row["integrated_gradient_se"]),
                    _number(row["proxy"]),
                )
                for row in rows
                if row["shapley"] is not None
            ],
        ),
    )
    return Section(anchor="values", heading="Who contributes what?", body=body)


def _pairs(found: Findings) -> Section:
    rows = pair_rows(found)
    body = figure(
        pairs_figure(found.pairs),
        description="Map of pairs of components: squares in one colour for substitutes and in "
        "another for complements, larger where the interaction is stronger",
        caption="Interactions at the present model. Substitutes can do without each other; of "
        "complements each needs the other. Pale: within two standard errors of 0.",
    ) + table(
        ("pair", "interaction", "± se", "kind"),
        [
            (
                f"{row['first']} and {row['second']}",
                f"{row['interaction']:+.5f}",
                f"{row['interaction_se']:.5f}",
                row["kind"],
            )
            for row in rows[:_PAIRS_SHOWN]
        ],
        caption=f"The strongest {min(_PAIRS_SHOWN, len(rows))} of {len(rows)} pairs",
    )
    return Section(anchor="pairs", heading="Substitutes and complements", body=body)


def _allocation(found: Findings) -> Section:
    game, equilibrium = found.allocation, found.allocation.equilibrium
    errors = game.estimate.standard_errors()
    rows = [
        (
            role,
            f"{100 * game.shares[at]:.1f} %",
            f"{100 * equilibrium.state[at]:.1f} %",
            f"{100 * equilibrium.low[at]:.1f} to {100 * equilibrium.high[at]:.1f} %",
            f"{game.estimate.payoff.constant[at]:.3f} ± {errors.constant[at]:.3f}",
            *(
                f"{game.estimate.payoff.matrix[at, other]:.3f} ± {errors.matrix[at, other]:.3f}"
                for other in range(len(ROLES))
            ),
        )
        for at, role in enumerate(ROLES)
    ]
    stable = [telling.shares(state) for state in game.stable_states]
    body = (
        paragraph(telling.allocated(found))
        + figure(
            phase_portrait(game),
            description="Triangle of shares of attention, feed-forward and embedding with the "
            "replicator flow, its rest points, the present shares and the way from there",
            caption="Replicator flow of the allocation game. Each corner gives all FLOPs to one "
            "role.",
        )
        + table(
            ("role", "share now", "equilibrium", "95 % interval", "b", *(f"A, {r}" for r in ROLES)),
            rows,
            caption="Payoffs b + A x in nats per token, with standard errors over sequences",
        )
        + paragraph(
            f"Evolutionarily stable: {'; '.join(stable)}."
            if stable
            else "No state is evolutionarily stable."
        )
        + paragraph(
            "The payoffs extrapolate from what the present components are worth: they say which "
            "way to move, not how good a model of those shares would be once trained.",
            kind="note",
        )
    )
    if game.has_ties:
        body += paragraph("Ties leave lines of rest points, which are not drawn.", kind="note")
    return Section(anchor="allocation", heading="Where should the FLOPs go?", body=body)


def _history(found: Findings) -> Section:
    last = found.history[-1]
    r2 = last.cross_validated_r2
    if r2 is None:
        trust = "Fewer than 3 lineages: no equilibrium could be fitted."
    elif r2 <= 0:
        trust = (
            f"The fitted equilibria (dashed) are not to be believed: on lineages left out, the "
            f"shares explain nothing of who did better (R² = {r2:.2f})."
        )
    else:
        trust = (
            f"On lineages left out, the shares explain {r2:.0%} of who did better: so far the "
            f"fitted equilibria (dashed) can be believed."
        )
    return Section(
        anchor="generations",
        heading="Over the generations",
        body=figure(
            generations_figure(found.history),
            description="Mean shares of attention, feed-forward and embedding in the population "
            "by generation with the fitted equilibrium, and the utilities of one component",
            caption="Mean over members, and one standard deviation; dashed: the equilibrium of "
            "payoffs fitted to all intervals so far.",
        )
        + paragraph(trust),
    )


def _sizes(found: Findings) -> Section:
    parameters = {sized.parameters for sized in found.sizes}
    if len(parameters) == 1:
        return Section(
            anchor="sizes",
            heading="Over model sizes",
            body=paragraph(f"All {len(found.sizes)} living members have the same size."),
        )
    body = figure(
        sizes_figure(found.sizes, found.trend),
        description="Equilibrium shares of the three roles against the number of parameters of "
        "each living member, with fitted lines",
        caption="The equilibrium of each living member's own game, measured on the same "
        "sequences, with two standard errors.",
    )
    if found.trend is None:
        body += paragraph("A trend needs members of 3 different sizes.", kind="note")
    else:
        body += bullets(
            [
                f"{role}: {100 * slope:+.1f} ± {100 * error:.1f} percentage points for ten times "
                f"the parameters"
                for role, slope, error in zip(
                    ROLES, found.trend.slopes, found.trend.slope_errors, strict=True
                )
            ]
        ) + paragraph(telling.foreseen(found.trend, 10 * max(parameters)))
    return Section(anchor="sizes", heading="Over model sizes", body=body)


def _how(found: Findings) -> Section:
    alone = found.leave_one_out
    lines = [
        f"{alone.ablation.capitalize()}-ablation on {found.text}.",
        f"Work: {telling.worked(found)}",
        *found.notes,
    ]
    return Section(anchor="how", heading="How it was measured", body=bullets(lines))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.5f}"
