"""Sheets with one row a gene: what mattered, and what the survivors have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.comparing.sheets.sheet import Sheet, left_out
from orchestrator.numerals import gene as written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.comparing.comparison import Comparison
    from orchestrator.comparing.gene_values import GeneValues, Values
    from orchestrator.comparing.importance import GeneImportance


def importance(comparison: Comparison, *, most_columns: int, most_rows: int) -> Sheet:
    """Gene importance, overall and by thirds of the budget."""
    shown = [p for p in comparison.populations[:most_columns] if p.importance[0].genes]
    remarks = [
        f"{p.name}: {p.importance[0].reason}"
        for p in comparison.populations[:most_columns]
        if p.importance[0].reason
    ]
    ranking: dict[str, float] = {}
    for p in shown:
        for gene in p.importance[0].genes:
            ranking[gene.gene] = max(ranking.get(gene.gene, 0.0), gene.share)
    names = sorted(ranking, key=lambda name: (-ranking[name], name))
    columns = [
        f"{p.name}: {head}" if len(shown) > 1 else head
        for p in shown
        for head in ("overall", "by thirds")
    ]
    shares = [[{g.gene: g for g in part.genes} for part in p.importance] for p in shown]
    rows = tuple(
        (name, *(cell for parts in shares for cell in _shares(name, parts)))
        for name in names[:most_rows]
    )
    if rows:
        trials = ", ".join(f"{p.name} {p.importance[0].trials}" for p in shown)
        starred = ["*: more than by chance, p <= 0.05 for each gene (shuffled standings)"]
        remarks[:0] = [
            (
                f"{comparison.method}: % of the importance of all genes for the standing of "
                "members in their generation, overall and in each third of the budget"
            ),
            *(starred if comparison.method == "ped-anova" else []),
            f"trials (stretches with one genome): {trials}",
        ]
    more = len(names) - len(rows)
    if more > 0:
        remarks.append(f"{more} more genes are in --json and on the page (--html)")
    return Sheet(
        anchor="importance",
        title="Gene importance",
        columns=("gene", *columns),
        rows=rows,
        remarks=(*remarks, *left_out(len(comparison.populations), most_columns)),
    )


def _shares(name: str, parts: Sequence[dict[str, GeneImportance]]) -> tuple[str, str]:
    overall, *thirds = (part.get(name) for part in parts)
    told = " ".join("-" if third is None else f"{100 * third.share:.0f}" for third in thirds)
    if overall is None:
        return "-", told
    return f"{100 * overall.share:.1f}{' *' if overall.stands_out else ''}", told


def survivors(comparison: Comparison, *, most_columns: int, with_winners: bool) -> Sheet:
    """Gene values of the survivors, beside the winner's if asked for."""
    shown = comparison.populations[:most_columns]
    by_gene = [{value.gene: value for value in p.gene_values} for p in shown]
    several = len(shown) > 1
    parts = ("winner", "survivors") if with_winners else ("survivors",)
    heads = (f"{p.name}: {head}" if several else head for p in shown for head in parts)
    rows = tuple(
        (name, *(cell for each in by_gene for cell in _cells(each.get(name))[-len(parts) :]))
        for name in comparison.ruler_genes
    )
    return Sheet(
        anchor="survivors",
        title="Genes of the survivors",
        columns=("gene", *heads),
        rows=rows,
        remarks=(
            (
                "survivors: members that live at the end; median [lowest, highest] of numbers, how "
                "many have a choice, mean of shares, over all layers together"
            ),
            *left_out(len(comparison.populations), most_columns),
        ),
    )


def _cells(value: GeneValues | None) -> tuple[str, str]:
    if value is None:
        return "-", "-"
    return "-" if value.winner is None else written(value.winner), described(value.survivors)


def described(values: Values) -> str:
    """Write the values of a gene in one line."""
    if values.median is not None and values.low is not None and values.high is not None:
        if values.low == values.high:
            return _number(values.median)
        return f"{_number(values.median)} [{_number(values.low)}, {_number(values.high)}]"
    if values.counts:
        return ", ".join(f"{choice} ({number})" for choice, number in values.counts)
    return written(list(values.mean_shares)) if values.mean_shares else "-"


def _number(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() or abs(value) >= 1000 else written(value)
