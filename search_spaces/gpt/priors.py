"""Priors for the first generation: Step Law (Li et al. 2025, arXiv:2503.04715) and expert settings.

Step Law, fitted on 3,700 language models: the best learning rate and batch follow
`1.79 N^-0.713 D^0.307` and `0.58 D^0.571` tokens, with N parameters that are not embeddings and D
training tokens. It was fitted with AdamW at 60M to 1B parameters; here it centres draws, no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from search_spaces.gpt.batches import scalar
from search_spaces.gpt.cost import count_non_embedding_parameters

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from search_spaces.genome import Genome
    from search_spaces.space import Space

Prior = Literal["uniform", "step_law", "expert"]

SPREAD = 0.15
"""Members stray from the centre by this share of a domain's (log-)width, standard deviation."""
EXPERT_RATE = 0.3
"""Probability with which a gene of an expert member strays at all."""


def step_law_learning_rate(*, parameters: int, tokens: int) -> float:
    """Return the peak learning rate of AdamW, `1.79 N^-0.713 D^0.307` (arXiv:2503.04715, eq. 1).

    Args:
        parameters: N, without embeddings.
        tokens: D, the tokens of the whole training.

    >>> round(step_law_learning_rate(parameters=1_000_000_000, tokens=100_000_000_000), 5)
    0.00163
    """
    return float(1.79 * parameters**-0.713 * tokens**0.307)


def step_law_batch_tokens(*, tokens: int) -> float:
    """Return the tokens of a batch, `0.58 D^0.571` (arXiv:2503.04715, eq. 1).

    >>> round(step_law_batch_tokens(tokens=100_000_000_000))
    1107715
    """
    return float(0.58 * tokens**0.571)


def with_step_law(space: Space, genome: Genome, *, horizon_tokens: int) -> Genome:
    """Return the genome with Step Law's learning rate and batch, as near as the domains allow."""
    rate = step_law_learning_rate(
        parameters=count_non_embedding_parameters(genome.architecture), tokens=horizon_tokens
    )
    values = {
        "learning_rate": scalar(space, "learning_rate").clip(rate),
        "batch_tokens": scalar(space, "batch_tokens").clip(
            step_law_batch_tokens(tokens=horizon_tokens)
        ),
    }
    return space.repair(space.with_genes(genome, values)).genome


def first_generation(
    space: Space,
    size: int,
    rng_of: Callable[[int], np.random.Generator],
    *,
    prior: Prior,
    horizon_tokens: int,
) -> tuple[Genome, ...]:
    """Draw the first generation.

    Args:
        space: Where the members come from.
        size: Members.
        rng_of: Gives each member's generator, so that member i is the same whatever the size.
        prior: `uniform` draws every gene from its domain. `step_law` draws so, but learning rate
            and batch stray around Step Law's for the member's own size. `expert` strays around the
            space's centre with Step Law's learning rate and batch: widely used settings, known to
            train. Member 0 of the last two is the centre itself.
        horizon_tokens: Tokens that each member would train; D of Step Law.

    Raises:
        InfeasibleGenome: the space's laws and limits contradict each other.
        ValueError: an unknown prior, or no tokens.
    """
    if horizon_tokens < 1:
        raise ValueError(f"horizon_tokens > 0 must hold, but got {horizon_tokens}.")
    match prior:
        case "uniform":
            return tuple(space.sample(rng_of(i)) for i in range(size))
        case "step_law" | "expert":
            draw = _around_step_law if prior == "step_law" else _around_expert
            centre = with_step_law(space, space.default(), horizon_tokens=horizon_tokens)
            others = tuple(draw(space, rng_of(i), horizon_tokens) for i in range(1, size))
            return (centre, *others)[:size]
    raise ValueError(f"prior is one of uniform, step_law, expert, but got {prior!r}.")


def _around_step_law(space: Space, rng: np.random.Generator, horizon_tokens: int) -> Genome:
    centre = with_step_law(space, space.sample(rng), horizon_tokens=horizon_tokens)
    values = {
        name: scalar(space, name).perturb(getattr(centre.protocol, name), rng, scale=SPREAD)
        for name in ("learning_rate", "batch_tokens")
    }
    return space.repair(space.with_genes(centre, values)).genome


def _around_expert(space: Space, rng: np.random.Generator, horizon_tokens: int) -> Genome:
    strayed = space.mutate(space.default(), rng, scale=SPREAD, rate=EXPERT_RATE, resample=0.0)
    centre = with_step_law(space, strayed, horizon_tokens=horizon_tokens)
    values = {
        name: scalar(space, name).perturb(getattr(centre.protocol, name), rng, scale=SPREAD)
        for name in ("learning_rate", "batch_tokens")
    }
    return space.repair(space.with_genes(centre, values)).genome
