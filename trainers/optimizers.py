"""Update rules: AdamW, Lion, Muon + AdamW and SGD with momentum on one scale of the learning rate.

The gene `learning_rate` is AdamW's. An AdamW update of a weight has a root mean square of about 0.2
learning rates (Liu et al. 2025, arXiv:2502.16982, section 2.2), and the others are scaled to match:

    Muon   0.2 sqrt(max(rows, columns)): `match_rms_adamw` of torch.optim.Muon, equation 4 there;
    Lion   0.2: its update is a sign, of root mean square 1. The authors advise a rate 3-10 times
           smaller than AdamW's, a decay as much larger (Chen et al. 2023, arXiv:2302.06675, s. 5);
    SGD    0.2 sqrt(parameters): a gradient of norm 1 has root mean square 1 / sqrt(parameters).

Weight decay is decoupled in all: matrices shrink by learning_rate * factor * weight_decay a step
whatever the rule. The first moment of all four is the moving average of the gradient (SGD with
dampening = momentum), so a change of optimizer keeps it under the new rule's name for it.

The rules are torch's functions, not its classes, whose first step imports torch's compiler: a third
of what a worker needs to begin.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, assert_never

import torch
from lion_pytorch.lion_pytorch import update_fn as update_lion
from torch import Tensor
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from trainers.distributed.alone import ALONE, Alone
from trainers.distributed.muon import update_rows
from trainers.muon import NEWTON_SCHULZ_STEPS, update_matrices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from search_spaces.gpt.protocol import OptimizerName, Protocol
    from trainers.distributed.ranks import Ranks

ADAMW_UPDATE_RMS = 0.2
"""Root mean square of an AdamW update in learning rates (arXiv:2502.16982, section 2.2)."""
ADAMW_EPSILON = 1e-8

Rule = Literal["adamw", "lion", "muon", "sgd"]
Kind = Literal["attention", "ffn", "embedding", "other"]

SLOTS: dict[Rule, tuple[str, ...]] = {
    "adamw": ("step", "exp_avg", "exp_avg_sq"),
    "lion": ("exp_avg",),
    "muon": ("momentum_buffer",),
    "sgd": ("momentum_buffer",),
}
"""State that a rule keeps for each parameter; all start at 0."""
_FIRST_MOMENTS = ("exp_avg", "momentum_buffer")
_ATTENTION = re.compile(r"layers\.\d+\.(attention|norm_attention)\.")
_FFN = re.compile(r"layers\.\d+\.(ffn|norm_ffn)\.")
_EMBEDDING = re.compile(r"(embedding|position|unembedding)\.")


def component_kind(name: str) -> Kind:
    """Return the kind of component that a parameter belongs to; a branch owns its norm.

    >>> component_kind("layers.3.norm_ffn.weight"), component_kind("final_norm.weight")
    ('ffn', 'other')
    """
    if _ATTENTION.match(name):
        return "attention"
    if _FFN.match(name):
        return "ffn"
    return "embedding" if _EMBEDDING.match(name) else "other"


def rule_for(name: str, parameter: Tensor, optimizer: OptimizerName) -> Rule:
    """Return the rule that updates a parameter: `muon` covers the hidden matrices only."""
    if optimizer == "muon" and not (name.startswith("layers.") and parameter.ndim == 2):
        return "adamw"
    return optimizer


@dataclass(frozen=True, slots=True)
class _Group:
    """Parameters that are updated alike."""

    rule: Rule
    multiplier: float
    decayed: bool


class UpdateRule:
    """Updates a model's parameters in place from their gradients.

    Args:
        parameters: the trainable parameters by name.
        protocol: optimizer, learning rate, decay, betas, multipliers.
        slots: state of an earlier optimizer as `<parameter>.<slot>`; copied. What is missing or has
            another shape starts at 0 and is listed in `fresh_slots`; what this rule does not use is
            dropped.
        ranks: the processes that the parameters are split over; each updates the rows it keeps.
            Only Muon's update of a matrix is more than that of its elements.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        protocol: Protocol,
        slots: Mapping[str, Tensor] | None = None,
        *,
        ranks: Alone | Ranks = ALONE,
    ) -> None:
        self._protocol = protocol
        self._parameters = dict(parameters)
        self._ranks = ranks
        self._own = {name: ranks.local(p) for name, p in self._parameters.items()}
        self._size = sum(p.numel() for p in self._parameters.values())
        self._groups = _group(self._parameters, protocol)
        self._slots: dict[str, dict[str, Tensor]] = {}
        self.fresh_slots: tuple[str, ...] = self._fill_slots(slots or {})

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """Update all parameters at `factor` times the peak learning rate.

        Parameters without a gradient are left as they are.
        """
        for group, names in self._groups.items():
            gradients = {
                name: self._ranks.local(gradient)
                for name in names
                if (gradient := self._parameters[name].grad) is not None
            }
            if gradients:
                rate = self._protocol.learning_rate * factor
                self._update(group, tuple(gradients), list(gradients.values()), rate)

    def _update(
        self, group: _Group, names: tuple[str, ...], gradients: list[Tensor], rate: float
    ) -> None:
        """Update parameters of one group by torch's functions, at `rate` on AdamW's scale."""
        p, rule, ranks = self._protocol, group.rule, self._ranks
        tensors = [self._own[name] for name in names]
        slots = {slot: [self._slots[name][slot] for name in names] for slot in SLOTS[rule]}
        scale = learning_rate_scale(rule, self._size)
        scaled = rate * (scale * group.multiplier)
        decay = p.weight_decay / scale if group.decayed else 0.0
        match rule:
            case "adamw":
                adamw(
                    tensors, gradients, slots["exp_avg"], slots["exp_avg_sq"], [], slots["step"],
                    lr=scaled, weight_decay=decay, beta1=p.beta1, beta2=p.beta2, eps=ADAMW_EPSILON,
                    amsgrad=False, maximize=False, fused=True,
                )  # fmt: skip
            case "lion":
                for each in zip(tensors, gradients, slots["exp_avg"], strict=True):
                    update_lion(*each, scaled, decay, p.beta1, p.beta2)
            case "muon":
                own = (tensors, gradients, slots["momentum_buffer"])
                if isinstance(ranks, Alone):
                    update_matrices(*own, rate=scaled, decay=decay, momentum=p.beta1)
                else:
                    shapes = [self._parameters[name].shape for name in names]
                    update_rows(
                        *own, shapes, ranks=ranks, rate=scaled, decay=decay, momentum=p.beta1
                    )
            case "sgd":
                # torch knows coupled decay only, which would pass through the momentum.
                if group.decayed:
                    torch._foreach_mul_(tensors, 1.0 - rate * group.multiplier * p.weight_decay)
                averages: list[Tensor | None] = [*slots["momentum_buffer"]]
                sgd(
                    tensors, gradients, averages,
                    lr=scaled, weight_decay=0.0, momentum=p.beta1, dampening=p.beta1,
                    nesterov=False, maximize=False, fused=True,
                )  # fmt: skip
            case _:
                assert_never(rule)

    def slots(self) -> dict[str, Tensor]:
        """Return the state as `<parameter>.<slot>`: the live one, or gathered on rank 0."""
        return {
            f"{name}.{slot}": self._ranks.gathered(
                self._slots[name][slot],
                torch.Size() if slot == "step" else self._parameters[name].shape,
            )
            for group, names in self._groups.items()
            for name in names
            for slot in SLOTS[group.rule]
        }

    def flops_per_step(self) -> float:
        """Return the FLOPs of a step's matrix products: the Newton-Schulz iterations of Muon.

        Elementwise work (about 10 FLOPs a parameter and step) is left out, as it is for the model.
        """
        flops = 0.0
        for group, names in self._groups.items():
            if group.rule != "muon":
                continue
            for name in names:
                small, large = sorted(self._parameters[name].shape)
                # X X^T, its square, and their product with X, at 2 FLOPs a multiplication.
                flops += NEWTON_SCHULZ_STEPS * 2 * small * small * (2 * large + small)
        return flops

    def _fill_slots(self, given: Mapping[str, Tensor]) -> tuple[str, ...]:
        fresh: list[str] = []
        for group, names in self._groups.items():
            for name in names:
                own = self._own[name]
                sources = _find_slots(given, name, group.rule, self._parameters[name].shape)
                if sources is None:
                    fresh += [f"{name}.{slot}" for slot in SLOTS[group.rule]]
                self._slots[name] = {
                    slot: (
                        torch.zeros(() if slot == "step" else own.shape, device=own.device)
                        if sources is None
                        else self._ranks.spread(sources[slot], own.device)
                        .to(torch.float32)
                        .clone(memory_format=torch.contiguous_format)
                    )
                    for slot in SLOTS[group.rule]
                }
        return tuple(fresh)


def _find_slots(
    given: Mapping[str, Tensor], name: str, rule: Rule, shape: torch.Size
) -> dict[str, Tensor] | None:
    """Find all of a parameter's slots in the state of this or of another rule, or none.

    AdamW's moments are bias-corrected by its own count of steps, so they come together or not at
    all; the other rules take the first moment under either name.
    """
    if rule == "adamw":
        found = {slot: given.get(f"{name}.{slot}") for slot in SLOTS[rule]}
    else:
        (slot,) = SLOTS[rule]
        moments = (given.get(f"{name}.{moment}") for moment in (slot, *_FIRST_MOMENTS))
        found = {slot: next((m for m in moments if m is not None), None)}
    usable = {
        slot: tensor
        for slot, tensor in found.items()
        if tensor is not None and tensor.shape == (() if slot == "step" else shape)
    }
    return usable if len(usable) == len(found) else None


def _group(parameters: Mapping[str, Tensor], protocol: Protocol) -> dict[_Group, tuple[str, ...]]:
    multipliers: dict[Kind, float] = {
        "attention": protocol.attention_lr_multiplier,
        "ffn": protocol.ffn_lr_multiplier,
        "embedding": protocol.embedding_lr_multiplier,
        "other": 1.0,
    }
    groups: dict[_Group, tuple[str, ...]] = {}
    for name, parameter in parameters.items():
        rule = rule_for(name, parameter, protocol.optimizer)
        group = _Group(rule, multipliers[component_kind(name)], decayed=parameter.ndim >= 2)
        groups[group] = (*groups.get(group, ()), name)
    return groups


def learning_rate_scale(rule: Rule, size: int) -> float:
    """Return what an AdamW learning rate is multiplied by; `size` counts all parameters."""
    match rule:
        case "adamw" | "muon":  # torch's Muon adjusts for each matrix by itself
            return 1.0
        case "lion":
            return ADAMW_UPDATE_RMS
        case "sgd":
            return ADAMW_UPDATE_RMS * math.sqrt(size)
    assert_never(rule)
