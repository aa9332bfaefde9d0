"""What a morphism did: the account that goes to the event log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from trainers.morphism.draft import Draft
    from trainers.morphism.weight import Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class MorphRecord:
    """The moves from donor to child and what became of the weights."""

    moves: tuple[str, ...]
    """What was done, in order, in words; empty when the architectures are equal."""
    carried: tuple[str, ...]
    """Parameters and buffers of the child that come from the donor; ranges where only in part."""
    reinitialised: tuple[str, ...]
    """Those that do not."""
    carried_share: float
    """Share of the child's parameters that come from the donor, in [0, 1]."""
    preserving: bool
    """Whether donor and child are the same function of the tokens, by construction."""

    def to_json(self) -> dict[str, list[str] | float | bool]:
        """Return the record as plain JSON values."""
        return {
            "moves": list(self.moves),
            "carried": list(self.carried),
            "reinitialised": list(self.reinitialised),
            "carried_share": self.carried_share,
            "preserving": self.preserving,
        }


def make_record(draft: Draft) -> MorphRecord:
    """Account for every weight of a finished draft."""
    carried: list[str] = []
    new: list[str] = []
    kept = total = 0
    for name, weight in sorted(draft.weights.items()):  # whatever order the donor's tensors came in
        if not name.endswith("slopes"):  # a buffer, not a parameter
            total += weight.value.numel()
            kept += _count(weight)
        if all(bool(axis.all()) for axis in weight.carried):
            carried.append(name)
        elif not all(bool(axis.any()) for axis in weight.carried):
            new.append(name)
        else:
            carried.append(f"{name}[{', '.join(_ranges(axis) for axis in weight.carried)}]")
            for i, axis in enumerate(weight.carried):
                if not bool(axis.all()):
                    slices = [":"] * len(weight.carried)
                    slices[i] = _ranges(~axis)
                    new.append(f"{name}[{', '.join(slices)}]")
    return MorphRecord(
        moves=draft.moves,
        carried=tuple(carried),
        reinitialised=tuple(new),
        carried_share=kept / total,
        preserving=draft.preserving,
    )


def _count(weight: Weight) -> int:
    count = 1
    for axis in weight.carried:
        count *= int(axis.sum())
    return count


def _ranges(
    mask: Tensor,  # (n,) bool
) -> str:
    """Write the true entries as slices, `0:4+8:12` or `0:64:2`; `:` if all are."""
    if bool(mask.all()):
        return ":"
    at = mask.nonzero().flatten()
    gaps = torch.diff(at)
    if len(at) > 2 and int(gaps[0]) > 1 and bool((gaps == gaps[0]).all()):
        return f"{int(at[0])}:{int(at[-1]) + 1}:{int(gaps[0])}"
    edges = torch.diff(torch.nn.functional.pad(mask.int(), (1, 1))).nonzero().flatten().tolist()
    return "+".join(f"{a}:{b}" for a, b in zip(edges[::2], edges[1::2], strict=True))
