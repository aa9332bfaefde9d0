"""Observational law: error from principal capabilities (Ruan et al. 2024, arXiv:2405.10938)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, coefficient


# E(S) = h sigma(w . S + b), S the first three principal components of benchmark scores
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    height, first, second, third, shift = p
    s = 1.0 / (1.0 + np.exp(-(first * x[0] + second * x[1] + third * x[2] + shift)))
    slope = height * s * (1.0 - s)
    return height * s, (s, slope * x[0], slope * x[1], slope * x[2], slope)


def capabilities(
    scores: Array,  # (models, benchmarks)
    components: int = 3,
) -> tuple[Array, Array]:
    """Extract principal capabilities (models, components), and shares of variance (components,).

    Columns are centred, not scaled, as in the paper; signs make each component rise with the mean
    score.

    Raises:
        ValueError: A score is missing, or fewer models or benchmarks than components.
    """
    if not np.isfinite(scores).all():
        message = "Scores must be finite: impute or drop models with missing benchmarks."
        raise ValueError(message)
    if min(scores.shape) < components:
        message = (
            f"`components <= min(models, benchmarks)` must hold, but got {components} of "
            f"{scores.shape}."
        )
        raise ValueError(message)
    centred = scores - scores.mean(axis=0)
    left, values, right = np.linalg.svd(centred, full_matrices=False)
    signs = np.where(right.sum(axis=1) < 0, -1.0, 1.0)
    share = values**2 / np.sum(values**2)
    return (left * values * signs)[:, :components], share[:components]


def _design(rng: np.random.Generator, count: int) -> tuple[Array, ...]:
    return (
        rng.normal(0.0, 1.5, count),
        rng.normal(0.0, 1.0, count),
        rng.normal(0.0, 1.0, count),
    )


LAW = Law(
    name="observational",
    formula="E = h sigma(w1 S1 + w2 S2 + w3 S3 + b)",
    paper="Ruan et al. 2024 (arXiv:2405.10938), eqs. 3-5",
    inputs=tuple(
        Input(name=f"S{k}", unit="principal capability", span=(-3, 3), positive=False)
        for k in (1, 2, 3)
    ),
    output=Input(name="E", unit="task error or accuracy", span=(0, 1)),
    parameters=(
        coefficient("h", "as E", example=0.9),
        Parameter(name="w1", unit="1/capability", start=(-3, 3), example=1.2),
        Parameter(name="w2", unit="1/capability", start=(-2, 2), example=-0.5),
        Parameter(name="w3", unit="1/capability", start=(-2, 2), example=0.3),
        Parameter(name="b", unit="1", start=(-2, 2), example=-0.4),
    ),
    evaluate=_evaluate,
    residual="identity",
    noise=0.01,
    design=_design,
)
