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
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, assert_never

import torch
from lion_pytorch import Lion
from torch import Tensor

from trainers.distributed.alone import ALONE, Alone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from search_spaces.gpt.protocol import OptimizerName, Protocol
    from trainers.distributed.ranks import Ranks

ADAMW_UPDATE_RMS = 0.2
"""Root mean square of an AdamW update in learning rates (arXiv:2502.16982, section 2.2)."""
NEWTON_SCHULZ_STEPS = 5

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
        self._groups = _group(self._parameters, protocol)
        size = sum(p.numel() for p in self._parameters.values())
        by_rule: dict[Rule, list[tuple[_Group, list[Tensor]]]] = {}
        for group, names in self._groups.items():
            tensors = [self._own[n] for n in names]
            by_rule.setdefault(group.rule, []).append((group, tensors))
        self._optimizers = {
            rule: (
                self._split_muon(groups)
                if rule == "muon" and not isinstance(ranks, Alone)
                else _make_optimizer(rule, groups, protocol, learning_rate_scale(rule, size))
            )
            for rule, groups in by_rule.items()
        }
        # torch's SGD knows coupled decay only, which would pass through its momentum.
        self._decayed_by_hand = [
            (group.multiplier, tensors)
            for group, tensors in by_rule.get("sgd", [])
            if group.decayed
        ]
        self.fresh_slots: tuple[str, ...] = self._fill_slots(slots or {})

    def step(self, factor: float) -> None:
        """Update all parameters at `factor` times the peak learning rate."""
        for name, parameter in self._parameters.items():
            if (own := self._own[name]) is not parameter:
                own.grad = None if parameter.grad is None else self._ranks.local(parameter.grad)
        rate = self._protocol.learning_rate * factor
        for multiplier, tensors in self._decayed_by_hand:
            shrink = 1.0 - rate * multiplier * self._protocol.weight_decay
            with torch.no_grad():
                torch._foreach_mul_(tensors, shrink)
        for optimizer in self._optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = rate * group["scale"]
            optimizer.step()

    def slots(self) -> dict[str, Tensor]:
        """Return the state as `<parameter>.<slot>`: the live one, or gathered on rank 0."""
        return {
            f"{name}.{slot}": self._ranks.gathered(
                self._optimizers[group.rule].state[self._own[name]][slot],
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
            state = self._optimizers[group.rule].state
            for name in names:
                own = self._own[name]
                sources = _find_slots(given, name, group.rule, self._parameters[name].shape)
                if sources is None:
                    fresh += [f"{name}.{slot}" for slot in SLOTS[group.rule]]
                state[own] = {
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

    def _split_muon(self, groups: list[tuple[_Group, list[Tensor]]]) -> torch.optim.Optimizer:
        from trainers.distributed.muon import SplitMuon  # noqa: PLC0415 - torch.distributed

        assert not isinstance(self._ranks, Alone)
        return SplitMuon(
            _torch_groups("muon", groups, self._protocol, 1.0),
            shapes={id(own): self._parameters[name].shape for name, own in self._own.items()},
            ranks=self._ranks,
            momentum=self._protocol.beta1,
            ns_steps=NEWTON_SCHULZ_STEPS,
        )


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


def _torch_groups(
    rule: Rule, groups: list[tuple[_Group, list[Tensor]]], protocol: Protocol, scale: float
) -> list[dict[str, Any]]:
    return [
        {
            "params": tensors,
            "scale": scale * group.multiplier,
            "weight_decay": (
                protocol.weight_decay / scale if group.decayed and rule != "sgd" else 0.0
            ),
        }
        for group, tensors in groups
    ]


def _make_optimizer(
    rule: Rule, groups: list[tuple[_Group, list[Tensor]]], protocol: Protocol, scale: float
) -> torch.optim.Optimizer:
    torch_groups = _torch_groups(rule, groups, protocol, scale)
    betas = (protocol.beta1, protocol.beta2)
    match rule:
        case "adamw":
            return torch.optim.AdamW(torch_groups, lr=1.0, betas=betas, fused=True)
        case "lion":
            return Lion(torch_groups, lr=1.0, betas=betas)  # type: ignore[no-any-return]
        case "muon":
            return torch.optim.Muon(
                torch_groups,
                lr=1.0,
                momentum=protocol.beta1,
                nesterov=True,
                ns_steps=NEWTON_SCHULZ_STEPS,
                adjust_lr_fn="match_rms_adamw",
            )
        case "sgd":
            momentum = protocol.beta1
            return torch.optim.SGD(
                torch_groups, lr=1.0, momentum=momentum, dampening=momentum, fused=True
            )
    assert_never(rule)
