"""Budgets: parameters, FLOPs per token and memory, kept by shrinking a model in proportion.

A genome over its limits becomes the largest of a one-parameter family that keeps its proportions:
layers, d_model, heads and hidden units times one factor (loss depends weakly on shape at a fixed
size: Kaplan et al. 2020, arXiv:2001.08361), found by bisection; then d_model and hidden units grow
back into what rounding left over. Memory is first sought in a smaller batch. Where even the
smallest member of the family is too large, embeddings are tied, learned positions dropped, heads
narrowed and gates removed, in this order. Deterministic, and ends after a fixed number of steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search_spaces.errors import InfeasibleGenome
from search_spaces.gpt.batches import scalar
from search_spaces.gpt.cost import count_parameters, flops_per_token, training_memory_bytes
from search_spaces.gpt.heads import fit_layers, item, members
from search_spaces.repairing import replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from search_spaces.domains import ScalarDomain
    from search_spaces.genome import Genome
    from search_spaces.limits import Limits
    from search_spaces.space import Space

HALVINGS = 8
"""Steps of bisection: factors to 1/256; growing back fills the rest."""


@dataclass(frozen=True, slots=True)
class WithinBudget:
    """The genome costs no more than the space's limits."""

    law: str = "a genome stays within the limits of parameters, FLOPs per token and memory"

    def broken(self, genome: Genome, space: Space) -> str | None:
        """Name the first limit that is exceeded, with both numbers."""
        return over_budget(genome, space.limits)

    def mend(self, genome: Genome, space: Space, free: frozenset[str]) -> Genome:
        """Shrink the batch (memory only), then the model."""
        limits = space.limits
        batch = _smallest_batch(genome, space, free)
        if _parameters_and_flops_fit(genome, limits) and over_budget(batch, limits) is None:
            return _grown(batch, genome, ("batch_tokens",), space, free)
        start = batch if _memory_is_over(genome, limits) else genome
        smallest = start
        for thrifty in _thriftier(start, space, free):
            smallest = shrunk(thrifty, 0.0, space, free)
            if over_budget(smallest, limits) is None:
                return _largest(thrifty, smallest, genome, space, free)
        raise InfeasibleGenome(
            self.law,
            f"the smallest such model has {over_budget(smallest, limits)}",
            "Raise the limit, allow smaller genes (d_model, num_layers, d_ff, num_heads),"
            " or shrink the vocabulary.",
        )


def over_budget(genome: Genome, limits: Limits) -> str | None:
    """Name the first limit that a genome exceeds, with both numbers; None if it fits."""
    a = genome.architecture
    if limits.max_parameters is not None and (n := count_parameters(a)) > limits.max_parameters:
        return f"{n:,} parameters, more than max_parameters = {limits.max_parameters:,}"
    if limits.max_flops_per_token is not None:
        flops = flops_per_token(a, sequence_length=a.context_length)
        if flops > limits.max_flops_per_token:
            return (
                f"{flops:,.0f} FLOPs per token, more than"
                f" max_flops_per_token = {limits.max_flops_per_token:,.0f}"
            )
    if limits.max_memory_bytes is not None:
        memory = memory_bytes(genome, limits)
        if memory > limits.max_memory_bytes:
            return (
                f"a peak of {memory:,} bytes in training, more than"
                f" max_memory_bytes = {limits.max_memory_bytes:,}"
            )
    return None


def memory_bytes(genome: Genome, limits: Limits) -> int:
    """Return the peak memory of training with the precision and micro-batch of the limits."""
    return training_memory_bytes(
        genome.architecture,
        genome.protocol,
        bytes_per_weight=limits.bytes_per_weight,
        micro_batch_tokens=limits.micro_batch_tokens,
    )


def _parameters_and_flops_fit(genome: Genome, limits: Limits) -> bool:
    a = genome.architecture
    return not (
        (limits.max_parameters is not None and count_parameters(a) > limits.max_parameters)
        or (
            limits.max_flops_per_token is not None
            and flops_per_token(a, sequence_length=a.context_length) > limits.max_flops_per_token
        )
    )


def _memory_is_over(genome: Genome, limits: Limits) -> bool:
    """Say whether there is a reason to shrink the batch."""
    most = limits.max_memory_bytes
    return most is not None and memory_bytes(genome, limits) > most


def _smallest_batch(genome: Genome, space: Space, free: frozenset[str]) -> Genome:
    if "batch_tokens" not in free:
        return genome
    p = genome.protocol
    least = scalar(space, "batch_tokens").at_least(
        p.batch_ramp * genome.architecture.context_length
    )
    if least is None or least >= p.batch_tokens:  # type: ignore[operator]
        return genome
    return replaced(genome, {"batch_tokens": least})


def _thriftier(genome: Genome, space: Space, free: frozenset[str]) -> Iterator[Genome]:
    """Yield the genome, then with one saving after another that costs the model its kind."""
    yield genome
    savings: tuple[tuple[str, Callable[[ScalarDomain], Any]], ...] = (
        ("tied_embeddings", lambda d: True if d.contains(True) else None),
        ("position", lambda d: next((p for p in ("rotary", "alibi") if d.contains(p)), None)),
        ("head_dim", lambda d: members(d)[0]),
        ("activation", lambda d: next((f for f in ("gelu", "relu2") if d.contains(f)), None)),
    )
    for name, save in savings:
        value = getattr(genome.architecture, name)
        if name not in free or (name == "position" and value != "learned"):
            continue
        if name == "activation" and value != "swiglu":
            continue
        cheaper = save(scalar(space, name))
        if cheaper is not None and cheaper != value:
            genome = replaced(genome, {name: cheaper})
            yield genome


def shrunk(genome: Genome, factor: float, space: Space, free: frozenset[str]) -> Genome:
    """Multiply layers, d_model, heads and hidden units by `factor`, rounded down to the domains."""
    a = genome.architecture
    values: dict[str, Any] = {}
    layers = a.num_layers
    if "num_layers" in free:
        # depth is coarse: it is rounded to the nearest, and the widths do the rest
        layers = _down_to(scalar(space, "num_layers"), round(a.num_layers * factor))
    kept = [(i * 2 + 1) * a.num_layers // (2 * layers) for i in range(layers)]
    heads, kv_heads, d_ff = (
        tuple(v[i] for i in kept) for v in (a.num_heads, a.num_kv_heads, a.d_ff)
    )
    if "num_heads" in free:
        heads = tuple(_down_to(item(space, "num_heads"), h * factor) for h in heads)
    if "num_kv_heads" in free:
        kv_heads = tuple(
            _down_to(item(space, "num_kv_heads"), min(k, h))
            for k, h in zip(kv_heads, heads, strict=True)
        )
    fitting = fit_layers(space, free, heads, kv_heads)
    if fitting is not None:  # else the law of heads says what is wrong
        heads, kv_heads = fitting
    if "d_ff" in free:
        d_ff = tuple(_down_to(item(space, "d_ff"), f * factor) for f in d_ff)
    values = {"num_layers": layers, "num_heads": heads, "num_kv_heads": kv_heads, "d_ff": d_ff}
    if "d_model" in free:
        values["d_model"] = _down_to(scalar(space, "d_model"), a.d_model * factor)
    return replaced(genome, values)


def _down_to(domain: ScalarDomain, target: float) -> int:
    """Return the largest member that does not exceed the target, else the smallest member."""
    member = domain.at_most(target)
    if member is None:
        member = members(domain)[0]
    return int(member)  # type: ignore[arg-type]


def _largest(
    start: Genome, smallest: Genome, goal: Genome, space: Space, free: frozenset[str]
) -> Genome:
    """Bisect for the largest factor that fits, then grow back what rounding took."""
    best, low, high = smallest, 0.0, 1.0
    if over_budget(start, space.limits) is None:
        best, low = start, 1.0
    else:
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            candidate = shrunk(start, middle, space, free)
            if over_budget(candidate, space.limits) is None:
                best, low = candidate, middle
            else:
                high = middle
    best = _grown(best, start, ("d_model",), space, free)
    best = _grown(best, start, ("d_ff",), space, free)
    return _grown(best, goal, ("batch_tokens",), space, free)


def _grown(
    genome: Genome, goal: Genome, names: tuple[str, ...], space: Space, free: frozenset[str]
) -> Genome:
    """Move numbers from `genome` towards `goal` as far as the limits allow."""
    for name in names:
        if name not in free:
            continue
        now, then = space.gene_value(genome, name), space.gene_value(goal, name)
        if now == then:
            continue
        best, low, high = genome, 0.0, 1.0
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            candidate = replaced(genome, {name: _between(now, then, middle, space, name)})
            if over_budget(candidate, space.limits) is None:
                best, low = candidate, middle
            else:
                high = middle
        genome = best
    return genome


def _between(now: Any, then: Any, share: float, space: Space, name: str) -> Any:
    if isinstance(now, tuple):
        domain = item(space, name)
        # layers may have gone: the goal is read at the same relative depth
        goal = [then[(i * 2 + 1) * len(then) // (2 * len(now))] for i in range(len(now))]
        return tuple(
            max(n, _down_to(domain, n + share * (g - n))) for n, g in zip(now, goal, strict=True)
        )
    return max(now, _down_to(scalar(space, name), now + share * (then - now)))
