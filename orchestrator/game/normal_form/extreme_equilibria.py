"""All extreme equilibria of a bimatrix game, degenerate or not (Avis et al. 2010, section 2).

Vertices of the best-reply polytopes P = {x >= 0: B'x <= 1} and Q = {y >= 0: A y <= 1} (payoffs made
positive) that together carry every label: label i of row i is unplayed (x_i = 0) or a best reply to
y, label m+j likewise. Every equilibrium is a mixture of extreme ones (Mangasarian 1964).
"""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.inputs import check_bimatrix, scale_of
from orchestrator.game.normal_form.equilibrium import Equilibrium, regrets

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MAX_BASES = 2_000_000
_TOLERANCE = 1e-9
_CHUNK = 20_000


def extreme_equilibria(
    row_payoffs: ArrayLike,  # (m, n)
    column_payoffs: ArrayLike,  # (m, n)
) -> tuple[Equilibrium, ...]:
    """Return all extreme equilibria of a bimatrix game.

    Raises:
        ValueError: The payoffs are not finite, do not match, or have too many bases.
    """
    a, b = check_bimatrix(row_payoffs, column_payoffs)
    m, n = a.shape
    if comb(m + n, n) > MAX_BASES:
        raise ValueError(
            f"A game has at most {MAX_BASES:,} bases here, but got {comb(m + n, n):,} for {m} x "
            f"{n} strategies. Find some equilibria with lemke_howson."
        )
    positive_a = (a - a.min()) / scale_of(a) + 1
    positive_b = (b - b.min()) / scale_of(b) + 1
    rows, row_labels = _labelled_vertices(positive_b.T, own_first=True)
    columns, column_labels = _labelled_vertices(positive_a, own_first=False)
    every = (1 << (m + n)) - 1
    pairs = np.argwhere((row_labels[:, None] | column_labels[None, :]) == every)
    return tuple(
        Equilibrium(row=rows[i], column=columns[j], regret=max(regrets(a, b, rows[i], columns[j])))
        for i, j in pairs
    )


def _labelled_vertices(
    payoffs: NDArray[np.float64],  # (others' strategies, own strategies), positive
    *,
    own_first: bool,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the vertices of {z >= 0: payoffs z <= 1} but 0, normed (v, d), and their label masks.

    Labels of own strategies come first for the row player, last for the column player.
    """
    others, d = payoffs.shape
    facets = np.vstack([-np.eye(d), payoffs])
    right = np.append(np.zeros(d), np.ones(others))
    bases = np.array(list(combinations(range(d + others), d)), dtype=np.int64)
    vertices = []
    for start in range(0, len(bases), _CHUNK):
        chosen = bases[start : start + _CHUNK]
        systems = facets[chosen]
        signs = np.abs(np.linalg.det(systems)) > 1e-13
        points = np.linalg.solve(systems[signs], right[chosen[signs]][..., None])[..., 0]
        vertices.append(points[(points @ facets.T <= right + _TOLERANCE).all(axis=1)])
    points = np.concatenate(vertices)
    points = points[points.max(axis=1) > _TOLERANCE]
    _, first = np.unique(np.round(points, 8) + 0.0, axis=0, return_index=True)
    points = points[first]
    tight = points @ facets.T >= right - _TOLERANCE
    own = np.arange(d) + (0 if own_first else others)
    labels = np.append(own, np.arange(others) + (d if own_first else 0))
    masks = tight @ np.left_shift(np.int64(1), labels)
    points = np.maximum(points, 0.0)
    return points / points.sum(axis=1, keepdims=True), masks
