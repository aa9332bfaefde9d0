"""What the subcommands of `masga laws` do: arguments in, text out, mistakes named."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from orchestrator.errors import UserError
from orchestrator.laws import rendering
from orchestrator.laws.checklist import NOT_STATED, Checklist, checklist
from orchestrator.laws.compare import compare, parse_holdout
from orchestrator.laws.fitting.bootstrap import Bootstrap, bootstrap
from orchestrator.laws.fitting.fit import Fit, FitFailed, fit
from orchestrator.laws.fitting.losses import Loss, loss_named
from orchestrator.laws.forms import law_named
from orchestrator.laws.forms.chinchilla import LAW as CHINCHILLA
from orchestrator.laws.planning.envelope import plan_envelope
from orchestrator.laws.planning.isoflop import plan_isoflop
from orchestrator.laws.planning.ladder import predict_at
from orchestrator.laws.planning.parametric import plan_parametric
from orchestrator.laws.planning.plan import Plan, disagreement
from orchestrator.laws.planning.reconcile import Runs, reconcile
from orchestrator.laws.planning.sensitivity import sensitivity
from orchestrator.laws.reading import ExperimentReader, apply_filter, read_table
from orchestrator.laws.schedules import fit_to_schedules
from orchestrator.laws.table import Data, Table, prepare

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from orchestrator.laws.law import Array, Law

Reader = ExperimentReader | None
T = TypeVar("T")


def run_fit(arguments: argparse.Namespace, reader: Reader) -> str:
    """Fit a law; text or JSON."""
    law = _law(arguments)
    law, table, data = _data(arguments, law, reader)
    fitted, drawn = _fit(arguments, law, table, data)
    listed = _checklist(arguments, fitted, data)
    if arguments.figures or arguments.html:
        _write_figures(arguments, fitted=fitted, drawn=drawn, data=data, listed=listed, plans=[])
    if arguments.json:
        return json.dumps(rendering.fit_document(fitted, drawn, data, listed), indent=2)
    return rendering.fit_text(fitted, drawn, data, listed)


def run_predict(arguments: argparse.Namespace, reader: Reader) -> str:
    """Fit a law and predict at new inputs."""
    law = _law(arguments)
    law, table, data = _data(arguments, law, reader)
    places = [_pairs(text, "--at") for text in arguments.at]
    for place in places:
        if set(place) != set(law.input_names):
            raise UserError(
                where="--at",
                law=f"law {law.name} reads {', '.join(law.input_names)}",
                found=", ".join(place) or "nothing",
                remedy=f"Give each: --at {','.join(f'{name}=...' for name in law.input_names)}.",
            )
    if arguments.bootstrap < 100:
        raise UserError(
            where="--bootstrap", law="a prediction needs at least 100 resamples for its interval",
            found=str(arguments.bootstrap), remedy="Use --bootstrap 1000.",
        )  # fmt: skip
    fitted, drawn = _fit(arguments, law, table, data)
    assert drawn is not None
    inputs = tuple(np.array([place[name] for place in places]) for name in law.input_names)
    prediction = predict_at(
        drawn, inputs, residuals=fitted.residuals, rng=np.random.default_rng(arguments.seed + 1)
    )
    if arguments.json:
        return json.dumps(rendering.prediction_document(law, places, prediction), indent=2)
    return rendering.prediction_text(law, places, prediction, fitted)


def run_compare(arguments: argparse.Namespace, reader: Reader) -> str:
    """Rank laws by held-out extrapolation."""
    table = _table(arguments, reader)
    laws: dict[str, tuple[Law, Data]] = {}
    names = _pairs_of_names(arguments.columns)
    for name in arguments.laws.split(","):
        law = _named(name.strip())
        mine = {k: v for k, v in names.items() if k in {*law.input_names, law.output.name}}
        data = prepare(table, law, names=mine, scales=_known_scales(arguments.scale, law))
        laws[law.name] = (law, data)
    first = next(iter(laws.values()))
    held_out = parse_holdout(arguments.holdout, first[1], first[0])
    for law, _ in laws.values():
        _require_points(table, law, int((~held_out).sum()))
    scores = _guard(
        table,
        lambda: compare(
            laws, held_out, loss=_loss(arguments), rng=np.random.default_rng(arguments.seed),
            clusters=_clusters(arguments, table),
        ),
    )  # fmt: skip
    if arguments.json:
        return json.dumps(rendering.scores_document(scores), indent=2)
    return rendering.scores_text(scores, int(held_out.sum()), len(table))


def run_plan(arguments: argparse.Namespace, reader: Reader) -> str:
    """Plan by every method that the table allows."""
    _, table, data = _data(arguments, CHINCHILLA, reader)
    budgets = np.array(sorted(arguments.flops))
    if not (budgets > 0).all():
        raise UserError(
            where="--flops", law="budgets are above zero", found=str(arguments.flops),
            remedy="For example --flops 1e22.",
        )  # fmt: skip
    arguments.fix, arguments.tie, arguments.starts = "", [], 81
    if arguments.bootstrap < 100:
        raise UserError(
            where="--bootstrap", law="a plan needs at least 100 resamples for its intervals",
            found=str(arguments.bootstrap), remedy="Use --bootstrap 1000.",
        )  # fmt: skip
    fitted, drawn = _fit(arguments, CHINCHILLA, table, data)
    assert drawn is not None
    size, tokens = data.inputs
    flops = 6.0 * size * tokens
    rng = np.random.default_rng(arguments.seed)
    clusters = _clusters(arguments, table)
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
        CHINCHILLA, data.inputs, data.target, flops=float(budgets[-1]), loss=_loss(arguments),
        most_dropped=min(5, max(0, len(table) - 7)),
    )  # fmt: skip
    if arguments.figures or arguments.html:
        listed = _checklist(arguments, fitted, data)
        _write_figures(arguments, fitted=fitted, drawn=drawn, data=data, listed=listed, plans=plans)
    if arguments.json:
        return json.dumps(rendering.plans_document(plans, statements, missing, dropped), indent=2)
    return rendering.plans_text(plans, statements, missing, dropped)


def run_reconcile(arguments: argparse.Namespace, reader: Reader) -> str:
    """Refit under Kaplan's and Chinchilla's conventions."""
    table = _table(arguments, reader)
    names = _pairs_of_names(arguments.columns)
    known = {"N", "D", "L", "embedding", "head_flops", "warmup_tokens", "learning_rate"}
    if set(names) - known:
        raise UserError(
            where="--columns", law=f"reconcile reads {', '.join(sorted(known))}",
            found=", ".join(sorted(set(names) - known)), remedy="Use those names on the left.",
        )  # fmt: skip
    base = {k: v for k, v in names.items() if k in {"N", "D", "L"}}
    data = prepare(table, CHINCHILLA, names=base, scales=_known_scales(arguments.scale, CHINCHILLA))

    def column(name: str) -> Array | None:
        actual = names.get(name, name)
        if actual not in table.columns:
            return None
        return table.numbers(actual, meaning=f"{name} for reconcile")

    size = data.inputs[0]
    embedding = column("embedding")
    if arguments.size_counts == "total" and embedding is not None:
        size = size - embedding
        if (size <= 0).any():
            row = int(np.flatnonzero(size <= 0)[0])
            raise table.bad_cell(
                row, names.get("embedding", "embedding"), found=f"{embedding[row]:g}",
                law="embedding parameters must be fewer than the total",
            )  # fmt: skip
    runs = Runs(
        size=size, tokens=data.inputs[1], loss=data.target, embedding=embedding,
        head_flops=column("head_flops"), warmup_tokens=column("warmup_tokens"),
        learning_rate=column("learning_rate"),
    )  # fmt: skip
    if all(
        c is None for c in (runs.embedding, runs.head_flops, runs.warmup_tokens, runs.learning_rate)
    ):
        raise UserError(
            where=table.source,
            law=(
                "reconcile needs at least one of the columns embedding, head_flops, "
                "warmup_tokens, learning_rate"
            ),
            found=f"columns {', '.join(table.columns)}",
            remedy="Add one, or name it: --columns embedding=YOUR_COLUMN.",
        )
    exponents = _guard(
        table,
        lambda: reconcile(
            runs, loss=_loss(arguments), rng=np.random.default_rng(arguments.seed),
            resamples=arguments.bootstrap,
        ),
    )  # fmt: skip
    if arguments.json:
        return json.dumps([asdict(e) for e in exponents], indent=2)
    return rendering.exponents_text(exponents)


def _named(name: str) -> Law:
    try:
        return law_named(name)
    except (KeyError, ValueError) as error:
        raise UserError(
            where="--law", law="a law is named as `masga laws list` shows", found=repr(name),
            remedy=f"{error.args[0]}",
        ) from error  # fmt: skip


def _law(arguments: argparse.Namespace) -> Law:
    law = _named(arguments.law)
    try:
        held = _pairs(arguments.fix, "--fix")
        for text in arguments.tie:
            second, _, first = text.partition("=")
            if not {first, second} <= set(law.parameter_names) or first == second:
                raise KeyError(text)  # noqa: TRY301 - one message for all wrong forms
            law = law.with_tied(first, second)
        return law.with_fixed(held) if held else law
    except KeyError as error:
        raise UserError(
            where="--fix or --tie", law=f"law {law.name} has {', '.join(law.parameter_names)}",
            found=str(error.args[0]), remedy="Use those names.",
        ) from error  # fmt: skip


def _table(arguments: argparse.Namespace, reader: Reader) -> Table:
    table = read_table(arguments.data, read_experiment=reader)
    for expression in arguments.filter:
        table = apply_filter(table, expression)
    return table


def _data(arguments: argparse.Namespace, law: Law, reader: Reader) -> tuple[Law, Table, Data]:
    table = _table(arguments, reader)
    names = _pairs_of_names(arguments.columns)
    law, table = fit_to_schedules(law, table, names)
    if law.name in {"multi_power", "annealing"}:
        names = {k: v for k, v in names.items() if k in {*law.input_names, law.output.name}}
    data = prepare(table, law, names=names, scales=_pairs(arguments.scale, "--scale"))
    return law, table, data


def _clusters(arguments: argparse.Namespace, table: Table) -> Array | None:
    if arguments.cluster is None:
        return None
    if arguments.cluster not in table.columns:
        table.numbers(arguments.cluster, meaning="what --cluster reads")
    _, labels = np.unique(table.columns[arguments.cluster], return_inverse=True)
    return labels.astype(np.float64)


def _loss(arguments: argparse.Namespace) -> Loss:
    try:
        return loss_named(arguments.loss, delta=arguments.delta)
    except ValueError as error:
        raise UserError(
            where="--delta", law="`delta > 0` must hold", found=str(arguments.delta),
            remedy="The literature uses 1e-3.",
        ) from error  # fmt: skip


def _fit(
    arguments: argparse.Namespace, law: Law, table: Table, data: Data
) -> tuple[Fit, Bootstrap | None]:
    clusters = _clusters(arguments, table)
    if arguments.starts < 1:
        raise UserError(
            where="--starts", law="`starts >= 1` must hold", found=str(arguments.starts),
            remedy="81 is the default.",
        )  # fmt: skip
    fitted = _guard(
        table,
        lambda: fit(
            law, data.inputs, data.target, loss=_loss(arguments), starts=arguments.starts,
            clusters=clusters,
        ),
    )  # fmt: skip
    if arguments.bootstrap <= 0:
        return fitted, None
    rng = np.random.default_rng(arguments.seed)
    drawn = _guard(
        table,
        lambda: bootstrap(fitted, resamples=arguments.bootstrap, rng=rng, clusters=clusters),
    )
    return fitted, drawn


def _guard(table: Table, work: Callable[[], T]) -> T:
    """Turn a refusal of the library into the user's error, with the table's name."""
    try:
        return work()
    except UserError:
        raise
    except FitFailed as error:
        raise UserError(
            where=table.source, law="a fit must start somewhere finite and move",
            found=str(error), remedy="Check units (--scale) and outliers (--filter).",
        ) from error  # fmt: skip
    except ValueError as error:
        raise UserError(
            where=table.source, law="the table must allow what was asked", found=str(error),
            remedy="Add runs or ask for less (--bootstrap 0, another law).",
        ) from error  # fmt: skip


def _require_points(table: Table, law: Law, left: int) -> None:
    if left <= len(law.parameters):
        raise UserError(
            where=table.source,
            law=f"law {law.name} needs more than {len(law.parameters)} points to fit",
            found=f"{left} rows once the largest are held out",
            remedy="Hold out less: --holdout largest:10%.",
        )


def _pairs_of_names(text: str) -> dict[str, str]:
    return dict(_split(text, "--columns"))


def _pairs(text: str, where: str) -> dict[str, float]:
    result = {}
    for name, value in _split(text, where):
        try:
            result[name] = float(value)
        except ValueError:
            raise UserError(
                where=where, law="values are numbers", found=f"{name}={value}",
                remedy="For example N=1e9.",
            ) from None  # fmt: skip
    return result


def _known_scales(text: str, law: Law) -> dict[str, float]:
    known = {*law.input_names, law.output.name}
    return {k: v for k, v in _pairs(text, "--scale").items() if k in known}


def _split(text: str, where: str) -> Sequence[tuple[str, str]]:
    pairs = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, sign, value = part.partition("=")
        if not sign or not name or not value:
            raise UserError(
                where=where, law="it reads NAME=VALUE,NAME=VALUE", found=repr(part),
                remedy="For example N=params,D=tokens,L=loss.",
            )  # fmt: skip
        pairs.append((name.strip(), value.strip()))
    return pairs


def _checklist(arguments: argparse.Namespace, fitted: Fit, data: Data) -> Checklist:
    clusters = (
        f"rows with the same {arguments.cluster} are one run"
        if arguments.cluster
        else "each row is a run of its own"
    )
    return checklist(
        fitted, data, size_convention=arguments.size_counts or NOT_STATED,
        flops_convention=arguments.flops_counts or NOT_STATED, clusters=clusters,
    )  # fmt: skip


def _write_figures(
    arguments: argparse.Namespace,
    *,
    fitted: Fit,
    drawn: Bootstrap | None,
    data: Data,
    listed: Checklist,
    plans: list[Plan],
) -> None:
    """Write figures to a folder, and a page if asked."""
    from orchestrator.laws import figures, page  # noqa: PLC0415 - heavy, loaded on use

    try:
        drawings = figures.draw_all(fitted, drawn, data, plans)
    except ImportError as error:
        raise UserError(
            where="--figures or --html", law="figures need matplotlib", found=str(error),
            remedy="pip install matplotlib.",
        ) from error  # fmt: skip
    try:
        if arguments.figures:
            folder = Path(arguments.figures)
            folder.mkdir(parents=True, exist_ok=True)
            for name, drawing in drawings.items():
                figures.save(drawing, folder / f"{name}.{arguments.format}")
        if arguments.html:
            text = page.page(fitted, drawn, data, listed, drawings)
            Path(arguments.html).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(
            where=arguments.figures or arguments.html, law="figures are written to a folder",
            found=str(error), remedy="Choose a writable place.",
        ) from error  # fmt: skip
