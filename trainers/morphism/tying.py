"""Tie or untie the readout. Untying copies the embedding exactly; tying keeps the embedding.

Tying keeps the input side, so that every hidden state stays what it was and only the last linear
map has to be learned again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trainers.morphism.weight import donated

if TYPE_CHECKING:
    import torch

    from search_spaces.gpt.architecture import Architecture
    from trainers.morphism.draft import Draft


def move_tying(draft: Draft, child: Architecture, _: torch.Generator) -> Draft:
    """Make the readout tied or untied as the child's."""
    if draft.architecture.tied_embeddings == child.tied_embeddings:
        return draft
    architecture = replace(draft.architecture, tied_embeddings=child.tied_embeddings)
    if child.tied_embeddings:
        weights = {n: w for n, w in draft.weights.items() if n != "unembedding.weight"}
        return replace(draft, weights=weights).moved(
            "readout tied to the embedding, its own matrix dropped",
            architecture=architecture,
            changes={},
            preserving=False,
        )
    # The tied gradient was the sum of both roles'; nobody knows the parts, so both inherit its
    # moments: too large second moments make the first steps short, never long.
    embedding = draft.weights["embedding.weight"]
    return draft.moved(
        "readout untied, a copy of the embedding",
        architecture=architecture,
        changes={"unembedding.weight": donated(embedding.value, embedding.slots)},
        preserving=True,
    )
