"""The best-reply proposer: components leave that do not pay their cost, and the best-paid grow.

What leaves is what the donor's measured best reply did without (`trainers.measurement.best_reply`):
each was measured again after the one before it had left, and the morph prunes those very heads.
What grows is the role with the highest certain return on its cost: one more head where the least of
a layer's measured heads earns more than it costs, a wider feed-forward block where the block does
(its mean return, which is at least its last neurons' while returns diminish). Where nothing pays,
the donor is mutated: a twin would teach nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.proposers.memoryless import Memoryless
from orchestrator.proposers.pruning import prunings
from search_spaces.domains import PerLayer
from search_spaces.errors import InfeasibleGenome

if TYPE_CHECKING:
    import numpy as np

    from orchestrator.component_game import ComponentGame
    from orchestrator.proposers.proposal import ProposalRequest
    from search_spaces.domains import ScalarDomain
    from search_spaces.genome import Genome
    from search_spaces.gpt.architecture import Architecture
    from search_spaces.space import Space

Values = dict[str, Any]


class BestReplyProposer(Memoryless):
    """Prunes what the donor's best reply did without, and widens what pays best."""

    def __init__(self, space: Space, *, grow: float = 0.25) -> None:
        """Set up.

        Args:
            space: The space of the genomes.
            grow: Share by which a feed-forward block that pays grows, in [0, 1]; 0: nothing grows.
        """
        if not 0 <= grow <= 1:
            raise ValueError(f"`0 <= grow <= 1` must hold, but got grow={grow}.")
        self._space = space
        self._grow = grow

    def propose(self, request: ProposalRequest, rng: np.random.Generator) -> Genome:
        """Return the donor after its best reply; see `Proposer.propose`."""
        known, donor = request.components, request.donor
        if known is not None and known.game is not None:
            a = donor.architecture
            fewer = self._removal(a, known.game, request.free)
            grown = self._growth(a, known.game, request.free)
            for values in _combined(a, fewer, grown):
                child = self._feasible(donor, values, request.free)
                if child is not None and child != donor:
                    return child
        return self._space.mutate(donor, rng, free=request.free)

    def _feasible(self, donor: Genome, values: Values, free: frozenset[str]) -> Genome | None:
        """Return the child as it was meant; a repair that would remove others is refused."""
        meant = self._space.with_genes(donor, values)
        try:
            child = self._space.repair_within(meant, free)
        except InfeasibleGenome:
            return None
        kept = all(self._space.gene_value(child, name) == value for name, value in values.items())
        return child if kept else None

    def _removal(self, a: Architecture, game: ComponentGame, free: frozenset[str]) -> Values:
        """Return the genes without the components of the best reply that can go."""
        named: dict[int, set[int]] = {}
        for kind, layer, index in game.removed:
            if kind == "head":
                named.setdefault(layer, set()).add(index)
        blocks = {layer for kind, layer, _ in game.removed if kind == "ffn"}
        heads, kv_heads, d_ff = list(a.num_heads), list(a.num_kv_heads), list(a.d_ff)
        gone = self._layers(a, named, blocks, free)
        for layer in range(a.num_layers):
            if layer in gone:
                continue
            if "num_heads" in free and layer in named:
                for fewer, kv in prunings(heads[layer], kv_heads[layer], named[layer]):
                    may = kv == kv_heads[layer] or (
                        "num_kv_heads" in free and self._item("num_kv_heads").contains(kv)
                    )
                    if may and self._item("num_heads").contains(fewer):
                        heads[layer], kv_heads[layer] = fewer, kv
                        break
            if "d_ff" in free and layer in blocks:
                d_ff[layer] = min(a.d_ff[layer], _whole(self._item("d_ff").clip(0)))
        stay = [layer for layer in range(a.num_layers) if layer not in gone]
        return _changes(
            a,
            {
                "num_layers": len(stay),
                "num_heads": tuple(heads[layer] for layer in stay),
                "num_kv_heads": tuple(kv_heads[layer] for layer in stay),
                "d_ff": tuple(d_ff[layer] for layer in stay),
            },
        )

    def _layers(
        self, a: Architecture, named: dict[int, set[int]], blocks: set[int], free: frozenset[str]
    ) -> set[int]:
        """Return the layers all of whose components leave, as many as may go."""
        gone = {at for at in blocks if len(named.get(at, ())) == a.num_heads[at]}
        domain = self._space.gene("num_layers").domain
        if "num_layers" not in free:
            return set()
        while gone and not domain.contains(a.num_layers - len(gone)):
            gone.remove(max(gone))
        return gone

    def _growth(self, a: Architecture, game: ComponentGame, free: frozenset[str]) -> Values:
        """Return the genes with the best-paid role grown; empty where none pays."""
        if not self._grow:
            return {}
        touched = {layer for _, layer, _ in game.removed}
        returns: dict[tuple[str, int], float] = {}
        for m in game.measured:
            kind, layer, _ = m.place
            certain = (m.delta - game.margin * m.standard_error) / m.gflops
            returns[kind, layer] = min(certain, returns.get((kind, layer), certain))
        paid = [
            (rate, kind, layer)
            for (kind, layer), rate in returns.items()
            if rate > game.price and layer not in touched
        ]
        for _, kind, layer in sorted(paid, key=lambda entry: (-entry[0], entry[2], entry[1])):
            values = self._grown(a, kind, layer, free)
            if values:
                return values
        return {}

    def _grown(self, a: Architecture, kind: str, layer: int, free: frozenset[str]) -> Values:
        if kind == "ffn":
            wider = a.d_ff[layer] * (1 + self._grow)
            width = _whole(self._item("d_ff").clip(wider))
            can = "d_ff" in free and width > a.d_ff[layer]
            return {"d_ff": _put(a.d_ff, layer, width)} if can else {}
        heads, kv_heads = a.num_heads[layer], a.num_kv_heads[layer]
        # one more head a group, or where each head has its own key-value head, one more of both
        more, kv = (heads + 1, kv_heads + 1) if heads == kv_heads else (heads + kv_heads, kv_heads)
        wanted = {"num_heads": more, **({} if kv == kv_heads else {"num_kv_heads": kv})}
        if all(name in free and self._item(name).contains(n) for name, n in wanted.items()):
            return {name: _put(getattr(a, name), layer, n) for name, n in wanted.items()}
        return {}

    def _item(self, name: str) -> ScalarDomain:
        domain = self._space.gene(name).domain
        assert isinstance(domain, PerLayer)
        return domain.item


def _combined(a: Architecture, fewer: Values, grown: Values) -> list[Values]:
    """Return both moves together where they fit, then each alone; removal comes first."""
    if not (fewer and grown):
        return [values for values in (fewer, grown) if values]
    if "num_layers" in fewer:  # the vectors of the two differ in length
        return [fewer, grown]
    joined = {**grown, **fewer}
    for name in fewer.keys() & grown.keys():  # they change different layers
        old = getattr(a, name)
        joined[name] = tuple(
            f if f != o else g for f, g, o in zip(fewer[name], grown[name], old, strict=True)
        )
    return [joined, fewer, grown]


def _changes(a: Architecture, values: Values) -> Values:
    changed = {name for name, value in values.items() if getattr(a, name) != value}
    if "num_layers" in changed:
        return values  # the vectors are shorter
    return {name: values[name] for name in values if name in changed}


def _put(vector: tuple[int, ...], at: int, value: int) -> tuple[int, ...]:
    return (*vector[:at], value, *vector[at + 1 :])


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value
