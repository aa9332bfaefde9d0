"""What a proposer is told, what it is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np

    from orchestrator.component_game import ComponentGame
    from orchestrator.events import JSON
    from search_spaces.genome import Genome

MARGIN = 2.0
"""Standard errors that a utility must exceed before anything acts on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """How a genome did in one interval of one member."""

    member: int
    generation: int
    genome: Genome
    fitness: float
    """At the end of the interval, nats per token."""
    gain: float
    """Fitness after the interval less fitness before, less the generation's median gain; higher is
    better, nats per token. This is what proposers learn from: fitness itself rises with every token
    and would credit each genome with its predecessors' training."""
    tokens: int
    """Tokens trained at the end of the interval, the inherited ones included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownComponents:
    """What was measured of the components of a state, nats per token."""

    heads: tuple[tuple[float, ...], ...]
    """Everyday utility of each head, by layer."""
    heads_error: tuple[tuple[float, ...], ...]
    """Standard errors."""
    ffn: tuple[float, ...]
    ffn_error: tuple[float, ...]
    embedding: float
    embedding_error: float
    game: ComponentGame | None = None
    """The participation game at the population's price; none: it was not played."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRequest:
    """A member that has taken over a donor's state and wants a genome."""

    generation: int
    member: int
    donor: Genome
    """Genome of the state taken over; genes that are not free stay as they are here."""
    replaced: Genome
    """Genome that the member had before."""
    free: frozenset[str]
    """Names of the genes that may change."""
    components: KnownComponents | None = None
    """Of the state taken over; none: they were not measured. The donor's architecture is theirs."""


class Proposer(Protocol):
    """A source of child genomes.

    Deterministic: the same sequence of calls with the same generators gives the same genomes, in
    any process. A search is resumed by repeating the calls.
    """

    def observe(self, observations: tuple[Observation, ...]) -> None:
        """Learn from the intervals that have ended, proposed by whomever."""
        ...

    def propose(self, request: ProposalRequest, rng: np.random.Generator) -> Genome:
        """Return a feasible genome that differs from the donor in free genes only.

        What must follow a free gene follows it: per-layer vectors keep one value a layer, and genes
        that become inactive take their canonical value.
        """
        ...


@runtime_checkable
class RecallingProposer(Proposer, Protocol):
    """A proposer whose state follows from what it observed and proposed, and can be kept.

    A long log of a search with such proposers need not be decided again to go on from it.
    """

    def recall(self, member: int, genome: Genome) -> None:
        """Take note that it proposed this genome for this member, as after `propose`."""
        ...

    def memory(self) -> JSON:
        """Return its state as JSON."""
        ...

    def remember(self, memory: JSON) -> None:
        """Take back a state that `memory` gave, of the same proposer, in another process.

        Raises:
            ValueError: It is none.
        """
        ...
