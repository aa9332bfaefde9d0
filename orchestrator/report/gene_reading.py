"""Values of each gene over the generations, decoded from the log's own account of the space."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.report.readings import generations, leading_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.events import JSON, Reported
    from orchestrator.story.telling import Story


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneAccount:
    """A gene as the log describes it."""

    name: str
    half: str
    """architecture or protocol"""
    domain: dict[str, JSON]
    is_per_layer: bool
    condition: tuple[str, tuple[JSON, ...]] | None
    """(gene, values): it counts only while that gene has one of these values."""

    def is_active(self, genes: dict[str, JSON]) -> bool:
        """Return whether the gene counts beside these others."""
        return self.condition is None or genes.get(self.condition[0]) in self.condition[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumericHistory:
    """Numbers by generation; of per-layer genes the mean over the layers."""

    gene: GeneAccount
    values: tuple[tuple[float, ...], ...]
    """Of the members in which the gene counts."""
    leading: tuple[float, ...]
    """Along the leader's lineage; NaN where the gene does not count."""
    leading_from: int
    """The generation in which that lineage began."""
    low: float
    high: float
    is_log: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedHistory:
    """Shares of the options by generation: of members (a choice) or of a mixture (a simplex)."""

    gene: GeneAccount
    options: tuple[str, ...]
    shares: tuple[tuple[float, ...], ...]
    """By generation, one an option; they sum to 1."""
    leading: str
    """The leader's option, or its mixture."""


History = NumericHistory | SharedHistory


def searched_genes(story: Story) -> tuple[GeneAccount, ...]:
    """Return the genes of the space that can have more than one value, in its order."""
    if story.started is None:
        return ()
    accounts = (_account(written) for written in story.started.space.get("genes", ()))
    return tuple(account for account in accounts if not _is_fixed(account.domain))


def flat(genome: dict[str, JSON]) -> dict[str, JSON]:
    """Return the genes of both halves by name."""
    return {name: value for half in genome.values() for name, value in half.items()}


def histories(story: Story) -> tuple[History, ...]:
    """Return what became of every searched gene, in the order of the space."""
    rows = [[_genes(story, report) for report in row] for row in generations(story)]
    leading = leading_path(story)
    path = [_genes(story, report) for report in leading]
    if not rows or not path:
        return ()
    return tuple(
        _numeric(account, rows, path, begin=leading[0].generation)
        if "real" in account.domain or "integer" in account.domain
        else _shared(account, rows, path)
        for account in searched_genes(story)
    )


def spread_left(history: NumericHistory) -> float | None:
    """Return the last generation's middle half as a share of the first one's; None: unknown."""
    held = [row for row in history.values if row]
    if len(held) < 2 or len(held[-1]) < 2:
        return None
    first, last = (_middle_half(row, is_log=history.is_log) for row in (held[0], held[-1]))
    return last / first if first > 0 else None


def _middle_half(values: Sequence[float], *, is_log: bool) -> float:
    low, high = np.quantile(np.log(values) if is_log else values, (0.25, 0.75))
    return float(high - low)


def _account(written: dict[str, JSON]) -> GeneAccount:
    when: dict[str, JSON] = written.get("active_when", {})
    condition = next(((gene, tuple(values)) for gene, values in when.items()), None)
    return GeneAccount(
        name=written["name"],
        half=written["half"],
        domain=written["domain"],
        is_per_layer=bool(written.get("per_layer")),
        condition=condition,
    )


def _is_fixed(domain: dict[str, JSON]) -> bool:
    match domain:
        case {"choice": values}:
            return len(values) < 2
        case {"simplex": size}:
            return int(size) < 2
        case {"real": [low, high]} | {"integer": [low, high]}:
            return bool(low == high)
    return True


def _genes(story: Story, report: Reported) -> dict[str, JSON]:
    return flat(story.orders[report.member, report.generation].genome)


def _number(account: GeneAccount, genes: dict[str, JSON]) -> float:
    """Return the gene's value, of layers the mean; NaN where it does not count."""
    value = genes.get(account.name)
    if value is None or not account.is_active(genes):
        return math.nan
    return fmean(value) if isinstance(value, list | tuple) else float(value)


def _numeric(
    account: GeneAccount,
    rows: list[list[dict[str, JSON]]],
    path: list[dict[str, JSON]],
    *,
    begin: int,
) -> NumericHistory:
    low, high = account.domain.get("real") or account.domain["integer"]
    values = tuple(
        tuple(v for genes in row if not math.isnan(v := _number(account, genes))) for row in rows
    )
    return NumericHistory(
        gene=account,
        values=values,
        leading=tuple(_number(account, genes) for genes in path),
        leading_from=begin,
        low=min([low, *(v for row in values for v in row)]),
        high=max([high, *(v for row in values for v in row)]),
        is_log=bool(account.domain.get("log")),
    )


def _shared(
    account: GeneAccount, rows: list[list[dict[str, JSON]]], path: list[dict[str, JSON]]
) -> SharedHistory:
    if "simplex" in account.domain:
        size = int(account.domain["simplex"])
        mixtures = [
            [genes[account.name] for genes in row if genes.get(account.name) is not None]
            for row in rows
        ]
        return SharedHistory(
            gene=account,
            options=tuple(f"source {number}" for number in range(1, size + 1)),
            shares=tuple(tuple(map(float, np.mean(row, axis=0))) for row in mixtures if row),
            leading=" ".join(f"{share:.2f}" for share in path[-1].get(account.name, ())),
        )
    found = [
        [_word(genes[account.name]) for genes in row if _counts(account, genes)] for row in rows
    ]
    declared = [_word(value) for value in account.domain["choice"]]
    options = [*declared, *sorted({w for row in found for w in row} - set(declared))]
    last = path[-1]
    return SharedHistory(
        gene=account,
        options=tuple(options),
        shares=tuple(
            tuple(row.count(option) / len(row) if row else 0.0 for option in options)
            for row in found
        ),
        leading=_word(last[account.name]) if _counts(account, last) else "not active",
    )


def _counts(account: GeneAccount, genes: dict[str, JSON]) -> bool:
    return genes.get(account.name) is not None and account.is_active(genes)


def _word(value: JSON) -> str:
    """Return a value as run files write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return "[" + " ".join(map(_word, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)
