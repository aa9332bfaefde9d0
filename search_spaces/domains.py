"""Domains: the set of values that one gene may take.

A domain is a frozen value. The annotation of a dataclass field is the search space of that gene:
`learning_rate: Annotated[float, Real(1e-4, 1e-2, log=True)]`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Real:
    """Real numbers in `[low, high]`, uniform, or uniform in the logarithm."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True, slots=True)
class Integer:
    """Integers `low, low + step, ..., <= high`; with `log`, drawn uniformly in the logarithm."""

    low: int
    high: int
    step: int = 1
    log: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the given values, without order."""

    values: tuple[bool | int | float | str, ...]


@dataclass(frozen=True, slots=True)
class PerLayer:
    """A vector with one value of `item` for each layer; its length is the gene `length`."""

    item: Real | Integer | Choice
    length: str = "num_layers"


@dataclass(frozen=True, slots=True)
class Simplex:
    """Shares of `size` parts: non-negative numbers that sum to 1."""

    size: int
