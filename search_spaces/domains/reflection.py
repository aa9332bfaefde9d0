"""Reflection of steps that would leave the unit interval."""

from __future__ import annotations


def reflect(unit: float) -> float:
    """Fold the real line into [0, 1] as if its ends were mirrors.

    Clipping instead would pile mutants up on the bounds.

    >>> [round(reflect(u), 3) for u in (-0.1, 0.4, 1.3, 2.2)]
    [0.1, 0.4, 0.7, 0.2]
    """
    folded = unit % 2.0
    return 2.0 - folded if folded > 1.0 else folded
