"""From the command line to values: the law, the table, the fit; mistakes named.

What the options of all subcommands have in common is read here, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from orchestrator.errors import UserError
from orchestrator.laws.checklist import NOT_STATED, Checklist, checklist
from orchestrator.laws.fitting.bootstrap import Bootstrap, bootstrap
from orchestrator.laws.fitting.fit import Fit, FitFailed, fit
from orchestrator.laws.fitting.losses import Loss, loss_named
from orchestrator.laws.forms import law_named
from orchestrator.laws.reading import ExperimentReader, apply_filter, read_table
from orchestrator.laws.schedules import fit_to_schedules
from orchestrator.laws.table import Data, Table, prepare

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from orchestrator.laws.law import Array, Law

Reader = ExperimentReader | None
T = TypeVar("T")


def named(name: str) -> Law:
    """Return the law that `--law` names."""
    try:
        return law_named(name)
    except (KeyError, ValueError) as error:
        raise UserError(
            where="--law", law="a law is named as `masga laws list` shows", found=repr(name),
            remedy=f"{error.args[0]}",
        ) from error  # fmt: skip


def asked_law(arguments: argparse.Namespace) -> Law:
    """Return the law with what `--fix` holds and `--tie` ties."""
    law = named(arguments.law)
    try:
        held = pairs(arguments.fix, "--fix")
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


def asked_table(arguments: argparse.Namespace, reader: Reader) -> Table:
    """Read the table and keep what `--filter` keeps."""
    table = read_table(arguments.data, read_experiment=reader)
    for expression in arguments.filter:
        table = apply_filter(table, expression)
    return table


def asked_data(
    arguments: argparse.Namespace, law: Law, reader: Reader, *, table: Table | None = None
) -> tuple[Law, Table, Data]:
    """Read the columns of a law; laws of whole curves are given the table's schedules."""
    table = asked_table(arguments, reader) if table is None else table
    names = pairs_of_names(arguments.columns)
    law, table = fit_to_schedules(law, table, names)
    if law.name in {"multi_power", "annealing"}:
        names = {k: v for k, v in names.items() if k in {*law.input_names, law.output.name}}
    data = prepare(table, law, names=names, scales=pairs(arguments.scale, "--scale"))
    return law, table, data


def asked_clusters(arguments: argparse.Namespace, table: Table) -> Array | None:
    """Return the run of each row, as `--cluster` says; None: each row is a run."""
    if arguments.cluster is None:
        return None
    if arguments.cluster not in table.columns:
        table.numbers(arguments.cluster, meaning="what --cluster reads")
    _, labels = np.unique(table.columns[arguments.cluster], return_inverse=True)
    return labels.astype(np.float64)


def asked_loss(arguments: argparse.Namespace) -> Loss:
    """Return what fits minimise."""
    try:
        return loss_named(arguments.loss, delta=arguments.delta)
    except ValueError as error:
        raise UserError(
            where="--delta", law="`delta > 0` must hold", found=str(arguments.delta),
            remedy="The literature uses 1e-3.",
        ) from error  # fmt: skip


def asked_fit(
    arguments: argparse.Namespace, law: Law, table: Table, data: Data
) -> tuple[Fit, Bootstrap | None]:
    """Fit, and resample as `--bootstrap` says."""
    clusters = asked_clusters(arguments, table)
    if arguments.starts < 1:
        raise UserError(
            where="--starts", law="`starts >= 1` must hold", found=str(arguments.starts),
            remedy="81 is the default.",
        )  # fmt: skip
    fitted = guarded(
        table,
        lambda: fit(
            law, data.inputs, data.target, loss=asked_loss(arguments), starts=arguments.starts,
            clusters=clusters,
        ),
    )  # fmt: skip
    if arguments.bootstrap <= 0:
        return fitted, None
    rng = np.random.default_rng(arguments.seed)
    drawn = guarded(
        table,
        lambda: bootstrap(fitted, resamples=arguments.bootstrap, rng=rng, clusters=clusters),
    )
    return fitted, drawn


def guarded(table: Table, work: Callable[[], T]) -> T:
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


def require_resamples(resamples: int, *, what: str) -> None:
    """Refuse an interval from too few resamples."""
    if resamples < 100:
        raise UserError(
            where="--bootstrap", law=f"{what} needs at least 100 resamples for its interval",
            found=str(resamples), remedy="Use --bootstrap 1000.",
        )  # fmt: skip


def asked_checklist(arguments: argparse.Namespace, fitted: Fit, data: Data) -> Checklist:
    """Return what a reader of the result must know."""
    clusters = (
        f"rows with the same {arguments.cluster} are one run"
        if arguments.cluster
        else "each row is a run of its own"
    )
    return checklist(
        fitted, data, size_convention=arguments.size_counts or NOT_STATED,
        flops_convention=arguments.flops_counts or NOT_STATED, clusters=clusters,
    )  # fmt: skip


def pairs_of_names(text: str) -> dict[str, str]:
    """Read `--columns`."""
    return dict(_split(text, "--columns"))


def pairs(text: str, where: str) -> dict[str, float]:
    """Read NAME=NUMBER,NAME=NUMBER."""
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


def known_scales(text: str, law: Law) -> dict[str, float]:
    """Return the factors of `--scale` that concern a law."""
    known = {*law.input_names, law.output.name}
    return {k: v for k, v in pairs(text, "--scale").items() if k in known}


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
