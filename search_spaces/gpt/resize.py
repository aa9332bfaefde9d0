"""Resizing: a model of the same kind with a given number of parameters, for fair baselines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from search_spaces.errors import InfeasibleGenome
from search_spaces.gpt.batches import scalar
from search_spaces.gpt.cost import count_parameters
from search_spaces.gpt.heads import fit_layers, item, members, nearest
from search_spaces.repairing import replaced

if TYPE_CHECKING:
    from search_spaces.genome import Genome
    from search_spaces.space import Space

NEAR_ENOUGH = 0.02
"""Among models this near to the wanted size, the one with the original's proportions is taken."""

MAX_WIDTHS = 256
"""Of a finer d_model domain, evenly spaced values are tried; d_ff does the fine adjustment."""


def resize_to_parameters(space: Space, genome: Genome, parameters: int) -> Genome:
    """Scale d_model, d_ff, heads and layers to the parameter count nearest to `parameters`.

    Every number of layers and d_model of the space is tried, with the d_ff that comes nearest.
    Among those within 2 % (or the nearest, if none is), the one wins whose ratios d_model / layers
    and d_ff / d_model are most like the original's. Heads follow d_model; all other genes stay.

    Args:
        space: Gives the domains and laws; d_model, d_ff, heads and layers must not be fixed for
            the size to be reached.
        genome: The model to scale, `space.default()` for a baseline.
        parameters: The wanted count. `count_parameters(result.architecture)` says how near.

    Raises:
        InfeasibleGenome: no candidate obeys the laws of the space.
    """
    genome = space.repair(genome).genome
    best: tuple[tuple[float, float], Genome] | None = None
    for layers in members(scalar(space, "num_layers")):
        widths = members(scalar(space, "d_model"))
        for d_model in widths[:: -(-len(widths) // MAX_WIDTHS)]:
            candidate = _fill(space, _shaped(space, genome, layers, d_model), parameters)
            if candidate is None:
                continue
            error = abs(count_parameters(candidate.architecture) / parameters - 1)
            rank = (0.0 if error <= NEAR_ENOUGH else error, _strain(candidate, genome))
            if best is not None and rank >= best[0]:
                continue
            try:
                space.check(candidate)
            except InfeasibleGenome:
                continue
            best = rank, candidate
    if best is None:
        raise InfeasibleGenome(
            f"a model of {parameters:,} parameters exists in space {space.name!r}",
            "no candidate obeys its laws",
            "Widen num_layers, d_model or d_ff, or raise the limits.",
        )
    return best[1]


def _shaped(space: Space, genome: Genome, layers: int, d_model: int) -> Genome | None:
    """Return the genome with another depth and width; heads keep heads * head_dim / d_model."""
    a = genome.architecture
    kept = [(i * 2 + 1) * a.num_layers // (2 * layers) for i in range(layers)]
    wide = d_model / a.d_model
    heads = tuple(
        nearest(item(space, "num_heads"), max(1, round(a.num_heads[i] * wide))) for i in kept
    )
    kv_heads = tuple(
        nearest(item(space, "num_kv_heads"), max(1, round(h * a.num_kv_heads[i] / a.num_heads[i])))
        for h, i in zip(heads, kept, strict=True)
    )
    fitting = fit_layers(space, space.names, heads, kv_heads)
    if fitting is None:
        return None
    return replaced(
        genome,
        {
            "num_layers": layers,
            "d_model": d_model,
            "num_heads": fitting[0],
            "num_kv_heads": fitting[1],
            "d_ff": tuple(a.d_ff[i] for i in kept),
        },
    )


def _fill(space: Space, genome: Genome | None, parameters: int) -> Genome | None:
    """Scale d_ff by the factor that meets the count: it is linear in d_ff.

    Where a common step of all layers is too coarse, some layers get one more or one less.
    """
    if genome is None:
        return None
    a = genome.architecture
    ffn = (3 if a.activation == "swiglu" else 2) * a.d_model * sum(a.d_ff)
    factor = (parameters - count_parameters(a) + ffn) / ffn
    domain = item(space, "d_ff")
    d_ff = [nearest(domain, max(1.0, f * factor)) for f in a.d_ff]
    per_unit = ffn / sum(a.d_ff)
    missing = (parameters - count_parameters(a) + ffn) / per_unit - sum(d_ff)
    if abs(missing) * per_unit > NEAR_ENOUGH * parameters:
        for i, width in enumerate(d_ff):
            next_to = domain.at_least(width + 1) if missing > 0 else domain.at_most(width - 1)
            step = 0 if next_to is None else int(next_to) - width  # type: ignore[arg-type]
            if abs(missing - step) < abs(missing):
                d_ff[i] += step
                missing -= step
    return replaced(genome, {"d_ff": tuple(d_ff)})


def _strain(genome: Genome, original: Genome) -> float:
    """Measure how far proportions have moved: |log| of depth-to-width and of hidden-to-width."""
    a, b = genome.architecture, original.architecture
    aspect = math.log((a.d_model / a.num_layers) / (b.d_model / b.num_layers))
    hidden = math.log(
        (sum(a.d_ff) / a.num_layers / a.d_model) / (sum(b.d_ff) / b.num_layers / b.d_model)
    )
    return abs(aspect) + abs(hidden)
