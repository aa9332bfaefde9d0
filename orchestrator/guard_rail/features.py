"""Statistics of a member's game: features of a prediction, never rewards (DESIGN 4.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search_spaces.gpt.role_cost import role_flops

if TYPE_CHECKING:
    from orchestrator.component_game import ComponentGame
    from orchestrator.events import JSON
    from search_spaces.gpt.architecture import Architecture

FEATURES = ("share_divergence", "effective_number", "negative_mass", "dead_heads")
"""KL divergence of utility shares from resource shares, nats; exp(entropy of the utility shares) as
a share of the components; what left-out components cost the model as a share of all that they
change; share of heads whose utility does not exceed its noise, or 1 % of the heads' mean."""
DEAD = 0.01


def features(
    utilities: dict[str, JSON] | None, game: ComponentGame | None, architecture: Architecture
) -> tuple[float, ...] | None:
    """Return the statistics in the order of `FEATURES`; none where utilities were not measured.

    Args:
        utilities: Of a report: means and standard errors, nats per token.
        game: Its component game; without one no negative mass is known, and it counts as 0.
        architecture: Of the member.
    """
    if utilities is None:
        return None
    heads, errors = (np.concatenate(utilities[name]) for name in ("heads", "heads_se"))
    utility = np.concatenate([heads, utilities["ffn"]])
    flops = role_flops(architecture, sequence_length=architecture.context_length)
    resources = np.concatenate(
        [
            *(
                np.full(n, f / n)
                for n, f in zip(architecture.num_heads, flops.attention, strict=True)
            ),
            flops.ffn,
        ]
    )
    if utility.size != resources.size or not utility.sum() > 0:
        return None
    p, q = utility / utility.sum(), resources / resources.sum()
    present = p > 0
    logarithms = np.log(p[present])
    deltas = np.array([m.delta for m in game.measured]) if game is not None else np.zeros(0)
    moved = float(np.abs(deltas).sum())
    return (
        float((p[present] * (logarithms - np.log(q[present]))).sum()),
        float(np.exp(-(p[present] * logarithms).sum()) / p.size),
        float(np.maximum(-deltas, 0.0).sum()) / moved if moved > 0 else 0.0,
        float(((heads <= 2 * errors) | (heads <= DEAD * heads.mean())).mean()),
    )
