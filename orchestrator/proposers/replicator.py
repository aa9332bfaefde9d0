"""The replicator proposer: shares of the FLOPs move to the roles that earn more than the average.

Roles are the attention and the feed-forward block of each layer, and the embedding; their shares x
of the model's FLOPs are a population's state (DESIGN 4.6). A role's payoff is what it earns for its
share beside the model's mean, f_i = (u_i / sum u) / x_i, from the donor's measured utilities; the
mean payoff is 1. One exponential-weights step (`orchestrator.game.dynamics`), which cannot leave
the simplex, gives the shares of the child at the same FLOPs; heads and hidden units are whole
numbers, rounded at random so that the step is right in the mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.game.dynamics.exponential_weights import exponential_weights_step
from orchestrator.proposers.memoryless import Memoryless
from orchestrator.proposers.proposal import MARGIN
from search_spaces.domains import PerLayer
from search_spaces.errors import InfeasibleGenome
from search_spaces.gpt.role_cost import role_flops

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestrator.proposers.proposal import KnownComponents, ProposalRequest
    from search_spaces.domains import ScalarDomain
    from search_spaces.genome import Genome
    from search_spaces.gpt.architecture import Architecture
    from search_spaces.space import Space

MOST_CHANGE = 2.0
"""A role grows or shrinks by at most this factor: payoffs are measured at the shares of today."""


class ReplicatorProposer(Memoryless):
    """Moves the role shares of the donor by one step of the replicator dynamic."""

    def __init__(self, space: Space, *, rate: float = 0.25) -> None:
        """Set up.

        Args:
            space: The space of the genomes.
            rate: Length of a step: a role that earns twice the average grows by about exp(rate).
        """
        if not 0 < rate <= 10:
            raise ValueError(f"`0 < rate <= 10` must hold, but got rate={rate}.")
        self._space = space
        self._rate = rate

    def propose(self, request: ProposalRequest, rng: np.random.Generator) -> Genome:
        """Return the donor with its shares moved, or mutated where that rounds to the donor."""
        donor = request.donor
        if request.components is not None:
            a = donor.architecture
            factors = self._factors(a, request.components)
            values = {
                name: value
                for name, value in self._rounded(a, factors, rng).items()
                if name in request.free and not self._space.gene(name).is_fixed
            }
            try:
                child = self._space.repair_within(
                    self._space.with_genes(donor, values), request.free
                )
            except InfeasibleGenome:
                child = donor
            if child != donor:
                return child
        return self._space.mutate(donor, rng, free=request.free)

    def _factors(self, a: Architecture, known: KnownComponents) -> NDArray[np.float64]:
        """Return the factor of each role's share: attention by layer, FFN by layer, embedding."""
        flops = role_flops(a, sequence_length=a.context_length)
        shares = np.array([*flops.attention, *flops.ffn, flops.readout]) / flops.total
        moved = exponential_weights_step(shares, payoffs(known, shares), rate=self._rate)
        return np.clip(moved / shares, 1 / MOST_CHANGE, MOST_CHANGE)

    def _rounded(
        self, a: Architecture, factors: NDArray[np.float64], rng: np.random.Generator
    ) -> dict[str, Any]:
        """Return genes whose roles take about the shares asked for, at the same FLOPs in all."""
        layers = a.num_layers
        width = self._space.gene("d_model").domain
        assert not isinstance(width, PerLayer)
        d_model = _rounded(width, a.d_model * factors[-1], rng)  # type: ignore[arg-type]
        heads, hidden = self._item("num_heads"), self._item("d_ff")
        # a role's FLOPs are its size times d_model: what that takes, the size gives back
        sizes = factors[:-1] * a.d_model / d_model
        num_heads = tuple(
            _rounded(heads, h * f, rng) for h, f in zip(a.num_heads, sizes[:layers], strict=True)
        )
        return {
            "d_model": d_model,
            "num_heads": num_heads,
            "num_kv_heads": tuple(
                _nearest(self._item("num_kv_heads"), k * new / old)
                for k, new, old in zip(a.num_kv_heads, num_heads, a.num_heads, strict=True)
            ),
            "d_ff": tuple(
                _rounded(hidden, w * f, rng) for w, f in zip(a.d_ff, sizes[layers:], strict=True)
            ),
        }

    def _item(self, name: str) -> ScalarDomain:
        domain = self._space.gene(name).domain
        assert isinstance(domain, PerLayer)
        return domain.item


def payoffs(
    known: KnownComponents,
    shares: NDArray[np.float64],  # (roles,), on the simplex
) -> NDArray[np.float64]:  # (roles,), their mean under `shares` is 1
    """Return what each role earns for its share beside the model's mean.

    A role whose utility is not above its noise earns the mean: nothing acts on noise.
    """
    heads = [np.array(layer) for layer in known.heads]
    errors = [float(np.sqrt(np.square(layer).sum())) for layer in known.heads_error]
    utility = np.array([*(layer.sum() for layer in heads), *known.ffn, known.embedding])
    error = np.array([*errors, *known.ffn_error, known.embedding_error])
    acts = utility > MARGIN * error
    total = utility[acts].sum()
    if not total > 0:
        return np.ones_like(shares)
    earned = utility / total * shares[acts].sum()
    found: NDArray[np.float64] = np.where(acts, earned / shares, 1.0)
    return found


def _rounded(domain: ScalarDomain, target: float, rng: np.random.Generator) -> int:
    """Return a member beside the target, each so likely that the mean is the target."""
    draw = rng.random()  # one draw a value, whatever it is needed for
    low, high = domain.at_most(target), domain.at_least(target)
    if low is None or high is None or low == high:
        return _nearest(domain, target)
    assert isinstance(low, int)
    assert isinstance(high, int)
    return high if draw < (target - low) / (high - low) else low


def _nearest(domain: ScalarDomain, target: float) -> int:
    found = domain.clip(target)
    assert isinstance(found, int)
    return found
