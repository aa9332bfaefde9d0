"""Kaplan against Chinchilla: which convention moves the exponent by how much.

Pearce & Song 2024 (arXiv:2406.12907): counting without embeddings at small scale turns an exponent
near 0.5 into one near 0.75. Porian et al. 2024 (arXiv:2406.19146): the FLOPs of the last layer, a
warm-up too long for small runs and a learning rate not tuned per scale do the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.laws.fitting.bootstrap import bootstrap
from orchestrator.laws.fitting.fit import fit
from orchestrator.laws.forms.chinchilla import LAW as CHINCHILLA

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestrator.laws.fitting.losses import Loss
    from orchestrator.laws.law import Array

PEARCE_SONG_OMEGA = 47491.0
"""N_total = N + omega N^(1/3), N without embeddings: fit to the Chinchilla models' shapes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Runs with what the conventions need; a missing column turns its convention off.

    Args:
        size: Parameters without embeddings, (n,).
        tokens: Training tokens, (n,).
        loss: nats/token, (n,).
        embedding: Embedding (and unembedding) parameters, (n,).
        head_flops: FLOPs per token of the last layer, forward and backward, (n,).
        warmup_tokens: Tokens of warm-up, (n,).
        learning_rate: Peak learning rate, (n,).
    """

    size: Array
    tokens: Array
    loss: Array
    embedding: Array | None = None
    head_flops: Array | None = None
    warmup_tokens: Array | None = None
    learning_rate: Array | None = None

    def keep(self, mask: NDArray[np.bool_]) -> Runs:
        """Keep some rows of every column."""

        def cut(values: Array | None) -> Array | None:
            return None if values is None else values[mask]

        return Runs(
            size=self.size[mask], tokens=self.tokens[mask], loss=self.loss[mask],
            embedding=cut(self.embedding), head_flops=cut(self.head_flops),
            warmup_tokens=cut(self.warmup_tokens), learning_rate=cut(self.learning_rate),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Convention:
    """How runs are counted and chosen. The defaults are Chinchilla's; `KAPLAN` is the other end."""

    count_embeddings: bool = True
    count_head_flops: bool = True
    drop_warmup_bound: bool = True
    tune_learning_rate: bool = True


KAPLAN = Convention(
    count_embeddings=False, count_head_flops=False, drop_warmup_bound=False,
    tune_learning_rate=False,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponent:
    """The exponent a of N* ~ C^a under one convention.

    `shift` is its distance from the Chinchilla convention.
    """

    label: str
    exponent: float
    interval: tuple[float, float]
    shift: float
    runs: int


def applicable(runs: Runs) -> dict[str, Convention]:
    """List the conventions that the columns allow: Chinchilla's, one change each, Kaplan's."""
    listed = {"chinchilla": Convention()}
    if runs.embedding is not None:
        listed["without embedding parameters"] = Convention(count_embeddings=False)
    if runs.head_flops is not None:
        listed["without last-layer FLOPs"] = Convention(count_head_flops=False)
    if runs.warmup_tokens is not None:
        listed["with runs bound by warm-up"] = Convention(drop_warmup_bound=False)
    if runs.learning_rate is not None:
        listed["one learning rate for all scales"] = Convention(tune_learning_rate=False)
    listed["kaplan (all of these)"] = KAPLAN
    return listed


def counted(runs: Runs, convention: Convention) -> tuple[Runs, Array, Array]:
    """Apply a convention: the runs that stay, their N, and their FLOPs.

    FLOPs are 6 N D by the counted N; where the last layer's are known they are those of the body
    and, if counted, of that layer (looking embeddings up costs nothing). A run bound by warm-up has
    fewer than four times its warm-up tokens. Without tuning, the one learning rate that serves the
    most (N, D) pairs is used everywhere.
    """
    keep = np.ones(runs.size.size, dtype=bool)
    if convention.drop_warmup_bound and runs.warmup_tokens is not None:
        keep &= runs.tokens >= 4.0 * runs.warmup_tokens
    runs = runs.keep(keep)
    if runs.learning_rate is not None:
        runs = runs.keep(_chosen_rates(runs, tune=convention.tune_learning_rate))
    size = runs.size
    if runs.embedding is not None and convention.count_embeddings:
        size = size + runs.embedding
    if runs.head_flops is None:
        return runs, size, 6.0 * size * runs.tokens
    head = runs.head_flops if convention.count_head_flops else 0.0
    return runs, size, (6.0 * runs.size + head) * runs.tokens


def _chosen_rates(runs: Runs, *, tune: bool) -> NDArray[np.bool_]:
    """Keep one run of each (N, D): the best learning rate, or the one most pairs have."""
    assert runs.learning_rate is not None
    pairs = np.stack([runs.size, runs.tokens], axis=1)
    _, label = np.unique(pairs, axis=0, return_inverse=True)
    label = label.ravel()
    keep = np.zeros(runs.size.size, dtype=bool)
    rates, serves = np.unique(runs.learning_rate, return_counts=True)
    common = rates[np.argmax(serves)]
    for k in range(int(label.max()) + 1):
        rows = np.flatnonzero(label == k)
        if tune:
            keep[rows[np.argmin(runs.loss[rows])]] = True
        else:
            keep[rows[np.argmin(np.abs(np.log(runs.learning_rate[rows] / common)))]] = True
    return keep


def reconcile(
    runs: Runs, *, loss: Loss, rng: np.random.Generator, resamples: int = 200
) -> list[Exponent]:
    """Refit the table under every applicable convention and list the exponents.

    Under each, L = E + A/N^alpha + B/D'^beta is fitted with D' = C/(6N), so that what is called
    compute enters; a = beta/(alpha + beta).
    """
    results: list[Exponent] = []
    for label, convention in applicable(runs).items():
        kept, size, flops = counted(runs, convention)
        effective = flops / (6.0 * size)
        fitted = fit(CHINCHILLA, (size, effective), kept.loss, loss=loss)
        drawn = bootstrap(fitted, resamples=resamples, rng=rng)
        value, low, high = drawn.interval_of(lambda t: t[:, 4] / t[:, 3:].sum(axis=1))
        first = results[0].exponent if results else float(value)
        results.append(
            Exponent(
                label=label,
                exponent=float(value),
                interval=(float(low), float(high)),
                shift=float(value) - first,
                runs=kept.size.size,
            )
        )
    return results


def kaplan_view(
    theta: Array,  # (5,): E, A, B, alpha, beta in total parameters
    flops: Array,  # (m,), FLOPs without embeddings, 6 N D
    *,
    omega: float = PEARCE_SONG_OMEGA,
) -> tuple[Array, Array]:
    """N* without embeddings and its local exponent: what Kaplan sees in a Chinchilla world.

    Minimises L(N + omega N^(1/3), D) over N at C = 6 N D (Pearce & Song 2024, section 3); (m,)
    each.
    The local exponent tends to the true one as budgets grow.
    """
    _, a, b, alpha, beta = theta

    # d/dlog N of A N_T^-alpha + B (6N/C)^beta vanishes; the left side falls, the right side rises.
    def slope(log_n: Array) -> Array:
        n = np.exp(log_n)
        total = n + omega * np.cbrt(n)
        part = (n + omega * np.cbrt(n) / 3.0) / total
        falling = alpha * a * total**-alpha * part
        rising = beta * b * (6.0 * n / flops) ** beta
        return np.asarray(np.log(rising) - np.log(falling))

    low, high = np.zeros_like(flops), np.log(flops)
    for _ in range(100):
        middle = 0.5 * (low + high)
        positive = slope(middle) > 0
        high = np.where(positive, middle, high)
        low = np.where(positive, low, middle)
    log_n = 0.5 * (low + high)
    return np.exp(log_n), np.gradient(log_n, np.log(flops))


__all__ = [
    "KAPLAN", "Convention", "Exponent", "Runs", "applicable", "counted", "kaplan_view", "reconcile",
]  # fmt: skip
