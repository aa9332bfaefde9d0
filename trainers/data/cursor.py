"""The data cursor: which windows a batch reads, from (seed, position, mix) alone.

A member reads a stream of windows of `context_length` targets. Window number n, counted from the
member's first token, comes from the source that draw n of the key (seed, "mix") picks; it is that
source's next one, so the k-th window read from a source is number k mod N of its epoch k div N.
`Position.windows` counts the windows *finished* of each source, hence always

    sum(windows) == tokens // context_length,

and a batch that stops inside a window goes on there. A row of a batch is the next `length` targets.
So the stream does not depend on how it is cut into batches, and a shorter `length` reads a window
in context_length / length rows. Where the mix changes, the stream changes from the next window on
(inside a window: from there on, should the draw now pick another source).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from trainers.data.shuffle import uniforms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainers.state import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPlan:
    """Windows that a batch touches, and where its rows lie in them."""

    sources: NDArray[np.int64]  # (windows,)
    ordinals: NDArray[np.int64]  # (windows,), how many windows of the source came before
    row_window: NDArray[np.int64]  # (sequences,), index into the two above
    row_offset: NDArray[np.int64]  # (sequences,), tokens into the window
    after: Position


def plan_batch(
    position: Position,
    *,
    seed: int,
    sequences: int,
    length: int,
    context_length: int,
    mix: tuple[float, ...],
) -> ReadPlan:
    """Plan the next `sequences` rows of `length` targets.

    Raises:
        ValueError: `length` does not divide context_length or position.tokens, the position is
            not one of this corpus, or the mix is no distribution over its sources.
    """
    _check(position, sequences=sequences, length=length, context_length=context_length, mix=mix)
    stop = position.tokens + sequences * length
    first = position.tokens // context_length
    count = -(-stop // context_length) - first
    sources = draw_sources(seed=seed, start=first, count=count, mix=mix)
    ordinals = np.empty(count, np.int64)
    for source, finished in enumerate(position.windows):
        chosen = np.flatnonzero(sources == source)
        ordinals[chosen] = finished + np.arange(len(chosen))
    newly_finished = np.bincount(sources[: stop // context_length - first], minlength=len(mix))
    row_start = position.tokens + np.arange(sequences, dtype=np.int64) * length
    return ReadPlan(
        sources=sources,
        ordinals=ordinals,
        row_window=row_start // context_length - first,
        row_offset=row_start % context_length,
        after=replace(
            position,
            tokens=stop,
            windows=tuple(
                w + int(n) for w, n in zip(position.windows, newly_finished, strict=True)
            ),
        ),
    )


def draw_sources(
    *, seed: int, start: int, count: int, mix: tuple[float, ...]
) -> NDArray[np.int64]:  # (count,)
    """Return the source of windows `start` to `start + count - 1`, each drawn by its number."""
    if len(mix) == 1:
        return np.zeros(count, np.int64)
    bounds = np.cumsum(mix) / sum(mix)
    drawn = np.searchsorted(bounds, uniforms(("mix", seed), start, count), side="right")
    last = max(s for s, share in enumerate(mix) if share > 0)  # rounding must not pass it
    return np.minimum(drawn, last).astype(np.int64)


def _check(
    position: Position,
    *,
    sequences: int,
    length: int,
    context_length: int,
    mix: tuple[float, ...],
) -> None:
    if sequences < 1 or length < 1 or context_length % length:
        raise ValueError(
            f"`sequences >= 1` and `length` divides context_length={context_length} must hold, "
            f"but got sequences={sequences}, length={length}."
        )
    if position.tokens % length:
        raise ValueError(
            f"position.tokens must be a multiple of length={length}, but is {position.tokens}. "
            "Finish the stage of shorter sequences with a batch that reaches one."
        )
    if len(position.windows) != len(mix):
        raise ValueError(
            f"position.windows has one count a source, but {len(position.windows)} counts came "
            f"for {len(mix)} sources. Start at `corpus.start()`."
        )
    if sum(position.windows) != position.tokens // context_length:
        raise ValueError(
            f"sum(position.windows) == position.tokens // {context_length} must hold, but got "
            f"windows={position.windows}, tokens={position.tokens}. Was it made by this corpus?"
        )
    if min(mix) < 0 or not math.isclose(sum(mix), 1.0, abs_tol=1e-6):
        raise ValueError(f"mix must be shares >= 0 that sum to 1, but got {mix}.")
