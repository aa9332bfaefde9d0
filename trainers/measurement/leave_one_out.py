"""Leave-one-out: the rise of the loss when one component is removed, Delta_k = L(1 - e_k) - L(1).

The ground truth for removing one (DESIGN 4.3). It holds for the present model alone: of two heads
that do the same, each has Delta = 0, and both together have not. Remove one, measure again.
"""

from __future__ import annotations

import math
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeaveOneOut:
    """What the loss rises by without each component, all others of the base present."""

    components: tuple[ComponentId, ...]
    delta: NDArray[np.float64]  # (n,), nats per token; above 0: the component helps
    standard_error: NDArray[np.float64]  # (n,), over sequences, paired
    base_loss: float
    """L with the whole base, nats per token."""
    sequences: int
    ablation: Ablation
    spent: Spent

    @property
    def flops(self) -> float:
        """What the measurement is charged with."""
        return self.spent.flops


def measure_leave_one_out(
    model: Transformer,
    batches: Sequence[EvaluationBatch],
    *,
    components: Sequence[ComponentId] | None = None,
    base: frozenset[ComponentId] | None = None,
    ablation: Ablation = "zero",
    among: Components | None = None,
    progress: Callable[[int], None] | None = None,
) -> LeaveOneOut:
    """Measure Delta_k of some components, or of all that are present.

    Args:
        model: On any device; it is evaluated without dropout.
        batches: Game batches; 2 sequences or more in all, of one length.
        components: Which to leave out in turn, all of the base; all of the base by default.
        base: The components that are present; all by default. Measure again with a smaller base
            after something has been removed.
        ablation: What stands in for components that are off.
        among: The components of the model, where its feed-forward blocks are in groups.
        progress: Called as coalitions are done, see `coalition_losses`.

    Raises:
        ValueError: A component is not of the base, none is measured, batches break their law, or a
            loss is not finite.
    """
    every = components_of(model.architecture) if among is None else among
    present = frozenset(every.ids) if base is None else base
    chosen = tuple(c for c in every.ids if c in present) if components is None else components
    chosen = tuple(chosen)
    absent = [c for c in chosen if c not in present]
    if absent or not chosen:
        found = f"{absent[0]} that is not" if absent else "none"
        raise ValueError(
            f"The components to leave out are of the base, at least one, but got {found}. Measure "
            f"those that are present."
        )
    rows = np.repeat(every.row(present)[None], len(chosen) + 1, axis=0)
    rows[np.arange(1, len(chosen) + 1), every.places(chosen)] = False
    measured = coalition_losses(
        model, batches, rows, components=every, ablation=ablation, progress=progress
    )
    rise = measured.losses[1:] - measured.losses[0]
    return LeaveOneOut(
        components=chosen,
        delta=rise.mean(axis=1),
        standard_error=standard_error(rise),
        base_loss=float(measured.losses[0].mean()),
        sequences=measured.losses.shape[1],
        ablation=ablation,
        spent=measured.spent,
    )


def least_by_proxy(
    components: Sequence[ComponentId],
    proxy: NDArray[np.float64],  # (n,), the everyday utilities, nats per token
    *,
    fraction: float = 0.1,
) -> tuple[ComponentId, ...]:
    """Return the candidates for removal: the bottom decile by the everyday proxy, at least one.

    Ties go to the earlier component.

    Raises:
        ValueError: There is not one finite proxy a component, or `0 < fraction <= 1` is broken.
    """
    values = np.asarray(proxy, dtype=np.float64)
    if values.shape != (len(components),) or not components or not np.isfinite(values).all():
        raise ValueError(
            f"Each of the {len(components)} components has one finite proxy, but got the shape "
            f"{values.shape}. Measure the utilities first (utility_every > 0)."
        )
    if not 0 < fraction <= 1:
        raise ValueError(f"`0 < fraction <= 1` must hold, but got fraction={fraction}.")
    count = max(1, math.floor(fraction * len(components)))
    return tuple(components[at] for at in np.argsort(values, kind="stable")[:count].tolist())
