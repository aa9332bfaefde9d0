"""What of a search's run file a comparison depends on, read off the log once and strictly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import Clause, UserError

if TYPE_CHECKING:
    from orchestrator.events import JSON, SearchStarted


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """What decides the evaluation batches of a corpus, beside their number."""

    corpus_digest: str
    context_length: int
    sequences: int
    """In a batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one search."""

    seed: int
    space: str
    members: int
    budget: tuple[str, float]
    """(tokens or FLOPs, how many)"""
    selection: str
    proposers: tuple[str, ...]
    batches: Batches
    selection_batches: int


def read_settings(started: SearchStarted, *, where: str) -> Settings:
    """Read the settings of a search.

    Raises:
        UserError: The log tells of its run in another way than this version does.
    """
    run = started.run
    try:
        tokens, flops = run["budget"]["tokens"], run["budget"]["flops"]
        return Settings(
            seed=int(run["seed"]),
            space=str(started.space["name"]),
            members=int(run["population"]["members"]),
            budget=("FLOPs", float(flops)) if tokens is None else ("tokens", float(tokens)),
            selection=str(run["selection"]["policy"]),
            proposers=tuple(map(_proposer, run["proposers"])),
            batches=Batches(
                corpus_digest=str(started.corpus["digest"]),
                context_length=int(run["corpus"]["context_length"]),
                sequences=int(run["training"]["evaluation_sequences"]),
            ),
            selection_batches=int(run["training"]["evaluation_batches"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        what = f"has no {error}" if isinstance(error, KeyError) else f"does not: {error}"
        raise UserError(
            where=f"{where}, its run file",
            law="the log has the whole run file with every default",
            found=Clause(f"it {what}"),
            remedy="It was written by another version of masga: compare it with that version.",
        ) from error


def _proposer(described: dict[str, JSON]) -> str:
    own = described.get("sampler") or described.get("optimizer")
    return f"{described['proposer']} {own}" if own else str(described["proposer"])
