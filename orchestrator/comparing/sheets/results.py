"""Sheets with one row a search or pair: what was searched, what came out, what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.comparing.sheets.sheet import Sheet
from orchestrator.numerals import count, duration, loss

if TYPE_CHECKING:
    from orchestrator.comparing.comparison import Comparison, Population
    from orchestrator.comparing.significance import Pair

MOST_PAIRS, MOST_UNPAIRED = 10, 3
"""Of more pairs, those with the best winner are shown."""


def searches(comparison: Comparison) -> Sheet:
    """What each search is."""
    rows = []
    for p in comparison.populations:
        setup = p.setup
        closed = f"{len(p.diversity)} of {setup.generations}"
        rows.append(
            (
                p.name,
                p.state if p.reason is None else f"{p.state} ({p.reason.replace('_', ' ')})",
                str(setup.members),
                closed,
                str(setup.seed),
                f"{setup.space}, {len(setup.genes)} genes",
                setup.selection,
                ", ".join(setup.proposers) or "none",
                setup.corpus_digest[:8],
            )
        )
    columns = (
        "search", "state", "members", "generations", "seed", "space", "selection", "proposers",
        "corpus",
    )  # fmt: skip
    return Sheet(anchor="searches", title="Searches", columns=columns, rows=tuple(rows))


def results(comparison: Comparison) -> Sheet:
    """What came out of each search."""
    unit = comparison.unit
    rows = tuple(
        (
            p.name,
            loss(p.best_loss),
            loss(p.mean_best_loss),
            "none" if p.winner is None else p.winner.digest,
            "-" if p.winner is None else count(p.winner.parameters),
            _heldout(p),
            _beside_baseline(p),
        )
        for p in comparison.populations
    )
    columns = (
        "search", "best loss", "mean best loss", "winner", "parameters", "held-out bits/byte",
        "less the default's",
    )  # fmt: skip
    remarks = [f"best loss: the lowest on the selection batches, {unit}"]
    if comparison.common_tokens is None:
        remarks.append("mean best loss: the searches have no number of tokens in common")
    else:
        first, last = comparison.common_tokens
        remarks.append(
            f"mean best loss: area under the best loss from {count(first)} to {count(last)} tokens "
            f"of the population, by these tokens, {unit}"
        )
    remarks.append(
        "less the default's: winner minus the default genome of its size at equal tokens, +/- "
        "standard error; negative: better"
    )
    return Sheet(
        anchor="results", title="Results", columns=columns, rows=rows, remarks=tuple(remarks)
    )


def _heldout(p: Population) -> str:
    if p.winner is None or p.winner.heldout is None:
        return "-"
    return f"{p.winner.heldout.bits_per_byte:.4f}"


def _beside_baseline(p: Population) -> str:
    if p.winner is None or p.winner.beside_baseline is None:
        return "-"
    beside = p.winner.beside_baseline
    error = "" if beside.standard_error is None else f" +/- {beside.standard_error:.4f}"
    return f"{beside.difference:+.4f}{error}"


def significance(comparison: Comparison) -> Sheet:
    """The winners against each other."""
    pairs, remarks = list(comparison.pairs), []
    if len(pairs) > MOST_PAIRS:
        best = min(
            (p for p in comparison.populations if p.winner is not None and p.winner.heldout),
            key=lambda p: p.winner.heldout.bits_per_byte,  # type: ignore[union-attr]
        ).name
        pairs = [pair for pair in pairs if best in {pair.a, pair.b}]
        remarks.append(
            f"of {len(comparison.pairs)} pairs those with the best winner; all are in --json"
        )
    several = len(comparison.pairs) > 1
    rows = tuple(_pair(pair, several=several) for pair in pairs)
    columns = ("winners", "bits/byte", "95 % interval", "p", *(["p (Holm)"] if several else []))
    if pairs:
        batches = sorted({pair.batches for pair in pairs})
        many = "-".join(map(str, dict.fromkeys((batches[0], batches[-1]))))
        remarks.insert(
            0, f"paired bootstrap over {many} held-out batches; negative: the first wins"
        )
    unpaired = comparison.unpaired
    remarks += [f"{u.a} and {u.b} are not paired: {u.reason}" for u in unpaired[:MOST_UNPAIRED]]
    if len(unpaired) > MOST_UNPAIRED:
        remarks.append(f"{len(unpaired) - MOST_UNPAIRED} more are not paired; see --json")
    return Sheet(
        anchor="significance",
        title="Winners on the same held-out batches",
        columns=(*columns, "verdict"),
        rows=rows,
        remarks=tuple(remarks),
    )


def verdict(pair: Pair) -> str:
    """Say in words what a pair shows."""
    if pair.p_adjusted is None:
        return "too few batches to tell"
    if not pair.is_clear:
        return "no clear difference"
    return f"{pair.a if pair.bits_per_byte < 0 else pair.b} is better"


def _pair(pair: Pair, *, several: bool) -> tuple[str, ...]:
    known = pair.low is not None and pair.high is not None
    return (
        f"{pair.a} - {pair.b}",
        f"{pair.bits_per_byte:+.4f}",
        f"[{pair.low:+.4f}, {pair.high:+.4f}]" if known else "-",
        p_value(pair.p_value),
        *([p_value(pair.p_adjusted)] if several else []),
        verdict(pair),
    )


def p_value(p: float | None) -> str:
    """Write a p-value of 9,999 resamples."""
    if p is None:
        return "-"
    return "0.0001" if p <= 0.0001 else f"{p:.4f}" if p < 0.01 else f"{p:.3f}"


def ledger(comparison: Comparison) -> Sheet:
    """What each search spent, and how often it copied and failed."""
    rows = []
    for p in comparison.populations:
        spent, turned = p.spending, p.turnover
        share, winner = spent.inherited_share, spent.winner
        rows.append(
            (
                p.name,
                count(spent.tokens),
                count(spent.flops),
                duration(spent.seconds),
                duration(spent.adoption_seconds),
                str(turned.exploits),
                str(turned.restarts),
                str(turned.failures),
                "-" if share is None else f"{100 * share:.0f} %",
                "-" if winner is None else count(winner.tokens),
                "-" if winner is None else count(winner.flops),
                "-" if winner is None else count(winner.inherited_tokens),
            )
        )
    remarks = [("time: of all workers together; inherited: share of the members' tokens that "
               "donors trained; winner: along its lineage")]  # fmt: skip
    for p in comparison.populations:
        if p.turnover.exploits_by_proposer:
            told = ", ".join(f"{n} {name}" for name, n in p.turnover.exploits_by_proposer)
            remarks.append(f"{p.name}: children by {told}; {p.turnover.donors} donors' states")
        for reason, number in p.turnover.failure_reasons[:3]:
            remarks.append(f"{p.name}: {number} failed: {reason}")
    columns = (
        "search", "tokens", "FLOPs", "training", "adopting", "exploits", "restarts", "failures",
        "inherited", "winner tokens", "winner FLOPs", "of them inherited",
    )  # fmt: skip
    return Sheet(
        anchor="ledger",
        title="Ledger, exploits and failures",
        columns=columns,
        rows=tuple(rows),
        remarks=tuple(remarks),
    )
