"""Payoff sharing: a component's update is scaled by (u_k / mean u)^kappa, within [1/4, 4].

u_k is the measured utility of a head or a feed-forward block, and the mean is that of its kind:
what attention as a whole earns beside the feed-forward blocks is the matter of the learning-rate
multipliers. What several heads share (a key-value head, the norms of the layer's attention) is
scaled by the mean utility of those who share it. A utility that is not above 2 standard errors
scales nothing, and neither does kappa = 0.

The update itself is scaled, not its gradient: AdamW, Lion and Muon take no notice of the size of a
gradient. Weight decay is part of the update, as it is for the multipliers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from trainers.distributed.alone import ALONE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from search_spaces.gpt.architecture import Architecture
    from trainers.attribution import Utilities
    from trainers.distributed.alone import Alone
    from trainers.distributed.ranks import Ranks
    from trainers.optimizers import UpdateRule

LEAST, MOST = 0.25, 4.0
MARGIN = 2.0
"""Standard errors that a utility must exceed before anything acts on it."""

Scales = tuple[tuple["Tensor", "Tensor"], ...]
"""(parameter, factors of its update that broadcast over it), those that are not 1 only."""


def shares(
    utility: NDArray[np.float64],  # (n,), nats per token
    error: NDArray[np.float64],  # (n,), standard errors
    *,
    mean: float,
    exponent: float,
) -> NDArray[np.float64]:  # (n,), in [1/4, 4]
    """Return (u / mean)^exponent within its bounds; 1 where u is not above its noise.

    >>> u = np.array([1.0, 3.0])
    >>> shares(u, np.zeros(2), mean=2.0, exponent=1.0)
    array([0.5, 1.5])
    """
    acts = (utility > MARGIN * error) & (mean > 0)
    ratio = np.where(acts, utility, 1.0) / np.where(acts, mean, 1.0)
    shared: NDArray[np.float64] = np.clip(np.where(acts, ratio**exponent, 1.0), LEAST, MOST)
    return shared


def update_scales(
    parameters: Mapping[str, Tensor],
    utilities: Utilities,
    architecture: Architecture,
    *,
    exponent: float,
    ranks: Alone | Ranks = ALONE,
) -> Scales:
    """Return the factors of all updates that payoff sharing changes; none before a measurement.

    Args:
        parameters: Of the model, by name.
        utilities: Of its components.
        architecture: Of the model.
        exponent: kappa.
        ranks: The processes that the parameters are split over.
    """
    if exponent == 0.0 or utilities.weight == 0.0:
        return ()
    a = architecture
    ends = np.cumsum([0, *a.num_heads])
    blocks = slice(ends[-1], ends[-1] + a.num_layers)
    means = (float(utilities.mean[: ends[-1]].mean()), float(utilities.mean[blocks].mean()))
    by_block = shares(
        utilities.mean[blocks], utilities.error[blocks], mean=means[1], exponent=exponent
    )
    factors: dict[str, Tensor] = {}
    for i in range(a.num_layers):
        own = slice(ends[i], ends[i + 1])
        utility, error = utilities.mean[own], utilities.error[own]

        def of_groups(
            groups: int,
            utility: NDArray[np.float64] = utility,
            error: NDArray[np.float64] = error,
        ) -> NDArray[np.float64]:
            size = len(utility) // groups
            joint = np.sqrt(np.square(error).reshape(groups, size).sum(1)) / size
            return shares(
                utility.reshape(groups, size).mean(1), joint, mean=means[0], exponent=exponent
            )

        rows = {
            "query": np.repeat(of_groups(a.num_heads[i]), a.head_dim),
            "key": np.repeat(of_groups(a.num_kv_heads[i]), a.head_dim),
        }
        prefix = f"layers.{i}."
        factors |= {
            f"{prefix}attention.query.": _tensor(rows["query"])[:, None],
            f"{prefix}attention.key.": _tensor(rows["key"])[:, None],
            f"{prefix}attention.value.": _tensor(rows["key"])[:, None],
            f"{prefix}attention.out.": _tensor(rows["query"])[None, :],
            f"{prefix}attention.query_norm.": _tensor(of_groups(1)),
            f"{prefix}attention.key_norm.": _tensor(of_groups(1)),
            f"{prefix}norm_attention.": _tensor(of_groups(1)),
            f"{prefix}ffn.": _tensor(by_block[i : i + 1]),
            f"{prefix}norm_ffn.": _tensor(by_block[i : i + 1]),
        }
    return tuple(
        (ranks.local(parameter), _own_factor(factor, ranks).to(parameter.device))
        for name, parameter in parameters.items()
        for prefix, factor in factors.items()
        if name.startswith(prefix) and bool((factor != 1.0).any())
    )


def _own_factor(factor: Tensor, ranks: Alone | Ranks) -> Tensor:
    """Return the factors of the rows of a parameter that this process keeps."""
    return factor if len(factor) == 1 else ranks.own_part(factor)


def scaled_step(rule: UpdateRule, factor: float, scales: Scales) -> None:
    """Take one step of the rule whose updates are scaled; without scales it is the rule's own."""
    before = [parameter.detach().clone() for parameter, _ in scales]
    rule.step(factor)
    with torch.no_grad():
        for old, (parameter, scale) in zip(before, scales, strict=True):
            parameter.copy_(torch.lerp(old, parameter, scale.expand_as(parameter)))


def _tensor(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
