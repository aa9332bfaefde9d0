"""What happens in a search, as values. The event log holds them; everything else is derived.

A field marked `aside` may differ between two runs of the same search (clocks, places); all other
fields of a synchronous search on CPU are bit-identical, whatever the number of workers and
whatever crashed. Values are JSON: numbers, strings, lists as tuples, dicts with string keys.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from orchestrator.record_schema import maker

JSON = Any
"""A JSON value: it came from or goes to a file, and is decoded by the one who reads it."""


def aside(**options: Any) -> Any:
    """Mark a field that two runs of the same search need not share."""
    return field(metadata={"aside": True}, **options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What a member has spent along its lineage; `inherited_*` is the part its donors spent."""

    tokens: int = 0
    flops: float = 0.0
    inherited_tokens: int = 0
    inherited_flops: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchStarted:
    """The search and everything that decides it."""

    run: dict[str, JSON]
    """The resolved run file."""
    space: dict[str, JSON]
    corpus: dict[str, JSON]
    """Digest, sources, vocabulary, documents and tokens of each split."""
    horizon_tokens: int
    """Tokens a member trains from the start to the end of the budget."""
    generations: int
    environment: dict[str, JSON] = aside()


Decision = Literal["start", "continue", "replace", "restart", "baseline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """What a member does next; in the log before any worker learns of it."""

    member: int
    generation: int
    decision: Decision
    genome: dict[str, JSON]
    digest: str
    """12 hex of the genome."""
    donor: int | None = None
    """Whose state it adopts (`replace` only)."""
    proposer: str | None = None
    """Where the genome came from (`replace`, `restart`, `start`)."""
    source: tuple[int, int] | None = None
    """(member, generation) of the state to continue from; none: fresh weights."""
    tokens: int
    """Tokens to train in this interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What a member's interval gave."""

    member: int
    generation: int
    digest: str
    parameters: int
    ledger: Ledger
    interval_tokens: int
    interval_flops: float
    """Training, evaluation and measurement of this interval."""
    train_loss: float | None
    """Mean over the interval, nats per token; none if it failed before its first step."""
    losses: tuple[float, ...]
    """Nats per token on each selection batch, the same batches for all; empty if it failed."""
    nats_per_token: float | None
    bits_per_byte: float | None
    failure: str | None
    morph: dict[str, JSON] | None
    """After an exploit: the moves, which weights and optimizer slots were carried and which start
    afresh, and the change of the loss on a probe batch."""
    utilities: dict[str, JSON] | None
    """Per-component proxies with standard errors, nats per token: heads, ffn, embedding."""
    game: dict[str, JSON] | None = None
    """The components' game at the price of the population: best reply, exploitability, left-out
    components (see `orchestrator.component_game`); none: it was not played."""
    domain_losses: tuple[float, ...] | None = None
    """Nats per token on each source of the corpus; none: they were not told apart."""
    seconds: float = aside()
    """Wall time of the interval: training and evaluation."""
    adoption_seconds: float = aside()
    """Wall time to obtain, rebuild and morph the state before training."""
    cpu_seconds: float = aside()
    """Processor time of the interval, of all threads."""
    finished_at: float = aside()
    """Seconds since the epoch, by the worker's clock."""
    worker: int = aside()
    origin: str = aside()
    """Where the state came from: `fresh`, `live` memory, object `store`, `checkpoint`, or `remade`
    because its checkpoint could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A member's fitness after a generation, with its parts; higher is better."""

    member: int
    generation: int
    fitness: float | None
    """None: failed."""
    parts: dict[str, JSON]
    """The parts of fitness (nats; see `orchestrator.fitness`), the horizon's estimator, and whether
    statistics of the game entered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationClosed:
    """All members have reported a generation."""

    generation: int
    best_member: int | None
    """The fittest at the tokens that all living members have trained; none: nobody lives."""
    best_loss: float | None
    """Its loss there, nats per token on the selection split."""
    best_fitness: float | None
    tokens: int
    """Tokens trained by the whole search so far."""
    flops: float
    price: float | None = None
    """mu in the next generation, nats per token for one GFLOP per training token, where the
    population's front sets it."""
    price_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """A final state on the held-out split, which nothing was selected on."""

    role: Literal["winner", "baseline", "replicate"]
    """`replicate`: one training of a certification."""
    member: int
    generation: int
    digest: str
    parameters: int
    tokens: int
    """Tokens along the lineage."""
    losses: tuple[float, ...]
    nats_per_token: float
    bits_per_byte: float
    seconds: float = aside()


StopReason = Literal["budget", "target_loss", "stagnation", "all_failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFinished:
    """The end, and why."""

    reason: StopReason
    winner: int | None
    """None: every member of the last generation failed."""
    generation: int | None
    digest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificationStarted:
    """A certification of a search, in a log of its own, and everything that decides it."""

    search: dict[str, JSON]
    """Name, seed, winner, its genome's digest, corpus, and whether the search had finished."""
    plan: dict[str, JSON]
    """Arms, replicates and tokens; see `orchestrator.certification.plan`."""
    notes: tuple[str, ...]
    """What was left out, and why."""
    environment: dict[str, JSON] = aside()


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificationFinished:
    """Every training of a certification has ended."""

    failures: int
    """Trainings that diverged, or whose workers died again and again."""


Event = (
    SearchStarted
    | Ordered
    | Reported
    | Scored
    | GenerationClosed
    | Assessed
    | SearchFinished
    | CertificationStarted
    | CertificationFinished
)

KINDS: dict[str, type[Event]] = {
    "search_started": SearchStarted,
    "ordered": Ordered,
    "reported": Reported,
    "scored": Scored,
    "generation_closed": GenerationClosed,
    "assessed": Assessed,
    "search_finished": SearchFinished,
    "certification_started": CertificationStarted,
    "certification_finished": CertificationFinished,
}
_NAMES = {kind: name for name, kind in KINDS.items()}
_MAKERS = {name: maker(kind) for name, kind in KINDS.items()}
_ASIDE = {
    kind: tuple(f.name for f in dataclasses.fields(kind) if f.metadata.get("aside"))
    for kind in KINDS.values()
}
_LASTING = {
    kind: tuple(f.name for f in dataclasses.fields(kind) if not f.metadata.get("aside"))
    for kind in KINDS.values()
}
_SPENT = tuple(field.name for field in dataclasses.fields(Ledger))


def encode(event: Event) -> tuple[str, dict[str, JSON], dict[str, JSON]]:
    """Return the event's kind, its lasting fields and its aside fields.

    The values inside are the event's own, not copies (`dataclasses.asdict` made them, and was most
    of what an event cost): nobody may change them.
    """
    kind = type(event)
    lasting = {name: getattr(event, name) for name in _LASTING[kind]}
    spent = lasting.get("ledger")
    if spent is not None:
        lasting["ledger"] = {name: getattr(spent, name) for name in _SPENT}
    return _NAMES[kind], lasting, {name: getattr(event, name) for name in _ASIDE[kind]}


def decode(kind: str, lasting: dict[str, JSON], beside: dict[str, JSON]) -> Event:
    """Rebuild an event.

    Raises:
        ValueError: Unknown kind, or fields that are not the kind's own.
    """
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"an event kind must be one of {sorted(KINDS)}, but got {kind!r}.")
    try:
        event = _MAKERS[kind]({**lasting, **beside})
    except (TypeError, ValueError) as error:
        raise ValueError(f"the fields of a {kind!r} event do not fit: {error}.") from error
    if isinstance(event, Scored) and type(event.parts.get("parts", {})) is not dict:
        raise ValueError("the fields of a 'scored' event do not fit: `parts.parts` is no mapping.")
    return event
