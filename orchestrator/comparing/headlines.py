"""The comparison in a few sentences: what to take away, and what it does not show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.numerals import count

if TYPE_CHECKING:
    from orchestrator.comparing.comparison import Comparison, Population
    from orchestrator.comparing.significance import Pair

MOST = 3
"""Sentences on pairs."""


def headlines(comparison: Comparison) -> tuple[str, ...]:
    """Return the sentences: efficiency, winners, the default genome."""
    return (*_efficiency(comparison), *_winners(comparison), *_baselines(comparison))


def _efficiency(comparison: Comparison) -> tuple[str, ...]:
    common = comparison.common_tokens
    known = [
        (p.mean_best_loss, p.name) for p in comparison.populations if p.mean_best_loss is not None
    ]
    if common is None or len(known) < 2:
        return ()
    (least, first), (second, other), *_ = sorted(known)
    span = f"from {count(common[0])} to {count(common[1])} tokens"
    if least == second:
        return (f"At equal tokens, {span}, {first} and {other} had the same loss in hand.",)
    # the unit says it: bits per byte stand where the corpora differ
    other_text = "" if comparison.unit == "nats per token" else ", each on its own text"
    told = (
        f"At equal tokens, {span}, {first} had the lowest loss in hand: {least:.4f} "
        f"{comparison.unit} in the mean, {second - least:.4f} below {other}{other_text}."
    )
    return (told,)


def _winners(comparison: Comparison) -> tuple[str, ...]:
    tested = [pair for pair in comparison.pairs if pair.p_adjusted is not None]
    if not tested:
        return tuple(f"{u.a} and {u.b}: {u.reason}." for u in comparison.unpaired[:MOST])
    clear = sorted((p for p in tested if p.is_clear), key=lambda p: -abs(p.bits_per_byte))
    if not clear:
        return ("No two winners differ clearly on the held-out text.",)
    told = tuple(_clear(pair) for pair in clear[:MOST])
    rest = len(clear) - len(told)
    if rest:
        told += (f"Of other pairs of winners {rest} differ clearly.",)
    equal = len(tested) - len(clear)
    if equal:
        told += (
            "One pair of winners does not differ clearly."
            if equal == 1
            else f"{equal} pairs of winners do not differ clearly.",
        )
    return told


def _clear(pair: Pair) -> str:
    assert pair.low is not None
    assert pair.high is not None
    better, worse = (pair.a, pair.b) if pair.bits_per_byte < 0 else (pair.b, pair.a)
    low, high = sorted((abs(pair.low), abs(pair.high)))
    return (
        f"On held-out text the winner of {better} is better than that of {worse} by "
        f"{abs(pair.bits_per_byte):.4f} bits per byte (95 % interval {low:.4f} to {high:.4f})."
    )


def _baselines(comparison: Comparison) -> tuple[str, ...]:
    return tuple(sentence for p in comparison.populations if (sentence := _baseline(p)) is not None)


def _baseline(p: Population) -> str | None:
    beside = None if p.winner is None else p.winner.beside_baseline
    if beside is None:
        return None
    if not beside.is_clear:
        return f"{p.name}: its winner does not differ clearly from the default genome of its size."
    how = "better" if beside.difference < 0 else "WORSE"
    return (
        f"{p.name}: its winner is {how} than the default genome of its size, trained with the "
        f"same tokens, by {abs(beside.difference):.4f} bits per byte."
    )
