"""PED-ANOVA: how far the genes of the best trials differ from those of all.

Watanabe, Bansal and Hutter 2023 (arXiv:2304.10255), with conditional genes after arXiv:2601.20800,
as Optuna 5 has it: the same grids, Parzen estimators and weights, so the same numbers. Here many
orders of the same trials are judged at once, which shuffling needs, and without scikit-learn and
pandas, which Optuna's importance loads (seconds).

Shapes: S standings (shuffles of one another), N trials, G places of a column's grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from search_spaces.domains import Choice, Integer, Real, Simplex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from orchestrator.comparing.genome_table import GenomeTable
    from orchestrator.events import JSON
    from search_spaces.domains import ScalarDomain

_STEPS = 50
"""Places of a grid, at most."""
_LEAST_SIGMA = 0.5 / 1.64
_FLOOR = 1e-12
_LEAST_IN_REGIME = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """One scalar of the genomes: a gene, a layer of one, or a share."""

    gene: str
    places: NDArray[np.int64]  # (n genomes,)
    """Place on the grid, or -1 where the genome has no such scalar."""
    size: int
    """Of the grid, at least 2."""
    is_nominal: bool


def columns(table: GenomeTable) -> tuple[Column, ...]:
    """Lay genomes on grids, one column a scalar that may vary."""
    made: list[Column] = []
    for gene in table.genes:
        if gene.domain.is_fixed:
            continue
        values = table.values[gene.name]
        if gene.is_per_layer or isinstance(gene.domain, Simplex):
            domain = Real(0.0, 1.0) if isinstance(gene.domain, Simplex) else gene.domain
            most = max((len(v) for v in values if v is not None), default=0)
            made += [
                _column(gene.name, domain, [v[i] if v is not None and i < len(v) else None
                                            for v in values])
                for i in range(most)
            ]  # fmt: skip
        else:
            made.append(_column(gene.name, gene.domain, values))
    return tuple(made)


def divergences(
    laid: Sequence[Column],
    rows: Sequence[int],
    standings_SN: NDArray[np.float64],
    *,
    quantile: float,
) -> NDArray[np.float64]:  # (S, n columns), at least 0
    """Return the importance of each column for being among the best, for each of the standings.

    Args:
        laid: Columns of genomes.
        rows: The genome of each of the N trials.
        standings_SN: Lower is better. Rows are permutations of one another.
        quantile: Share of the trials that are the best; equals of the last one are among them.
    """
    count = standings_SN.shape[1]
    ordered = np.sort(standings_SN, axis=1)
    best_SN = standings_SN <= ordered[:, [math.ceil(quantile * count) - 1]]
    best = best_SN.sum(axis=1)
    found = np.zeros((standings_SN.shape[0], len(laid)))
    for at, column in enumerate(laid):
        places_N = column.places[np.asarray(rows)]
        present_N = places_N >= 0
        in_regime = int(present_N.sum())
        if in_regime < _LEAST_IN_REGIME:
            continue
        one_hot_NG = np.zeros((in_regime, column.size))
        one_hot_NG[np.arange(in_regime), places_N[present_N]] = 1.0
        best_SG = best_SN[:, present_N].astype(np.float64) @ one_hot_NG
        density = _nominal_density if column.is_nominal else _number_density
        all_1G = density(one_hot_NG.sum(axis=0, keepdims=True)) + _FLOOR
        top_SG = density(best_SG) + _FLOOR
        pearson = ((top_SG / all_1G - 1.0) ** 2 * all_1G).sum(axis=1)
        # theorem 4.2 of arXiv:2601.20800: alpha^2 / beta of the regime, times (gamma' / gamma)^2
        alpha, beta = best_SG.sum(axis=1) / best, in_regime / count
        found[:, at] = alpha**2 / beta * pearson * (best / count) ** 2
    return found


def _column(gene: str, domain: ScalarDomain, values: Sequence[JSON]) -> Column:
    if isinstance(domain, Choice):
        codes = {(type(v).__name__, v): code for code, v in enumerate(domain.values)}
        plain = [tuple(v) if isinstance(v, list) else v for v in values]
        placed = [-1 if v is None else codes[type(v).__name__, v] for v in plain]
        return Column(gene=gene, places=np.array(placed), size=len(domain.values), is_nominal=True)
    low, high, size = _grid(domain)
    numbers = np.array([math.nan if v is None else v for v in values], dtype=np.float64)
    if domain.log:
        numbers, low, high = np.log(numbers), math.log(low), math.log(high)
    # midpoints belong to the lower place
    exact = np.ceil((numbers - low) / ((high - low) / (size - 1)) - 0.5)
    placed_N = np.where(np.isnan(exact), -1, np.clip(exact, 0, size - 1)).astype(np.int64)
    return Column(gene=gene, places=placed_N, size=size, is_nominal=False)


def _grid(domain: Real | Integer) -> tuple[float, float, int]:
    """Return the ends of a grid and its places, as many as Optuna's distribution would get."""
    if isinstance(domain, Real):
        return domain.low, domain.high, _STEPS
    low, high = float(domain.low), float(domain.top)
    if domain.log and domain.step == 1:
        return low, high, min(math.ceil(math.log2(high - low + 1)) + 1, _STEPS)
    if domain.log:
        return low, high, _STEPS  # a log scale with a step is continuous to Optuna
    return low, high, min(round((high - low) / domain.step) + 1, _STEPS)


def _nominal_density(
    counts_SG: NDArray[np.float64],
) -> NDArray[np.float64]:  # (S, G); rows sum to 1
    """Return the Parzen estimate over choices: each one seen is a kernel, and a uniform prior."""
    size = counts_SG.shape[1]
    kernels_S = (counts_SG > 0).sum(axis=1) + 1
    spread_S = 1.0 / kernels_S
    total_S = counts_SG.sum(axis=1) + 1.0
    # a kernel has 1 + spread on its own choice and the spread on others, normalized
    own_S = 1.0 / (1.0 + size * spread_S)
    weights_SG = counts_SG / total_S[:, None]
    shared_S = weights_SG.sum(axis=1) * spread_S * own_S + 1.0 / (total_S * size)
    density_SG: NDArray[np.float64] = weights_SG * own_S[:, None] + shared_S[:, None]
    return density_SG


def _number_density(
    counts_SG: NDArray[np.float64],
) -> NDArray[np.float64]:  # (S, G); rows sum to 1
    """Return the Parzen estimate over a grid: discrete truncated normals and a wide prior."""
    size = counts_SG.shape[1]
    total_S = counts_SG.sum(axis=1)
    sigma_S = _scott_sigma(counts_SG, total_S)
    # a normal's mass depends on its distance from the place only, before it is cut at the ends
    away_D = np.arange(1 - size, size + 1) - 0.5
    below_SD = _erf(away_D / (sigma_S[:, None] * math.sqrt(2.0)))
    middles, places = np.arange(size)[:, None], np.arange(size)
    masses_SMG = np.diff(below_SD, axis=1)[:, places - middles + size - 1]
    whole_SM = below_SD[:, 2 * size - 1 - places] - below_SD[:, size - 1 - places]
    mixed_SG = np.einsum("sm,smg->sg", counts_SG / whole_SM, masses_SMG)
    prior_G = np.diff(_erf((np.arange(size + 1) - size / 2) / (size * math.sqrt(2.0))))
    mixed_SG += prior_G / prior_G.sum()
    density_SG: NDArray[np.float64] = mixed_SG / (total_S[:, None] + 1.0)
    return density_SG


def _scott_sigma(
    counts_SG: NDArray[np.float64], total_S: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the bandwidth by Scott's rule (1992), never below a third of a place."""
    places_G = np.arange(counts_SG.shape[1], dtype=np.float64)
    some_S = np.maximum(total_S, 1.0)
    mean_S = counts_SG @ places_G / some_S
    squares_S = (counts_SG * (places_G - mean_S[:, None]) ** 2).sum(axis=1)
    deviation_S = np.sqrt(squares_S / np.maximum(1.0, total_S - 1.0))
    cumulated_SG, seen_SG = counts_SG.cumsum(axis=1), counts_SG > 0
    low_S = (seen_SG & (cumulated_SG >= (total_S // 4)[:, None])).argmax(axis=1)
    high_S = (seen_SG & (cumulated_SG > (total_S * 3 // 4)[:, None])).argmax(axis=1)
    spread_S = np.minimum((high_S - low_S) / 1.34, deviation_S)
    sigma_S: NDArray[np.float64] = np.maximum(1.059 * spread_S * some_S**-0.2, _LEAST_SIGMA)
    return sigma_S


def _erf(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([math.erf(each) for each in x.ravel().tolist()]).reshape(x.shape)
