"""The roles of components in the allocation game, and their shares of the FLOPs (DESIGN 4.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainers.measurement.components import components_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from search_spaces.gpt.architecture import Architecture
    from trainers.measurement.components import ComponentId

ROLES = ("attention", "ffn", "embedding")
_ROLE = {"head": 0, "ffn": 1, "embedding": 2}


def role_of(component: ComponentId) -> int:
    """Return the place of a component's role in ROLES."""
    return _ROLE[component.kind]


def flops_shares(architecture: Architecture) -> NDArray[np.float64]:  # (3,), sums to 1
    """Return each role's share of the FLOPs of a token's forward pass."""
    components = components_of(architecture)
    roles = [role_of(c) for c in components.ids]
    flops = np.bincount(roles, weights=components.flops_per_token, minlength=len(ROLES))
    shares: NDArray[np.float64] = flops / flops.sum()
    return shares


def role_coalitions(components: tuple[ComponentId, ...]) -> NDArray[np.bool_]:  # (8, n)
    """Return the coalitions of whole roles, in the order of masks: attention is bit 0."""
    roles = np.array([role_of(c) for c in components])
    masks = np.arange(1 << len(ROLES))
    coalitions: NDArray[np.bool_] = (masks[:, None] >> roles & 1).astype(np.bool_)
    return coalitions
