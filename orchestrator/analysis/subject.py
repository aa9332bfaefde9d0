"""What is analysed: a model, the text for it, and what is known beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.analysis.findings import Proxies
    from orchestrator.analysis.standing import PriceOfFlops
    from orchestrator.story.telling import Story
    from trainers.data import EvaluationBatch
    from trainers.model import Transformer

BATCH_SEQUENCES = 16
DEFAULT_SEQUENCES = 32
"""Of a context length each; fewer where the text does not hold so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A living member of the same search; its model is read when it is needed."""

    member: int
    load: Callable[[], Transformer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One model to analyse."""

    name: str
    text: str
    """What it is measured on, in words."""
    model: Transformer
    batches: tuple[EvaluationBatch, ...]
    proxies: Proxies | None
    price: PriceOfFlops
    story: Story | None
    """Of its search; None for a model of no search."""
    peers: tuple[Peer, ...]
    notes: tuple[str, ...]
