"""The components of a model, the players of its game, and what each costs.

Order: heads by layer, feed-forward blocks (or their groups of neurons) by layer, the embedding: the
order of `trainers.attribution`.

Costs add up to the model's, norms aside. Query heads that read one key-value head share its cost
equally. The embedding has the tables that read tokens in and out, and the FLOPs of the readout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from search_spaces.gpt.cost import embedding_parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from search_spaces.gpt.architecture import Architecture

ComponentKind = Literal["head", "ffn", "embedding"]


@dataclass(frozen=True, slots=True, order=True)
class ComponentId:
    """One head, one group of a feed-forward block's neurons, or the embedding."""

    kind: ComponentKind
    layer: int = 0
    index: int = 0
    """The head, or the group of neurons."""

    def __str__(self) -> str:
        """Name the component: `head 2.0`, `ffn 1.0`, `embedding`."""
        return self.kind if self.kind == "embedding" else f"{self.kind} {self.layer}.{self.index}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Components:
    """All components of an architecture with their costs; make them by `components_of`."""

    architecture: Architecture
    ffn_groups: int
    """Groups that each feed-forward block's neurons are divided into; 1: blocks are whole."""
    ids: tuple[ComponentId, ...]
    parameters: NDArray[np.float64]  # (n,)
    flops_per_token: NDArray[np.float64]  # (n,), forward

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def blocks(self) -> tuple[slice, ...]:
        """The columns of each block in the order of evaluation.

        The embedding first, then for each layer its heads and its groups of neurons.
        """
        a = self.architecture
        heads = np.concatenate([[0], np.cumsum(a.num_heads)]).tolist()
        first = heads[-1]
        order = [slice(len(self) - 1, len(self))]
        for layer in range(a.num_layers):
            order.append(slice(heads[layer], heads[layer + 1]))
            begin = first + layer * self.ffn_groups
            order.append(slice(begin, begin + self.ffn_groups))
        return tuple(order)

    def places(self, chosen: tuple[ComponentId, ...]) -> list[int]:
        """Return where components stand among all.

        Raises:
            ValueError: The model has not one of them, or one is named twice.
        """
        place = {component: at for at, component in enumerate(self.ids)}
        unknown = [c for c in chosen if c not in place]
        if unknown:
            raise ValueError(
                f"Components must be of the model, which has {len(self)} from {self.ids[0]} to "
                f"{self.ids[-1]}, but got {unknown[0]}. Take them from components_of(architecture)."
            )
        if len(set(chosen)) < len(chosen):
            raise ValueError(
                f"Each component is named once, but got {len(chosen) - len(set(chosen))} twice. "
                f"Leave out the repetitions."
            )
        return [place[c] for c in chosen]

    def row(self, present: frozenset[ComponentId]) -> NDArray[np.bool_]:  # (n,)
        """Return a set of components as a coalition of all."""
        result = np.zeros(len(self), dtype=np.bool_)
        result[self.places(tuple(present))] = True
        return result


def components_of(
    architecture: Architecture, *, ffn_groups: int = 1, sequence_length: int | None = None
) -> Components:
    """Return the components of an architecture and their costs.

    Args:
        architecture: Of the model.
        ffn_groups: Groups of neurons in each feed-forward block; divides every layer's d_ff.
        sequence_length: Tokens, for the FLOPs of attention; the context length by default.

    Raises:
        ValueError: `ffn_groups` does not divide a layer's d_ff.
    """
    a = architecture
    for width in a.d_ff:
        if ffn_groups < 1 or width % ffn_groups:
            raise ValueError(
                f"`ffn_groups` must divide the d_ff of every layer, but got {ffn_groups} for "
                f"{width} neurons. 1 takes each block as a whole."
            )
    length = a.context_length if sequence_length is None else sequence_length
    ids: list[ComponentId] = []
    parameters: list[float] = []
    flops: list[float] = []
    for layer, (heads, kv_heads) in enumerate(zip(a.num_heads, a.num_kv_heads, strict=True)):
        weights = 2 * a.d_model * a.head_dim * (1 + kv_heads / heads)
        for head in range(heads):
            ids.append(ComponentId("head", layer, head))
            parameters.append(weights)
            flops.append(2 * weights + 2 * length * a.head_dim)
    matrices = 3 if a.activation == "swiglu" else 2
    for layer, width in enumerate(a.d_ff):
        weights = matrices * a.d_model * width / ffn_groups
        for group in range(ffn_groups):
            ids.append(ComponentId("ffn", layer, group))
            parameters.append(weights)
            flops.append(2 * weights)
    ids.append(ComponentId("embedding"))
    parameters.append(float(embedding_parameters(a)))
    flops.append(2.0 * a.d_model * a.vocab_size)
    return Components(
        architecture=a,
        ffn_groups=ffn_groups,
        ids=tuple(ids),
        parameters=np.array(parameters),
        flops_per_token=np.array(flops),
    )
