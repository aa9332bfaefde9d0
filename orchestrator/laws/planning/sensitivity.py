"""How much a plan depends on what was left out: the first thing to ask of a published fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.laws.fitting.fit import Fit, fit
from orchestrator.laws.planning.parametric import tokens_per_parameter

if TYPE_CHECKING:
    from orchestrator.laws.fitting.losses import Loss
    from orchestrator.laws.law import Array, Law


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A refit with a number of rows left out."""

    dropped: int
    fitted: Fit
    tokens_per_parameter: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """Refits with 0, 1, ..., k of the largest losses left out, and parameters that move together.

    `tied` lists pairs of parameters with their correlation (of logarithms, for positive ones)
    where it exceeds 0.99.
    """

    flops: float
    variants: tuple[Variant, ...]
    tied: tuple[tuple[str, str, float], ...]

    def statement(self) -> str:
        """Say it in one sentence."""
        ratios = [v.tokens_per_parameter for v in self.variants]
        low, high = min(ratios), max(ratios)
        return (
            f"At {self.flops:.3g} FLOPs the optimal tokens per parameter move between {low:.3g} "
            f"and {high:.3g} as 0 to {self.variants[-1].dropped} of the largest losses are left "
            "out."
        )


def sensitivity(
    law: Law,
    inputs: tuple[Array, ...],
    target: Array,
    *,
    flops: float,
    loss: Loss,
    most_dropped: int = 5,
) -> Sensitivity:
    """Refit the Chinchilla law with the largest losses left out one by one."""
    order = np.argsort(-target)
    variants = []
    for dropped in range(most_dropped + 1):
        keep = np.ones(target.size, dtype=bool)
        keep[order[:dropped]] = False
        fitted = fit(law, tuple(x[keep] for x in inputs), target[keep], loss=loss)
        ratio = tokens_per_parameter(fitted.theta[None], np.array([flops]))[0, 0]
        variants.append(Variant(dropped=dropped, fitted=fitted, tokens_per_parameter=float(ratio)))
    return Sensitivity(flops=flops, variants=tuple(variants), tied=tied_parameters(fitted))


def tied_parameters(fitted: Fit, *, least: float = 0.99) -> tuple[tuple[str, str, float], ...]:
    """List pairs of parameters whose coordinates correlate beyond `least`."""
    names, matrix = fitted.law.parameter_names, fitted.identifiability.correlation
    return tuple(
        (names[i], names[j], float(matrix[i, j]))
        for i in range(len(names))
        for j in range(i + 1, len(names))
        if abs(matrix[i, j]) > least
    )
