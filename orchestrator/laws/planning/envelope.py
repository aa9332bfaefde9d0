"""Compute-optimal size from the envelope of training curves (Hoffmann et al. 2022, approach 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.laws.planning.plan import Plan, fit_line, plan_from_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestrator.laws.law import Array


def frontier(flops: Array, loss: Array, *, bins: int) -> NDArray[np.int64]:
    """Index of the run with the least loss in each of `bins` log-spaced bins of FLOPs.

    A bin counts only where its least loss is below that of all cheaper bins: the lower envelope.
    """
    edges = np.linspace(np.log(flops.min()), np.log(flops.max()) + 1e-9, bins + 1)
    label = np.clip(np.digitize(np.log(flops), edges) - 1, 0, bins - 1)
    chosen, least = [], np.inf
    for k in range(bins):
        rows = np.flatnonzero(label == k)
        if rows.size == 0:
            continue
        best = int(rows[np.argmin(loss[rows])])
        if loss[best] < least:
            least = float(loss[best])
            chosen.append(best)
    return np.array(chosen, dtype=np.int64)


def plan_envelope(
    size: Array,
    flops: Array,
    loss: Array,
    budgets: Array,
    *,
    rng: np.random.Generator,
    clusters: Array | None = None,
    bins: int = 20,
    resamples: int = 500,
) -> Plan:
    """Plan from the sizes on the lower envelope of all curves, N* ~ C^a through them.

    Whole curves (clusters) are resampled. With final points only instead of curves the envelope
    has few points of each size and its interval shows it.

    Raises:
        ValueError: Fewer than three points on the envelope.
    """
    rows = frontier(flops, loss, bins=bins)
    if rows.size < 3:
        message = f"An envelope needs at least three points, but got {rows.size}."
        raise ValueError(message)
    x, y = np.log(flops[rows]), np.log(size[rows])
    centre = float(x.mean())
    p, a = fit_line(x - centre, y, np.ones((1, rows.size)))
    labels = np.arange(size.size) if clusters is None else clusters
    _, inverse = np.unique(labels, return_inverse=True)
    count = int(inverse.max()) + 1
    members = [np.flatnonzero(inverse == k) for k in range(count)]
    draws = []
    for _ in range(resamples):
        picked = np.concatenate([members[k] for k in rng.integers(0, count, count)])
        on = picked[frontier(flops[picked], loss[picked], bins=bins)]
        if on.size < 3:
            continue
        line = fit_line(np.log(flops[on]) - centre, np.log(size[on]), np.ones((1, on.size)))
        if np.isfinite(line[1][0]):
            draws.append((line[0][0], line[1][0]))
    notes: tuple[str, ...] = (f"{rows.size} points on the envelope of {count} curves",)
    if len(draws) < 0.9 * resamples:
        notes = (*notes, f"{1 - len(draws) / resamples:.0%} of the resamples had no envelope")
    return plan_from_line(
        "envelope", flops=budgets, line=np.array([p[0], a[0]]), draws=np.array(draws),
        centre=centre, notes=notes,
    )  # fmt: skip
