"""One ruler for several spaces: the distance of genomes, with every gene on its widest scale.

Within one space it is `search_spaces.Space.distance`. Over several, a gene's domain is the hull of
theirs, so that a step of a gene counts the same in all of them; a gene that one of them fixes
counts there too, and adds nothing. Distances are means over the genes that any of them searches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.comparing.logged_space import LENGTH
from search_spaces.domains import Choice, Integer, Real, Simplex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from orchestrator.comparing.genome_table import GenomeTable
    from orchestrator.comparing.logged_space import LoggedGene
    from orchestrator.events import JSON
    from search_spaces.domains import ScalarDomain

Scale = Real | Integer | Choice | Simplex


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruler:
    """The genes that are measured and the scale of each."""

    scales: tuple[tuple[str, Scale], ...]
    """(gene, hull of its domains), in the order of the spaces; fixed ones are left out."""
    max_layers: int
    """Most layers that a genome of any of the spaces may have."""

    @property
    def genes(self) -> tuple[str, ...]:
        """The names of the genes that are measured."""
        return tuple(name for name, _ in self.scales)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """Genomes on a ruler; a column is a gene, a layer of one, or one of its shares."""

    values: NDArray[np.float64]  # (n genomes, n columns); NaN: the genome has none
    is_nominal: NDArray[np.bool_]  # (n columns,); values are codes, equal or not
    gap_weights: NDArray[np.float64]  # (n columns,)
    """What the gap between two values counts."""
    absence_weights: NDArray[np.float64]  # (n columns,)
    """What it counts that only one of two genomes has a value."""

    def mean_distance(self, rows: Sequence[int]) -> float | None:
        """Return the mean distance over the pairs of these genomes; None for fewer than two.

        Exact and without a loop over pairs: the sum of the gaps of sorted values x_0 <= ... is
        sum_i (2 i - n + 1) x_i, and of n things with counts c the unequal pairs are
        (n^2 - sum c^2) / 2.
        """
        count = len(rows)
        if count < 2:
            return None
        chosen = self.values[np.asarray(rows)]
        present = (~np.isnan(chosen)).sum(axis=0)
        ranked = np.sort(chosen, axis=0)  # NaN last
        places = 2.0 * np.arange(count)[:, None] - present + 1
        gaps = np.where(np.isnan(ranked), 0.0, places * ranked).sum(axis=0)
        for column in np.flatnonzero(self.is_nominal):
            codes = ranked[: present[column], column]
            counts = np.unique(codes, return_counts=True)[1].astype(np.float64)
            gaps[column] = (present[column] ** 2 - (counts**2).sum()) / 2
        lonely = present * (count - present)
        total = self.gap_weights @ gaps + self.absence_weights @ lonely
        return float(total / (count * (count - 1) / 2))


def ruler(spaces: Sequence[Sequence[LoggedGene]]) -> Ruler:
    """Return the ruler for genomes of all these spaces."""
    domains: dict[str, list[ScalarDomain | Simplex]] = {}
    for genes in spaces:
        for gene in genes:
            domains.setdefault(gene.name, []).append(gene.domain)
    hulls = {name: _hull(of_gene) for name, of_gene in domains.items()}
    length = hulls.get(LENGTH)
    return Ruler(
        scales=tuple((name, hull) for name, hull in hulls.items() if not hull.is_fixed),
        max_layers=1 if length is None else _greatest(length),
    )


def measured(ruler: Ruler, table: GenomeTable) -> Measured:
    """Lay the genomes of one space on the ruler, row by row."""
    by_name = {gene.name: gene for gene in table.genes}
    columns: list[NDArray[np.float64]] = []
    nominal: list[bool] = []
    gap_weights: list[float] = []
    absence_weights: list[float] = []
    for name, scale in ruler.scales:
        gene = by_name.get(name)
        if gene is None:
            continue  # no genome of this space has it: the same in all of them
        values = table.values[name]
        match scale:
            case Simplex(size=size):
                made = _shares(values, size)
                gap, absence = [0.5] * size, [1.0, *[0.0] * (size - 1)]
            case _ if gene.is_per_layer:
                made = _layers(scale, values, ruler.max_layers)
                gap = absence = [1.0 / ruler.max_layers] * ruler.max_layers
            case _:
                made, gap, absence = [_units(scale, values)], [1.0], [1.0]
        columns += made
        nominal += [isinstance(scale, Choice)] * len(made)
        gap_weights += gap
        absence_weights += absence
    shape = len(table.rows), len(columns)
    counted = max(1, len(ruler.scales))
    return Measured(
        values=np.stack(columns, axis=1) if columns else np.empty(shape),
        is_nominal=np.array(nominal, dtype=np.bool_),
        gap_weights=np.array(gap_weights) / counted,
        absence_weights=np.array(absence_weights) / counted,
    )


def _units(scale: ScalarDomain, values: Sequence[JSON]) -> NDArray[np.float64]:
    """Return each value's place in [0, 1], or its code on a nominal scale; NaN for none."""
    if isinstance(scale, Choice):
        codes: dict[tuple[str, JSON], float] = {}
        placed: list[float] = []
        for value in values:
            plain = tuple(value) if isinstance(value, list) else value
            key = type(plain).__name__, plain  # True is not 1
            placed.append(math.nan if plain is None else codes.setdefault(key, float(len(codes))))
        return np.array(placed)
    numbers = np.array([math.nan if value is None else value for value in values])
    different, places = np.unique(numbers, return_inverse=True)  # NaN once, at the end
    units = [math.nan if math.isnan(v) else scale.to_unit(v) for v in different.tolist()]
    return np.array(units)[places]


def _layers(
    scale: ScalarDomain, values: Sequence[JSON], max_layers: int
) -> list[NDArray[np.float64]]:
    return [
        _units(scale, [None if v is None or len(v) <= at else v[at] for v in values])
        for at in range(max_layers)
    ]


def _shares(values: Sequence[JSON], size: int) -> list[NDArray[np.float64]]:
    # parts that a space does not have are shares of 0
    absent = [math.nan] * size
    padded = [absent if v is None else [*v, *[0.0] * (size - len(v))] for v in values]
    return list(np.array(padded, dtype=np.float64).reshape(len(values), size).T)


def _greatest(length: Scale) -> int:
    match length:
        case Integer(top=top):
            return top
        case Choice(values=values):
            return max((v for v in values if isinstance(v, int)), default=1)
    return 1


def _hull(domains: Sequence[ScalarDomain | Simplex]) -> Scale:
    *_, hull = accumulate(domains, _joined)
    return hull


def _joined(a: Scale, b: Scale) -> Scale:
    """Return the narrowest scale that holds both domains."""
    match a, b:
        case _ if a == b:
            return a
        case Choice(), Choice():
            return Choice(a.values + tuple(v for v in b.values if not a.contains(v)))
        case Simplex(), Simplex():
            return a if a.size > b.size else b
        case (Simplex() as wide, Choice()) | (Choice(), Simplex() as wide):
            return wide
        case (Choice() as few, (Real() | Integer()) as wide) | (
            (Real() | Integer()) as wide,
            Choice() as few,
        ):
            # one space gives an interval, the other fixes the gene or gives a few values
            numbers = [v for v in few.values if isinstance(v, int | float)]
            return _interval(wide, numbers, log=False) if numbers else few
        case ((Real() | Integer()), (Real() | Integer())):
            ends = [b.low, b.high if isinstance(b, Real) else b.top]
            ends += [b.low + b.step] if isinstance(b, Integer) and not b.is_fixed else []
            return _interval(a, ends, log=b.log)
    raise AssertionError("every pair of scales has its hull")


def _interval(wide: Real | Integer, more: Sequence[float], *, log: bool) -> Real | Integer:
    """Return the scale stretched to more values; integers keep a grid on which all of them lie."""
    top = wide.high if isinstance(wide, Real) else wide.top
    low, high = min(wide.low, *more), max(top, *more)
    log = (wide.log or log) and low > 0
    if isinstance(wide, Integer) and all(float(v).is_integer() for v in more):
        step = math.gcd(wide.step, *(int(v) - wide.low for v in more))
        return Integer(int(low), int(high), step=step, log=log)
    return Real(low, high, log=log)
