"""The best reply of a model's components to a price: which of them would leave (DESIGN 4.5, 4.10).

    Phi(S) = -L(S) - mu cost(S): leaving pays for k where mu c_k > Delta_k, and surely by z errors.

Greedy: the component whose leaving gains most goes, and those that are still likely to leave are
measured again without it, so that of two that do the same only one goes. Only the likeliest are
measured at all: those whose everyday utility is least beside their cost. The embedding stays: no
model can be without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trainers.distributed.alone import ALONE
from trainers.measurement.coalitions import coalition_losses, standard_error
from trainers.measurement.components import components_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trainers.data import EvaluationBatch
    from trainers.distributed.alone import Alone
    from trainers.distributed.ranks import Ranks
    from trainers.measurement.components import ComponentId
    from trainers.model import Transformer

TRAINING_PASSES = 3
"""A token's training takes a forward pass and twice that backward."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BestReply:
    """A model's best reply, and what was measured on the way."""

    removed: tuple[ComponentId, ...]
    """In the order in which they left; S* is all others."""
    rise: float
    """L(S*) - L(all), nats per token."""
    rise_error: float
    """Standard error over sequences, paired."""
    saved_gflops: float
    """GFLOPs of training a token that S* saves."""
    measured: tuple[ComponentId, ...]
    """Those left out of the whole model."""
    delta: NDArray[np.float64]  # (measured,), nats per token
    standard_errors: NDArray[np.float64]  # (measured,)
    gflops: NDArray[np.float64]  # (measured,), GFLOPs of training a token
    components: int
    """Heads and feed-forward blocks that the model has."""
    base_loss: float
    sequences: int
    evaluations: int
    """Coalitions evaluated."""
    flops: float


def best_reply(
    model: Transformer,
    batches: Sequence[EvaluationBatch],
    *,
    price: float,
    proxies: NDArray[np.float64],  # (n,), heads by layer, blocks; nats per token
    margin: float = 2.0,
    evaluations: int = 12,
    ranks: Alone | Ranks = ALONE,
) -> BestReply:
    """Find which components would leave a model, at a price.

    Args:
        model: On any device; it is evaluated without dropout.
        batches: Game batches; 2 sequences or more in all, of one length.
        price: mu, nats per token for one GFLOP of training a token.
        proxies: Everyday utilities: they decide only which components are measured.
        margin: Standard errors by which leaving must pay.
        evaluations: Most coalitions to evaluate, the whole model among them; a quarter is kept for
            measuring again.
        ranks: The processes that the model and the sequences are split over.

    Raises:
        ValueError: A number is out of its range, or a loss is not finite.
    """
    every = components_of(model.architecture)
    players = len(every) - 1  # the embedding is last
    if not (0 <= price < np.inf and 0 <= margin < np.inf and evaluations >= 2):
        raise ValueError(
            f"`price >= 0`, `margin >= 0` and `evaluations >= 2` must hold, but got price={price}, "
            f"margin={margin}, evaluations={evaluations}."
        )
    if proxies.shape != (players,):
        raise ValueError(
            f"Each of the {players} heads and blocks has one proxy, but got the shape "
            f"{proxies.shape}. Leave out the embedding's."
        )
    gflops = TRAINING_PASSES * every.flops_per_token[:players] / 1e9
    costs = price * gflops
    likeliest = np.argsort(proxies - costs, kind="stable")
    candidates = likeliest[: max(1, min(players, (evaluations - 1) * 3 // 4))].tolist()
    present = np.ones(len(every), dtype=np.bool_)
    base: NDArray[np.float64] | None = None  # losses of the whole model
    here: NDArray[np.float64] | None = None  # losses of those present, (sequences,)
    whole: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    first = tuple(candidates)
    removed: list[int] = []
    spent, flops = 0, 0.0
    while candidates and (room := evaluations - spent - (here is None)) > 0:
        candidates = candidates[:room]
        rows = np.repeat(present[None], len(candidates), axis=0)
        rows[np.arange(len(candidates)), candidates] = False
        if here is None:
            rows = np.concatenate([present[None], rows])
        found = coalition_losses(model, batches, rows, components=every, ranks=ranks)
        spent, flops = spent + len(rows), flops + found.spent.flops
        losses = found.losses
        if here is None:
            base = here = losses[0]
            losses = losses[1:]
        rises = losses - here
        delta, error = rises.mean(axis=1), standard_error(rises)
        if whole is None:
            whole = delta, error
        gains = costs[candidates] - delta - margin * error
        order = np.argsort(-gains, kind="stable")
        if not gains[order[0]] > 0:
            break
        leaves = int(order[0])
        removed.append(candidates[leaves])
        present[candidates[leaves]] = False
        here = losses[leaves]
        candidates = [candidates[at] for at in order[1:].tolist() if gains[at] > 0]
    assert base is not None
    assert here is not None
    assert whole is not None
    rise = here - base
    return BestReply(
        removed=tuple(every.ids[at] for at in removed),
        rise=float(rise.mean()),
        rise_error=float(standard_error(rise)),
        saved_gflops=float(gflops[removed].sum()),
        measured=tuple(every.ids[at] for at in first),
        delta=whole[0],
        standard_errors=whole[1],
        gflops=gflops[list(first)],
        components=players,
        base_loss=float(base.mean()),
        sequences=len(base),
        evaluations=spent,
        flops=flops,
    )
