"""Results as text for people and as documents for programs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.laws.breaks import Breaks
    from orchestrator.laws.checklist import Checklist
    from orchestrator.laws.compare import Score
    from orchestrator.laws.crossover import Crossover
    from orchestrator.laws.fitting.bootstrap import Bootstrap
    from orchestrator.laws.fitting.fit import Fit
    from orchestrator.laws.law import Law
    from orchestrator.laws.planning.ladder import Prediction, Rung
    from orchestrator.laws.planning.plan import Plan
    from orchestrator.laws.planning.reconcile import Exponent
    from orchestrator.laws.planning.sensitivity import Sensitivity
    from orchestrator.laws.table import Data

JSON = float | int | str | bool | None | Sequence["JSON"] | Mapping[str, "JSON"]


def listing() -> str:
    """List all laws: name, formula, what it reads, paper."""
    from orchestrator.laws.forms import LAWS  # noqa: PLC0415 - heavy, loaded on use

    lines = []
    for law in LAWS.values():
        columns = ", ".join(f"{c.name} ({c.unit})" for c in law.inputs)
        lines += [
            law.name,
            f"    {law.formula}",
            f"    reads {columns}; predicts {law.output.name} ({law.output.unit})",
            f"    fits {', '.join(law.parameter_names)}",
            f"    {law.paper}",
        ]
        if law.note:
            lines.append(f"    note: {law.note}")
    return "\n".join(lines)


def fit_document(fitted: Fit, drawn: Bootstrap | None, data: Data, listed: Checklist) -> JSON:
    """Everything about a fit, as plain JSON."""
    aic, bic = fitted.information()
    curvature, errors = fitted.interval(), fitted.standard_errors
    percentile = drawn.percentile() if drawn else {}
    bca = drawn.bca() if drawn else {}
    spread = drawn.standard_errors if drawn else {}
    return {
        "law": fitted.law.name,
        "formula": fitted.law.formula,
        "parameters": {
            p.name: {
                "value": fitted.parameters[p.name],
                "unit": p.unit,
                "standard_error": spread.get(p.name, errors[p.name]),
                "interval_curvature": list(curvature[p.name]),
                "interval_percentile": list(percentile[p.name]) if drawn else None,
                "interval_bca": list(bca[p.name]) if drawn else None,
            }
            for p in fitted.law.parameters
        },
        "objective": fitted.objective,
        "starts": fitted.starts,
        "agreement": fitted.agreement,
        "converged": fitted.converged,
        "condition": fitted.identifiability.condition,
        "unidentified": list(fitted.identifiability.unidentified),
        "aic": aic,
        "bic": bic,
        "warnings": [*data.warnings, *fitted.identifiability.warnings],
        "resamples": len(drawn.theta) if drawn else 0,
        "resamples_not_converged": drawn.failed if drawn else 0,
        "checklist": asdict(listed),
    }


def fit_text(fitted: Fit, drawn: Bootstrap | None, data: Data, listed: Checklist) -> str:
    """A fit for people."""
    intervals = drawn.bca() if drawn else fitted.interval()
    errors = drawn.standard_errors if drawn else fitted.standard_errors
    kind = f"BCa of {len(drawn.theta)} resamples" if drawn else "from the curvature"
    lines = [f"{fitted.law.name}: {fitted.law.formula}", ""]
    width = max(len(name) for name in fitted.law.parameter_names)
    lines.append(f"{'':{width}}  {'value':>12}  {'std. error':>12}  95 % interval ({kind})")
    for p in fitted.law.parameters:
        low, high = intervals[p.name]
        lines.append(
            f"{p.name:{width}}  {fitted.parameters[p.name]:12.6g}  {errors[p.name]:12.4g}  "
            f"[{low:.5g}, {high:.5g}]  {p.unit}"
        )
    aic, bic = fitted.information()
    lines += [
        "",
        (
            f"objective {fitted.objective:.8g}; {fitted.agreement:.1%} of {fitted.starts} starts "
            f"agree; condition {fitted.identifiability.condition:.3g}; AIC {aic:.1f}, BIC {bic:.1f}"
        ),
    ]
    warnings = [*data.warnings, *fitted.identifiability.warnings]
    if drawn and drawn.failed:
        warnings.append(f"{drawn.failed} of {len(drawn.theta)} resamples did not converge.")
    lines += [f"warning: {text}" for text in warnings]
    lines += ["", "for the record:", *(f"  {line}" for line in listed.lines())]
    return "\n".join(lines)


def prediction_document(
    law: Law, places: Sequence[Mapping[str, float]], prediction: Prediction
) -> JSON:
    """Predictions as plain JSON."""
    return [
        {
            "at": dict(place),
            law.output.name: float(prediction.value[i]),
            "interval": [float(v) for v in prediction.interval[i]],
            "run_interval": [float(v) for v in prediction.run_interval[i]],
        }
        for i, place in enumerate(places)
    ]


def prediction_text(
    law: Law, places: Sequence[Mapping[str, float]], prediction: Prediction, fitted: Fit
) -> str:
    """Predictions for people."""
    lines = [f"{law.name}: {law.formula}"]
    for i, place in enumerate(places):
        where = ", ".join(f"{name} = {value:.4g}" for name, value in place.items())
        low, high = prediction.interval[i]
        under, over = prediction.run_interval[i]
        lines.append(
            f"{where}: {law.output.name} = {prediction.value[i]:.5g} {law.output.unit}, 95 % "
            f"interval of the law [{low:.5g}, {high:.5g}], of a new run [{under:.5g}, {over:.5g}]"
        )
        for name, values in zip(law.input_names, fitted.problem.inputs, strict=True):
            beyond = place[name] / values.max() if values.max() > 0 else 0.0
            if beyond > 1:
                lines.append(f"    {name} lies {beyond:.3g} times beyond the largest run")
    return "\n".join(lines)


def scores_document(scores: Sequence[Score]) -> JSON:
    """Scores as plain JSON."""
    return [
        {
            "law": s.law,
            "held_out": s.held_out,
            "interval": list(s.interval),
            "bias": s.bias,
            "inside": s.inside,
            "aic": s.aic,
            "bic": s.bic,
            "worse_than_best": s.worse,
            "parameters": dict(s.fitted.parameters),
        }
        for s in scores
    ]


def scores_text(scores: Sequence[Score], held_out: int, total: int) -> str:
    """Scores for people, the best first."""
    width = max(len(s.law) for s in scores)
    lines = [
        f"fitted on {total - held_out} rows, scored on the {held_out} largest",
        (
            f"{'':{width}}  {'held-out error':>14}  95 % interval      {'bias':>9}  "
            f"{'inside':>9}  {'AIC':>9}  {'BIC':>9}  worse than the best"
        ),
    ]
    lines += [
        f"{s.law:{width}}  {s.held_out:14.5f}  [{s.interval[0]:.5f}, {s.interval[1]:.5f}]  "
        f"{s.bias:+9.5f}  {s.inside:9.5f}  {s.aic:9.1f}  {s.bic:9.1f}  {s.worse:.1%}"
        for s in scores
    ]
    return "\n".join(lines)


def plans_document(
    plans: Sequence[Plan],
    statements: Sequence[str],
    missing: Sequence[str],
    dropped: Sensitivity,
) -> JSON:
    """Plans as plain JSON."""
    return {
        "plans": [
            {
                "method": p.method,
                "flops": p.flops.tolist(),
                "size": p.size.tolist(),
                "size_interval": p.size_interval.tolist(),
                "tokens": p.tokens.tolist(),
                "tokens_interval": p.tokens_interval.tolist(),
                "exponent": p.exponent,
                "exponent_interval": list(p.exponent_interval),
                "notes": list(p.notes),
            }
            for p in plans
        ],
        "disagreement": list(statements),
        "not_possible": list(missing),
        "sensitivity": {
            "statement": dropped.statement(),
            "tokens_per_parameter": [v.tokens_per_parameter for v in dropped.variants],
            "tied": [list(pair) for pair in dropped.tied],
        },
    }


def plans_text(
    plans: Sequence[Plan],
    statements: Sequence[str],
    missing: Sequence[str],
    dropped: Sensitivity,
) -> str:
    """Plans for people."""
    lines = []
    for p in plans:
        low, high = p.exponent_interval
        lines.append(f"{p.method}: N* ~ C^{p.exponent:.3f} [{low:.3f}, {high:.3f}]")
        for i, flops in enumerate(p.flops):
            lines.append(
                f"    {flops:.3g} FLOPs: N* = {p.size[i]:.4g} "
                f"[{p.size_interval[i, 0]:.3g}, {p.size_interval[i, 1]:.3g}], "
                f"D* = {p.tokens[i]:.4g} "
                f"[{p.tokens_interval[i, 0]:.3g}, {p.tokens_interval[i, 1]:.3g}], "
                f"D/N = {p.tokens_per_parameter[i]:.3g}"
            )
        lines += [f"    note: {note}" for note in p.notes]
    lines += list(statements)
    lines += [f"not possible: {text}" for text in missing]
    lines.append(dropped.statement())
    lines += [f"{a} and {b} move together: correlation {rho:+.3f}" for a, b, rho in dropped.tied]
    return "\n".join(lines)


def published_document(plans: Sequence[Plan], statements: Sequence[str]) -> JSON:
    """Plans of published fits as plain JSON."""
    return {
        "plans": [
            {
                "method": p.method,
                "flops": p.flops.tolist(),
                "size": p.size.tolist(),
                "tokens": p.tokens.tolist(),
                "exponent": p.exponent,
            }
            for p in plans
        ],
        "disagreement": list(statements),
    }


def published_text(plans: Sequence[Plan], statements: Sequence[str]) -> str:
    """Plans of published fits for people."""
    lines = ["no table of runs: published fits of Chinchilla's law, without intervals"]
    for p in plans:
        lines.append(f"{p.method}: N* ~ C^{p.exponent:.3f}")
        lines += [
            f"    {c:.3g} FLOPs: N* = {n:.4g}, D* = {d:.4g}, D/N = {d / n:.3g}"
            for c, n, d in zip(p.flops, p.size, p.tokens, strict=True)
        ]
    return "\n".join([*lines, *statements])


def exponents_text(exponents: Sequence[Exponent]) -> str:
    """Exponents under each convention, for people."""
    width = max(len(e.label) for e in exponents)
    lines = [f"{'N* ~ C^a':{width}}  {'a':>6}  95 % interval   {'shift':>7}  runs"]
    lines += [
        f"{e.label:{width}}  {e.exponent:6.3f}  [{e.interval[0]:.3f}, {e.interval[1]:.3f}]  "
        f"{e.shift:+7.3f}  {e.runs}"
        for e in exponents
    ]
    return "\n".join(lines)


def ladder_document(rungs: Sequence[Rung]) -> JSON:
    """Rungs as plain JSON."""
    return [{"size": r.size, "tokens": r.tokens, "flops": r.flops} for r in rungs]


def ladder_text(rungs: Sequence[Rung]) -> str:
    """Rungs for people."""
    lines = [f"{'parameters':>12}  {'tokens':>12}  {'D/N':>6}  {'FLOPs':>10}"]
    lines += [
        f"{r.size:12.4g}  {r.tokens:12.4g}  {r.tokens / r.size:6.4g}  {r.flops:10.3g}"
        for r in rungs
    ]
    lines.append(f"{len(rungs)} runs, {sum(r.flops for r in rungs):.4g} FLOPs in all")
    return "\n".join(lines)


def breaks_text(found: Breaks) -> str:
    """Breaks for people."""
    lines = []
    for b in found.breaks:
        low, high = b.interval
        verdict = "a break" if b.found else "no break that the data need; the best place would be"
        lines.append(
            f"{verdict} at {b.place:.4g}, 95 % interval [{low:.4g}, {high:.4g}]: slope "
            f"{b.slopes[0]:+.4f} before, {b.slopes[1]:+.4f} after; BIC gain {b.bic_gain:.1f}"
        )
    if all(b.found for b in found.breaks):
        lines.append(f"`fit --law bnsl:{len(found.breaks)}` describes the same breaks smoothly")
    return "\n".join(lines)


def crossover_text(
    found: Crossover, *, names: tuple[str, str], law: Law, low: float, high: float
) -> str:
    """A crossover for people."""
    first, second = names
    column = law.inputs[0]
    lines = [
        f"{first} against {second}, law {law.name}, {column.name} from {low:.3g} to {high:.3g}",
        f"they cross with probability {found.probability:.1%}",
    ]
    if math.isfinite(found.scale):
        under, over = found.interval
        lines.append(
            f"where they do, at {column.name} = {found.scale:.4g}, 95 % interval "
            f"[{under:.4g}, {over:.4g}] {column.unit}"
        )
    if math.isfinite(found.estimate):
        lines.append(f"the two fits themselves cross at {found.estimate:.4g}")
    lines.append(
        f"{first} is lower at {low:.3g} with probability {found.ahead_at_low:.1%}, at {high:.3g} "
        f"with {found.ahead_at_high:.1%}"
    )
    return "\n".join(lines)


def without_nan(value: JSON) -> JSON:
    """Replace numbers that JSON does not know by null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: without_nan(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [without_nan(inner) for inner in value]
    return value
