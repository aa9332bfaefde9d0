"""Heterogeneous layers as uniform ones that compute the same function, padded with zeros.

Legend: C d_model, H query heads, K key-value heads, D head_dim, G = H / K, F hidden units; a prime
marks the padded size. Why each padding is exact:

* a query head whose columns of `out` are 0 adds nothing to the stream, whatever it attends to;
* a key-value head may stand in several places: heads that read one copy or another read the same;
* a hidden unit whose row of `up` (and `gate`) is 0 is 0 after gelu, relu2 and swiglu alike;
* channels of queries, keys and values that are 0 change no score but its scale, 1/sqrt(D'), which
  the queries make up for by sqrt(D'/D); rotary positions then turn the first D channels only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

    from search_spaces.gpt.architecture import Architecture


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What all layers are padded to."""

    heads: int
    kv_heads: int
    head_dim: int
    d_ff: int

    @property
    def group(self) -> int:
        """Query heads that read one key-value head."""
        return self.heads // self.kv_heads


def uniform_shape(
    a: Architecture, *, heads_divide_width: bool, heads_fill_width: bool, grouped: bool
) -> Shape | None:
    """Return the smallest uniform shape that holds every layer; None: there is none.

    Args:
        a: The architecture.
        heads_divide_width: Ask that H' divides C.
        heads_fill_width: Ask that H' D' = C, with D' >= D: the head width follows from the others.
        grouped: Several query heads may read one key-value head; if not, each gets its copy.
    """
    candidates: list[Shape] = []
    # larger groups than any layer's may be fewer heads where H' must divide C
    largest = 2 * max(h // k for h, k in _layers(a)) if grouped else 1
    for group in range(1, largest + 1):
        least = max(k * _copies(h // k, group) for h, k in _layers(a))
        # every H' that divides C is at most C
        for kv_heads in range(least, max(least, a.d_model // group) + 1):
            heads = kv_heads * group
            if (heads_divide_width or heads_fill_width) and a.d_model % heads:
                continue
            head_dim = a.d_model // heads if heads_fill_width else a.head_dim
            if head_dim >= a.head_dim:
                candidates.append(
                    Shape(heads=heads, kv_heads=kv_heads, head_dim=head_dim, d_ff=max(a.d_ff))
                )
                break  # more key-value heads only cost more
    return min(
        candidates, key=lambda s: ((s.heads + s.kv_heads) * s.head_dim, s.heads), default=None
    )


def is_padded(a: Architecture, shape: Shape) -> bool:
    """Return whether any layer is smaller than the shape."""
    return padded_architecture(a, shape) != a


def padded_architecture(a: Architecture, shape: Shape) -> Architecture:
    """Return the uniform architecture."""
    layers = a.num_layers
    return replace(
        a,
        head_dim=shape.head_dim,
        num_heads=(shape.heads,) * layers,
        num_kv_heads=(shape.kv_heads,) * layers,
        d_ff=(shape.d_ff,) * layers,
    )


def pad(tensors: Mapping[str, Tensor], a: Architecture, shape: Shape) -> dict[str, Tensor]:
    """Return the model's tensors, under the same names, in the uniform shape.

    Args:
        tensors: Weights of `trainers.model.Transformer` for `a`, in float32.
        a: The architecture.
        shape: What `uniform_shape` returned.
    """
    padded = dict(tensors)
    scale = math.sqrt(shape.head_dim / a.head_dim)
    for layer, (heads, kv_heads) in enumerate(_layers(a)):
        queries, kvs = _places(heads, kv_heads, shape)
        at = f"layers.{layer}.attention"
        padded[f"{at}.query.weight"] = scale * _rows(
            tensors[f"{at}.query.weight"], queries, shape.heads, a.head_dim, shape.head_dim
        )
        for name in ("key", "value"):
            padded[f"{at}.{name}.weight"] = _rows(
                tensors[f"{at}.{name}.weight"], kvs, shape.kv_heads, a.head_dim, shape.head_dim
            )
        padded[f"{at}.out.weight"] = _rows(
            tensors[f"{at}.out.weight"].T, queries, shape.heads, a.head_dim, shape.head_dim
        ).T.contiguous()
        ffn = f"layers.{layer}.ffn"
        missing = shape.d_ff - a.d_ff[layer]
        for name in ("up", "gate"):
            if f"{ffn}.{name}.weight" in tensors:
                padded[f"{ffn}.{name}.weight"] = torch.nn.functional.pad(
                    tensors[f"{ffn}.{name}.weight"], (0, 0, 0, missing)
                )
        padded[f"{ffn}.down.weight"] = torch.nn.functional.pad(
            tensors[f"{ffn}.down.weight"], (0, missing)
        )
    return padded


def _layers(a: Architecture) -> Iterator[tuple[int, int]]:
    return zip(a.num_heads, a.num_kv_heads, strict=True)


def _copies(readers: int, group: int) -> int:
    """Return how many key-value heads of the file one is copied to."""
    return -(-readers // group)


def _places(
    heads: int, kv_heads: int, shape: Shape
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return (own number, place in the file) of a layer's query heads and key-value heads."""
    readers = heads // kv_heads
    copies = _copies(readers, shape.group)
    queries: list[tuple[int, int]] = []
    kvs: list[tuple[int, int]] = []
    for kv in range(kv_heads):
        kvs += [(kv, kv * copies + copy) for copy in range(copies)]
        for reader in range(readers):
            copy, rest = divmod(reader, shape.group)
            queries.append((kv * readers + reader, (kv * copies + copy) * shape.group + rest))
    return queries, kvs


def _rows(
    weight: Tensor, places: list[tuple[int, int]], count: int, own_dim: int, head_dim: int
) -> Tensor:
    """Put heads' rows (heads * own_dim, C) where they belong in (count * head_dim, C)."""
    width = weight.shape[1]
    result = weight.new_zeros(count, head_dim, width)
    own = weight.reshape(-1, own_dim, width)
    for number, place in places:
        result[place, :own_dim] = own[number]
    return result.reshape(count * head_dim, width)
