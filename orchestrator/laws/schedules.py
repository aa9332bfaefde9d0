"""Learning-rate schedules from the logged points of a table, for laws that read whole curves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.errors import UserError
from orchestrator.laws.forms import multi_power
from orchestrator.laws.forms.annealing import areas

if TYPE_CHECKING:
    from orchestrator.laws.law import Array, Integers, Law
    from orchestrator.laws.table import Table

NEEDED = ("curve", "step", "lr")
_COARSE_BLOCK = 64
_LONG = 5000


def fit_to_schedules(law: Law, table: Table, names: dict[str, str]) -> tuple[Law, Table]:
    """Give a law of whole curves what it reads; other laws and tables pass through.

    The table needs the columns curve, step and lr (the learning rate at each logged step). The
    multi-power law is rebuilt for these schedules; for the annealing law, S1 and S2 are added
    unless the table has them.

    Raises:
        UserError: A column is missing, or a curve has fewer than two steps.
    """
    if law.name == "multi_power":
        labels, schedules = _rebuild(table, names)
        block = _COARSE_BLOCK if max(s.size for s in schedules) > _LONG else 8
        columns = {**table.columns, names.get("curve", "curve"): labels.astype(np.float64)}
        return multi_power.build(schedules, block=block), replace(table, columns=columns)
    ready = {names.get("S1", "S1"), names.get("S2", "S2")} <= set(table.columns)
    if law.name == "annealing" and not ready:
        labels, schedules = _rebuild(table, names)
        step = table.numbers(names.get("step", "step"), meaning="step").astype(np.int64)
        forward, annealed = np.empty(len(table)), np.empty(len(table))
        for k, rates in enumerate(schedules):
            mine = labels == k
            s1, s2 = areas(rates)
            forward[mine], annealed[mine] = s1[step[mine]], s2[step[mine]]
        return law, replace(table, columns={**table.columns, "S1": forward, "S2": annealed})
    return law, table


def _rebuild(table: Table, names: dict[str, str]) -> tuple[Integers, list[Array]]:
    """Number the curves, and interpolate the learning rate of every step of each."""
    for name in NEEDED:
        if names.get(name, name) not in table.columns:
            raise UserError(
                where=table.source,
                law="a law of whole curves needs the columns curve, step and lr",
                found=f"no column {names.get(name, name)!r} among {', '.join(table.columns)}",
                remedy=f"Add it, or name it: --columns {name}=YOUR_COLUMN.",
            )
    curve = table.columns[names.get("curve", "curve")]
    step = table.numbers(names.get("step", "step"), meaning="step")
    rate = table.numbers(names.get("lr", "lr"), meaning="the learning rate lr")
    for name, values in (("step", step), ("lr", rate)):
        bad = np.flatnonzero(~np.isfinite(values) | (values < 0))
        if bad.size:
            raise table.bad_cell(
                int(bad[0]), names.get(name, name), law=f"{name} must be finite and not negative",
                found=f"{values[bad[0]]:g}",
            )  # fmt: skip
    found, labels = np.unique(curve, return_inverse=True)
    schedules = []
    for k, label in enumerate(found):
        mine = np.flatnonzero(labels == k)
        order = mine[np.argsort(step[mine])]
        if np.unique(step[order]).size < 2:
            raise UserError(
                where=f"{table.source}, curve {label}", law="a curve has at least two steps",
                found=f"{mine.size} row", remedy="Log more of it, or drop it (--filter).",
            )  # fmt: skip
        every = np.arange(int(step[order[-1]]) + 1, dtype=np.float64)
        schedules.append(np.interp(every, step[order], rate[order]))
    return labels.astype(np.int64), schedules
