"""Pair interactions at the present model: are two components substitutes or complements?

    I_kl = v(N) - v(N - k) - v(N - l) + v(N - k - l)

the second derivative of v at the whole model (Grabisch and Roubens 1999, for the difference). Below
0: substitutes, the one can do without what the other does; above 0: complements.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trainers.measurement.coalitions import coalition_losses, standard_error
from trainers.measurement.components import components_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from trainers.data import EvaluationBatch
    from trainers.measurement.components import ComponentId, Components
    from trainers.measurement.gates import Ablation
    from trainers.measurement.spent import Spent
    from trainers.model import Transformer

Pair = tuple["ComponentId", "ComponentId"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairInteractions:
    """Interactions of chosen pairs, and the leave-one-out values of all that are in one."""

    pairs: tuple[Pair, ...]
    values: NDArray[np.float64]  # (pairs,), nats per token
    standard_error: NDArray[np.float64]  # (pairs,), over sequences, paired
    components: tuple[ComponentId, ...]
    delta: NDArray[np.float64]  # (n,), leave-one-out, nats per token
    delta_error: NDArray[np.float64]  # (n,)
    base_loss: float
    sequences: int
    ablation: Ablation
    spent: Spent


def measure_pair_interactions(
    model: Transformer,
    batches: Sequence[EvaluationBatch],
    *,
    pairs: Sequence[Pair] | None = None,
    base: frozenset[ComponentId] | None = None,
    ablation: Ablation = "zero",
    among: Components | None = None,
    progress: Callable[[int], None] | None = None,
) -> PairInteractions:
    """Measure the interactions of chosen pairs, or of all pairs that are present.

    Args:
        model: On any device; it is evaluated without dropout.
        batches: Game batches; 2 sequences or more in all, of one length.
        pairs: Of different components of the base; all pairs of the base by default.
        base: The components that are present; all by default.
        ablation: What stands in for components that are off.
        among: The components of the model, where its feed-forward blocks are in groups.
        progress: Called as coalitions are done, see `coalition_losses`.

    Raises:
        ValueError: There is no pair, or one is not of two different components of the base.
    """
    every = components_of(model.architecture) if among is None else among
    present = frozenset(every.ids) if base is None else base
    if pairs is None:
        pairs = tuple(itertools.combinations([c for c in every.ids if c in present], 2))
    for k, l in pairs:  # noqa: E741 (k and l, as in the formula)
        if k == l or k not in present or l not in present:
            raise ValueError(
                f"A pair is of two different components of the base, but got {k} and {l}. Leave "
                f"out pairs of those that are absent."
            )
    if not pairs:
        raise ValueError("At least one pair must be given, but got none.")
    in_pairs = {c for pair in pairs for c in pair}
    chosen = tuple(c for c in every.ids if c in in_pairs)
    column = dict(zip(chosen, every.places(chosen), strict=True))
    rows = np.repeat(every.row(present)[None], 1 + len(chosen) + len(pairs), axis=0)
    single = {c: 1 + i for i, c in enumerate(chosen)}
    for c, row in single.items():
        rows[row, column[c]] = False
    for row, pair in enumerate(pairs, start=1 + len(chosen)):
        rows[row, [column[c] for c in pair]] = False
    measured = coalition_losses(
        model, batches, rows, components=every, ablation=ablation, progress=progress
    )
    whole, losses = measured.losses[0], measured.losses
    first = losses[[single[k] for k, _ in pairs]]
    second = losses[[single[l] for _, l in pairs]]  # noqa: E741
    samples = first + second - whole - losses[1 + len(chosen) :]
    rise = losses[1 : 1 + len(chosen)] - whole
    return PairInteractions(
        pairs=tuple(pairs),
        values=samples.mean(axis=1),
        standard_error=standard_error(samples),
        components=chosen,
        delta=rise.mean(axis=1),
        delta_error=standard_error(rise),
        base_loss=float(whole.mean()),
        sequences=losses.shape[1],
        ablation=ablation,
        spent=measured.spent,
    )
