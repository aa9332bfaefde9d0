"""Laws of attention: grouped key-value heads (Ainslie et al. 2023, arXiv:2305.13245), rotary."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from search_spaces.domains import Choice, Integer, PerLayer
from search_spaces.errors import InfeasibleGenome
from search_spaces.repairing import replaced

if TYPE_CHECKING:
    from search_spaces.domains import ScalarDomain
    from search_spaces.genome import Genome
    from search_spaces.space import Space


@dataclass(frozen=True, slots=True)
class KvHeadsDivideHeads:
    """Each key-value head is read by the same number of query heads."""

    law: str = "num_kv_heads divides num_heads in every layer"

    def broken(self, genome: Genome, space: Space) -> str | None:
        """Name the first layer that breaks the law."""
        del space
        a = genome.architecture
        for i, (heads, kv_heads) in enumerate(zip(a.num_heads, a.num_kv_heads, strict=True)):
            if heads % kv_heads:
                return f"layer {i} has {heads} heads and {kv_heads} kv heads"
        return None

    def mend(self, genome: Genome, space: Space, free: frozenset[str]) -> Genome:
        """Take fewer key-value heads, else more; else change the query heads."""
        a = genome.architecture
        pairs = fit_layers(space, free, a.num_heads, a.num_kv_heads)
        if pairs is None:
            raise InfeasibleGenome(
                self.law,
                f"no allowed pair is near heads {a.num_heads} with kv heads {a.num_kv_heads}",
                "Widen the domain of num_heads or num_kv_heads, or let both change.",
            )
        heads, kv_heads = pairs
        return replaced(genome, {"num_heads": heads, "num_kv_heads": kv_heads})


def fit_layers(
    space: Space, free: frozenset[str], heads: tuple[int, ...], kv_heads: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Make every layer's key-value heads divide its heads, within the domains and `free`."""
    own_heads, own_kv = item(space, "num_heads"), item(space, "num_kv_heads")
    pairs = [
        fit_heads(
            h,
            k,
            own_heads if "num_heads" in free else None,
            own_kv if "num_kv_heads" in free else None,
        )
        for h, k in zip(heads, kv_heads, strict=True)
    ]
    if any(pair is None for pair in pairs):
        return None
    return tuple(p[0] for p in pairs if p), tuple(p[1] for p in pairs if p)


@lru_cache(maxsize=65_536)
def fit_heads(
    heads: int, kv_heads: int, own_heads: ScalarDomain | None, own_kv: ScalarDomain | None
) -> tuple[int, int] | None:
    """Return the nearest pair whose second divides its first.

    Query heads move as little as possible, down before up; key-value heads go down before up. A
    domain of None means that the number may not change.
    """
    options = [heads] if own_heads is None else _near(heads, own_heads)
    for h in options:
        for k in [kv_heads] if own_kv is None else _down_then_up(kv_heads, own_kv):
            if k <= h and h % k == 0:
                return h, k
    return None


def members(domain: ScalarDomain) -> list[int]:
    """Return the members of a domain of whole numbers, rising."""
    values = domain.values if isinstance(domain, Integer | Choice) else ()
    return sorted(v for v in values if isinstance(v, int))


def nearest(domain: ScalarDomain, target: float) -> int:
    """Return the member of a domain of whole numbers that is nearest to the target."""
    return domain.clip(target)  # type: ignore[return-value]


def _near(value: int, domain: ScalarDomain) -> list[int]:
    return sorted(members(domain), key=lambda v: (abs(v - value), v > value))


def _down_then_up(value: int, domain: ScalarDomain) -> list[int]:
    return sorted(members(domain), key=lambda v: (v > value, abs(v - value)))


def item(space: Space, name: str) -> ScalarDomain:
    """Return the domain of one layer's value."""
    domain = space.gene(name).domain
    if not isinstance(domain, PerLayer):
        raise TypeError(f"gene {name!r} must be per layer, but has domain {domain!r}.")
    return domain.item


@dataclass(frozen=True, slots=True)
class RotaryNeedsEvenHeads:
    """Rotary positions turn pairs of channels."""

    law: str = "head_dim is even where position is 'rotary'"

    def broken(self, genome: Genome, space: Space) -> str | None:
        """Name the odd width."""
        del space
        a = genome.architecture
        return f"head_dim is {a.head_dim}" if a.position == "rotary" and a.head_dim % 2 else None

    def mend(self, genome: Genome, space: Space, free: frozenset[str]) -> Genome:
        """Take the nearest even width, else another position encoding."""
        even = [v for v in _near(genome.architecture.head_dim, _scalar(space)) if v % 2 == 0]
        if even and "head_dim" in free:
            return replaced(genome, {"head_dim": even[0]})
        positions = space.gene("position").domain
        if "position" in free and isinstance(positions, Choice):
            for position in positions.values:
                if position != "rotary":
                    return replaced(genome, {"position": position})
        raise InfeasibleGenome(
            self.law,
            f"head_dim {genome.architecture.head_dim} is the only choice",
            "Allow an even head_dim, or another position encoding.",
        )


def _scalar(space: Space) -> ScalarDomain:
    domain = space.gene("head_dim").domain
    assert isinstance(domain, Integer | Choice)
    return domain
