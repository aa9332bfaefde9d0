"""One parameter, its optimizer slots and which of it was carried; surgery on all at once.

A parameter that is rescaled without changing the function, w' = s w, receives the gradient
g' = dL/dw' = g / s by the chain rule. Slots that are linear in the gradient (`exp_avg`,
`momentum_buffer`) therefore scale by 1/s, slots that are quadratic (`exp_avg_sq`) by 1/s^2, and
`step` not at all. With these, the next update is the one the child's own past would have made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

SLOT_POWERS: Mapping[str, int] = {
    "step": 0,
    "exp_avg": 1,
    "momentum_buffer": 1,
    "exp_avg_sq": 2,
    "max_exp_avg_sq": 2,
}
"""The power of the gradient that each optimizer slot is made of."""
NEW = -1
"""The source of an entry that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """A parameter or buffer on its way from donor to child."""

    value: Tensor
    slots: Mapping[str, Tensor]
    """Optimizer slots: of the value's shape, or 0-d."""
    carried: tuple[Tensor, ...]
    """One boolean vector an axis; an entry is carried where all its vectors are true."""


def donated(value: Tensor, slots: Mapping[str, Tensor]) -> Weight:
    """Wrap a tensor of the donor: all of it counts as carried."""
    carried = tuple(torch.ones(size, dtype=torch.bool) for size in value.shape)
    return Weight(value=value, slots=slots, carried=carried)


def fresh(
    value: Tensor,
    *,
    like: Weight | None,
) -> Weight:
    """Wrap a tensor that the donor lacks; its slots are those of `like`, unstarted (all zero)."""
    slots: dict[str, Tensor] = {}
    if like is not None:
        value = value.to(like.value)
        for name, slot in like.slots.items():
            shape = value.shape if slot.ndim else ()
            slots[name] = torch.zeros(shape, dtype=slot.dtype, device=slot.device)
    carried = tuple(torch.zeros(size, dtype=torch.bool) for size in value.shape)
    return Weight(value=value, slots=slots, carried=carried)


def copied(value: Tensor, *, like: Weight) -> Weight:
    """Wrap what comes from the donor's weights but starts an optimizer history of its own."""
    return replace(donated(value, {}), slots=fresh(value, like=like).slots)


def take(
    weight: Weight,
    axis: int,
    source: Tensor,  # (n,) int64: index into the donor's axis, or NEW
    new: Tensor | float = 0.0,  # broadcastable to the new entries alone, in their order
) -> Weight:
    """Rebuild one axis from donor entries and new ones.

    First moments of new entries are zero. Second moments are the mean of the carried ones along
    the axis: `step` counts the whole tensor, so bias correction no longer protects a zero there,
    and AdamW would take steps of up to 6 learning rates (beta2 = 0.999) in every new entry: zeros
    there cost 0.01-0.03 nats over 60 steps of a small model.
    """
    is_old = source != NEW
    slots: dict[str, Tensor] = {}
    for name, slot in weight.slots.items():
        if slot.ndim == 0:
            slots[name] = slot
            continue
        fill: Tensor | float = 0.0
        if SLOT_POWERS[name] == 2 and bool(is_old.any()) and not bool(is_old.all()):
            fill = slot.index_select(axis, source[is_old].to(slot.device)).mean(axis, True)
        slots[name] = _placed(slot, axis, source, fill)
    carried = list(weight.carried)
    carried[axis] = weight.carried[axis][source.clamp(min=0)] & is_old
    return Weight(
        value=_placed(weight.value, axis, source, new), slots=slots, carried=tuple(carried)
    )


def scale(
    weight: Weight,
    factor: Tensor | float,  # broadcastable to the value, nowhere zero
) -> Weight:
    """Multiply a weight by s, its first moments by 1/s and its second by 1/s^2 (see the module)."""
    slots = {
        name: slot if slot.ndim == 0 else slot / factor ** SLOT_POWERS[name]
        for name, slot in weight.slots.items()
    }
    return replace(weight, value=weight.value * factor, slots=slots)


def mix(
    weight: Weight,
    shares: Tensor,  # (n', n) share of each donor block's gradient that the child's block receives
    new: Tensor,  # values of the blocks without a source, stacked along axis 0
) -> Weight:
    """Rebuild axis 0, made of n equal blocks, as means of donor blocks.

    A block's value is the plain mean of the donor blocks in which it has a share (one block: a
    copy). Its gradient is the sum of those blocks' gradients, each times its share: r copies of
    one block divide its gradient among them. Moments follow: shares to the first or second power.
    """
    has = shares > 0
    block = weight.value.shape[0] // shares.shape[1]
    old = has.any(1)
    source = torch.where(old, old.cumsum(0) - 1, NEW)  # into the blocks that have a source
    rows = (source[:, None] * block + torch.arange(block)).where(old[:, None], NEW).flatten()

    def mixed(tensor: Tensor, matrix: Tensor, fill: Tensor | float) -> Tensor:
        blocks = tensor.reshape(shares.shape[1], -1, *tensor.shape[1:])
        factors = matrix[old].to(tensor).view(-1, len(blocks), *([1] * tensor.ndim))
        return _placed((factors * blocks).sum(1).flatten(0, 1), 0, rows, fill)

    slots = {
        name: slot
        if slot.ndim == 0
        else mixed(
            slot,
            shares ** SLOT_POWERS[name],
            slot.mean(0, keepdim=True) if SLOT_POWERS[name] == 2 else 0.0,
        )
        for name, slot in weight.slots.items()
    }
    return Weight(
        value=mixed(weight.value, has / has.sum(1, keepdim=True), new),
        slots=slots,
        carried=(rows != NEW, *weight.carried[1:]),
    )


def _placed(tensor: Tensor, axis: int, source: Tensor, fill: Tensor | float) -> Tensor:
    """Build a tensor from entries of another and, where there is no source, from `fill`."""
    length, is_old = tensor.shape[axis], source != NEW
    old = source[is_old]
    if len(old) == len(source):
        return tensor.index_select(axis, source.to(tensor.device))
    shape = list(tensor.shape)
    shape[axis] = len(source)
    result = tensor.new_empty(shape)
    filled = torch.as_tensor(fill).to(tensor)
    if torch.equal(source[:length], torch.arange(length)) and len(old) == length:
        result.narrow(axis, 0, length).copy_(tensor)  # growth at the end: much the quickest
        result.narrow(axis, length, len(source) - length).copy_(filled)
        return result
    old_at, new_at = (mask.nonzero().flatten().to(tensor.device) for mask in (is_old, ~is_old))
    result.index_copy_(axis, old_at, tensor.index_select(axis, old.to(tensor.device)))
    shape[axis] = len(new_at)
    return result.index_copy_(axis, new_at, filled.expand(shape))
