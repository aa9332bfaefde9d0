"""Change the width of heads.

Without qk-norm growing is exact: new channels of the queries are zero and those of the keys
random, so that they add nothing to a score and still learn; queries are scaled by sqrt(D'/D)
because attention divides scores by the root of the width; new value channels are random and their
output columns zero. Under rotary positions a pair of channels keeps its frequency base^(-2 i /
D): pair i becomes pair i D'/D, which exists when D divides D'. With qk-norm the random keys enter
the norm: not exact. Narrowing keeps the same frequencies, or without rotary the channels of most
weight.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from trainers.morphism.initial import draw
from trainers.morphism.usefulness import best
from trainers.morphism.weight import NEW, Weight, scale, take

if TYPE_CHECKING:
    from torch import Tensor

    from search_spaces.gpt.architecture import Architecture
    from trainers.morphism.draft import Draft


def move_head_dim(draft: Draft, child: Architecture, generator: torch.Generator) -> Draft:
    """Match the child's head_dim in every layer."""
    a = draft.architecture
    old, new = a.head_dim, child.head_dim
    if old == new:
        return draft
    changes: dict[str, Weight] = {}
    for i in range(a.num_layers):
        changes |= _rebuilt(draft, i, new, generator)
    return draft.moved(
        f"head_dim {old} -> {new}",
        architecture=replace(a, head_dim=new),
        changes=changes,
        preserving=new > old and not a.qk_norm and (a.position != "rotary" or new % old == 0),
    )


def _rebuilt(draft: Draft, i: int, new: int, generator: torch.Generator) -> dict[str, Weight]:
    a = draft.architecture
    old, heads, kv_heads = a.head_dim, a.num_heads[i], a.num_kv_heads[i]
    names = ("query", "key", "value", "out")
    query, key, value, out = (draft.layer(i, f"attention.{n}.weight") for n in names)
    scored = _score_channels(draft, i, new).expand(kv_heads, -1)  # (K, D')
    if new > old:
        mixed = torch.cat((torch.arange(old), torch.full((new - old,), NEW))).expand(kv_heads, -1)
    else:
        read = value.value.float().view(kv_heads, old, -1).norm(dim=2)  # (K, D)
        write = out.value.float().view(a.d_model, kv_heads, -1, old).norm(dim=(0, 2))  # (K, D)
        mixed = torch.stack([best(row, new) for row in read * write])
    group = heads // kv_heads
    query_rows = _flat(scored[:1].expand(heads, -1), old)
    key_rows, value_rows = _flat(scored, old), _flat(mixed, old)
    out_columns = _flat(mixed.repeat_interleave(group, 0), old)
    added = (kv_heads * max(0, new - old), a.d_model)
    random_key, random_value = draw(added, generator), draw(added, generator)
    query, key = take(query, 0, query_rows), take(key, 0, key_rows, random_key)
    if not a.qk_norm:
        query = scale(query, math.sqrt(new / old))
    prefix = f"layers.{i}.attention."
    changes = {
        f"{prefix}query.weight": query,
        f"{prefix}key.weight": key,
        f"{prefix}value.weight": take(value, 0, value_rows, random_value),
        f"{prefix}out.weight": take(out, 1, out_columns),
    }
    if a.qk_norm:
        # Were the new channels zero, both norms would grow by sqrt(D'/D) and the division by the
        # root of the width would take sqrt(D/D') back: the gains' product must fall by sqrt(D/D').
        for name in ("query_norm", "key_norm"):
            gain = draft.layer(i, f"attention.{name}.weight")
            grown = take(gain, 0, scored[0], gain.value.mean())
            changes[f"{prefix}{name}.weight"] = scale(grown, (old / new) ** 0.25)
    return changes


def _score_channels(draft: Draft, i: int, new: int) -> Tensor:
    """Return the source (D',) of query and key channels, the same for all heads of a layer."""
    a = draft.architecture
    old = a.head_dim
    source = torch.full((new,), NEW)
    if a.position == "rotary":
        fewer, more = sorted((old // 2, new // 2))
        few = torch.arange(fewer)
        many = torch.tensor([round(p * more / fewer) for p in range(fewer)])
        theirs, ours = (few, many) if new > old else (many, few)
        source[ours], source[ours + new // 2] = theirs, theirs + old // 2
    elif new > old:
        source[:old] = torch.arange(old)
    else:
        query, key = (
            draft.layer(i, f"attention.{name}.weight").value.float().view(-1, old, a.d_model)
            for name in ("query", "key")
        )
        query, key = query.norm(dim=2), key.norm(dim=2)
        key = key.repeat_interleave(query.shape[0] // key.shape[0], 0)
        source = best((query * key).sum(0), new)
    return source


def _flat(
    channels: Tensor,  # (n, D') source channel within each head
    old: int,
) -> Tensor:
    """Turn channels of heads into rows of the stacked matrix (n * D',)."""
    rows = channels + old * torch.arange(channels.shape[0])[:, None]
    return rows.where(channels != NEW, NEW).flatten()
