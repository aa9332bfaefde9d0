"""Compute-optimal size from IsoFLOP parabolas (Hoffmann et al. 2022, approach 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.laws.planning.plan import Plan, fit_line, plan_from_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestrator.laws.law import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class IsoFlop:
    """One budget's runs and the parabola through them.

    Args:
        flops: Geometric mean of the runs' FLOPs.
        rows: Which runs, indices.
        best_size: Parameters at the minimum of the parabola in log size.
        coefficients: L = c0 + c1 u + c2 u^2, u = log N - log best size of the group's centre.
        centre: That centre, a logarithm.
    """

    flops: float
    rows: NDArray[np.int64]
    best_size: float
    coefficients: Array
    centre: float


def groups_of(flops: Array, *, tolerance: float = 0.1, least: int = 4) -> list[NDArray[np.int64]]:
    """Group runs whose FLOPs agree within a relative tolerance; groups below `least` are left out.

    Groups are made by walking up the sorted budgets: a run joins while it lies within the
    tolerance of the group's first.
    """
    order = np.argsort(flops)
    groups, current = [], [int(order[0])]
    for index in order[1:]:
        if flops[index] <= flops[current[0]] * (1 + 2 * tolerance):
            current.append(int(index))
        else:
            groups.append(current)
            current = [int(index)]
    groups.append(current)
    return [np.array(group) for group in groups if len(group) >= least]


def minima(
    size: Array,  # (n,)
    loss: Array,  # (n,)
    weights: Array,  # (R, n)
) -> tuple[Array, Array]:
    """Minima of weighted parabolas of loss in log size: log minimum (R,), coefficients (R, 3).

    The minimum is nan where the parabola opens downward or its minimum lies beyond the sizes.
    """
    u = np.log(size)
    centre = u.mean()
    basis = np.stack([np.ones_like(u), u - centre, (u - centre) ** 2])
    gram = np.einsum("rn,in,jn->rij", weights, basis, basis) + 1e-10 * np.eye(3)
    right = np.einsum("rn,in,n->ri", weights, basis, loss)
    coefficients = np.linalg.solve(gram, right[:, :, None])[:, :, 0]
    with np.errstate(all="ignore"):
        place = -0.5 * coefficients[:, 1] / coefficients[:, 2]
    inside = (coefficients[:, 2] > 0) & (np.abs(place) <= np.ptp(u))
    inside &= (place + centre >= u.min()) & (place + centre <= u.max())
    return np.where(inside, place + centre, np.nan), coefficients


def isoflops(size: Array, flops: Array, loss: Array, *, tolerance: float = 0.1) -> list[IsoFlop]:
    """Fit a parabola to every group of equal budgets that has its minimum inside."""
    result = []
    for rows in groups_of(flops, tolerance=tolerance):
        if np.unique(size[rows]).size < 4:
            continue
        place, coefficients = minima(size[rows], loss[rows], np.ones((1, rows.size)))
        if np.isfinite(place[0]):
            result.append(
                IsoFlop(
                    flops=float(np.exp(np.log(flops[rows]).mean())),
                    rows=rows,
                    best_size=float(np.exp(place[0])),
                    coefficients=coefficients[0],
                    centre=float(np.log(size[rows]).mean()),
                )
            )
    return result


def plan_isoflop(
    size: Array,
    flops: Array,
    loss: Array,
    budgets: Array,
    *,
    rng: np.random.Generator,
    tolerance: float = 0.1,
    resamples: int = 1000,
) -> Plan:
    """Plan from the minima of IsoFLOP parabolas, N* ~ C^a through them.

    Runs are resampled within their group, so that every budget keeps its runs.

    Raises:
        ValueError: Fewer than two budgets with at least four sizes and a minimum inside.
    """
    found = isoflops(size, flops, loss, tolerance=tolerance)
    if len(found) < 2:
        message = (
            "IsoFLOP planning needs at least two budgets, each with four or more sizes and a "
            f"minimum inside, but got {len(found)} within {tolerance:.0%} of one budget."
        )
        raise ValueError(message)
    x = np.array([np.log(group.flops) for group in found])
    y = np.array([np.log(group.best_size) for group in found])
    centre = float(x.mean())
    places = np.empty((resamples, len(found)))
    for k, group in enumerate(found):
        n = group.rows.size
        draws = rng.integers(0, n, size=(resamples, n))
        weights = np.stack([np.bincount(d, minlength=n) for d in draws]).astype(np.float64)
        places[:, k], _ = minima(size[group.rows], loss[group.rows], weights)
    usable = np.isfinite(places)
    intercepts, slopes = np.empty(resamples), np.empty(resamples)
    for r in range(resamples):
        line = fit_line(x - centre, np.nan_to_num(places[r]), usable[r][None].astype(np.float64))
        intercepts[r], slopes[r] = line[0][0], line[1][0]
    fine = np.isfinite(slopes) & (usable.sum(axis=1) >= 2)
    p, a = fit_line(x - centre, y, np.ones((1, x.size)))
    notes = [f"{len(found)} budgets, {sum(g.rows.size for g in found)} runs"]
    if fine.mean() < 0.9:
        notes.append(f"{1 - fine.mean():.0%} of the resamples lost their minima")
    return plan_from_line(
        "isoflop", flops=budgets, line=np.array([p[0], a[0]]),
        draws=np.stack([intercepts[fine], slopes[fine]], axis=1), centre=centre,
        notes=tuple(notes),
    )  # fmt: skip
