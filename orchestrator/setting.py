"""From a run file to what a search needs: its rules, its corpus and its trainers' settings."""

from __future__ import annotations

import math
import os
import platform
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Literal

import torch

from orchestrator.errors import Clause, UserError
from orchestrator.fitness import FitnessRule
from orchestrator.game_terms import GameTerms
from orchestrator.mistakes import gathered
from orchestrator.plugins import make_estimator, make_policy, make_proposers
from orchestrator.randomness import generator
from orchestrator.rules import Rules
from orchestrator.run_corpus import corpus_of, domain_batches, told
from orchestrator.schedule import ORIGIN, Schedule, Stretch, require_trainable
from search_spaces.domains import Simplex
from search_spaces.genome import genome_from_json
from search_spaces.gpt.cost import flops_per_token
from search_spaces.gpt.priors import first_generation
from search_spaces.limits import Limits
from search_spaces.loading import load_space
from search_spaces.runfile import domain_from_json
from trainers.settings import TrainerSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.events import JSON
    from orchestrator.run_config import FitnessConfig, RunConfig
    from search_spaces.domains import Domain
    from search_spaces.genome import Genome
    from search_spaces.space import Space
    from trainers.data import Corpus

SMALLEST_GAME = 2
"""Sequences below which nothing has a standard error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A run, resolved on this machine."""

    rules: Rules
    corpus: Corpus
    settings: TrainerSettings
    notes: tuple[str, ...]
    """What was done otherwise than asked, for the user to read."""
    environment: dict[str, JSON]
    """Versions and places, for the record."""


def prepare(config: RunConfig, *, text: tuple[Corpus, tuple[str, ...]] | None = None) -> Setting:
    """Resolve a run file: read its corpus, shape its space, draw its first genomes.

    Args:
        config: The run.
        text: Its text and what stood in for what, opened already; none: to be read.

    Raises:
        UserError: The corpus, the space, a plug-in or this machine is not as the run file says.
    """
    _require_device(config)
    corpus, notes = corpus_of(config) if text is None else text
    space = _space(config, corpus)
    schedule = _schedule(config, space)
    first: tuple[Genome, ...]
    origin: str = config.space.first_generation
    if schedule is not None:
        assert config.schedule is not None
        horizon, generations = config.schedule.horizon_tokens, schedule.intervals
        first, origin = (schedule.stretches[0].genome,), ORIGIN
    else:
        horizon, generations = _first_guess(config)
        first = _first_genomes(config, space, horizon)
    if config.budget.flops is not None:
        generations = _generations_for_flops(config, first)
        horizon = generations * config.population.interval_tokens
        first = _first_genomes(config, space, horizon)
    rules = Rules(
        seed=config.seed,
        members=config.population.members,
        mode=config.population.mode,
        generations=generations,
        interval_tokens=config.population.interval_tokens,
        horizon_tokens=horizon,
        budget_flops=config.budget.flops,
        target_loss=config.stop.target_loss,
        stagnation_generations=config.stop.stagnation_generations,
        architecture_free_until=config.freeze.architecture_after,
        protocol_free_from=config.freeze.protocol_before,
        baseline=config.baseline,
        space=space,
        first_genomes=first,
        first_origin=origin,
        policy=make_policy(config.selection),
        proposers=make_proposers(config.proposers, space) if config.proposers else None,
        fitness=_fitness_rule(config.fitness),
        schedule=schedule,
    )
    return Setting(
        rules=rules,
        corpus=corpus,
        settings=trainer_settings(config, horizon),
        notes=notes,
        environment=environment(),
    )


def _require_device(config: RunConfig) -> None:
    """Check what can be known before a worker runs; another machine's devices cannot."""
    on_cuda = config.training.device == "cuda" or config.resources.gpus_per_worker > 0
    if on_cuda and config.resources.address is None and not torch.cuda.is_available():
        raise UserError(
            where="resources.gpus_per_worker",
            law="this machine has a GPU that torch can use",
            found="none",
            remedy="Write training: {device: cpu} and gpus_per_worker: 0, or see 'masga doctor'.",
        )


def _space(config: RunConfig, corpus: Corpus) -> Space:
    limits = config.space.limits
    with told("space.name"):
        space = (
            load_space(config.space.name)
            .with_constants(vocab_size=corpus.vocab_size, context_length=corpus.context_length)
            .narrowed(data_mix=Simplex(corpus.num_sources))
        )
    domains = _domains(config, space)
    with told("space.genes"):
        space = space.narrowed(**domains)
        space.default()  # law against law: said before anything is started
    with told("space.limits"):
        space = space.limited(
            Limits(
                max_parameters=limits.parameters,
                max_flops_per_token=limits.flops_per_token,
                max_memory_bytes=limits.memory,
                micro_batch_tokens=config.training.micro_batch_tokens,
            )
        )
        space.default()  # and law against limit
    return space


def _domains(config: RunConfig, space: Space) -> dict[str, Domain]:
    """Decode the domains of the run file; all mistakes are told together."""
    domains: dict[str, Domain] = {}
    errors: list[UserError] = []
    for name, written in config.space.genes.items():
        try:
            with told(f"space.genes.{name}"):
                domains[name] = domain_from_json(space.gene(name), written)
        except UserError as error:
            errors.append(error)
    if errors:
        raise gathered(tuple(errors))
    return domains


def _fitness_rule(section: FitnessConfig) -> FitnessRule:
    price, game = section.nats_per_gflop, section.game
    return FitnessRule(
        horizon=make_estimator(section),
        nats_per_gflop_per_token=0.0 if price == "front" else price,
        price_of_front=price == "front",
        game=None
        if game is None
        else GameTerms(
            best_reply=game.best_reply,
            remaining_improvement=game.remaining_improvement,
            nash_average=game.nash_average,
            guard_rail=game.guard_rail,
        ),
    )


def _schedule(config: RunConfig, space: Space) -> Schedule | None:
    """Decode the stretches of the run file; none: it searches."""
    if config.schedule is None:
        return None
    stretches: list[Stretch] = []
    for at, written in enumerate(config.schedule.stretches):
        where = f"schedule.stretches[{at}].genome"
        try:
            genome = genome_from_json(written.genome)
        except ValueError as error:
            raise UserError(
                where=where,
                law="a genome has every gene, as a number, word or list of its kind",
                found=Clause(f"{error}".removesuffix(".")),
                remedy="Write it as `masga export --format yaml` does.",
            ) from error
        with told(where):
            require_trainable(space, genome)
        stretches.append(Stretch(intervals=written.intervals, genome=genome, seed=written.seed))
    return Schedule(stretches=tuple(stretches))


def _first_guess(config: RunConfig) -> tuple[int, int]:
    """Return a member's tokens and generations if the budget is in tokens; else of one interval."""
    population = config.population
    if config.budget.tokens is None:
        return population.interval_tokens, 1
    generations = config.budget.tokens // (population.members * population.interval_tokens)
    return generations * population.interval_tokens, generations


def _generations_for_flops(config: RunConfig, first: Sequence[Genome]) -> int:
    """Return how many generations of the first genomes the FLOPs pay."""
    assert config.budget.flops is not None
    per_generation = sum(
        flops_per_token(g.architecture, sequence_length=g.architecture.context_length)
        * config.population.interval_tokens
        for g in first
    )
    generations = math.floor(config.budget.flops / per_generation)
    if generations < 1:
        raise UserError(
            where="budget.flops",
            law="the budget pays at least one interval of every member, about "
            f"{per_generation:.3g} FLOPs for the first genomes",
            found=f"{config.budget.flops:.3g}",
            remedy="Raise the budget, or lower population.members or population.interval_tokens.",
        )
    return generations


def _first_genomes(config: RunConfig, space: Space, horizon_tokens: int) -> tuple[Genome, ...]:
    with told("space"):
        return first_generation(
            space,
            config.population.members,
            lambda member: generator(config.seed, "first", 0, member),
            prior=config.space.first_generation,
            horizon_tokens=horizon_tokens,
        )


def trainer_settings(config: RunConfig, horizon_tokens: int) -> TrainerSettings:
    """Return what the run decides about the training of all its members."""
    training, game = config.training, config.fitness.game
    device: Literal["cpu", "cuda"]
    if training.device == "auto":
        device = "cuda" if config.resources.gpus_per_worker > 0 else "cpu"
    else:
        device = training.device
    cuda = device == "cuda"
    return TrainerSettings(
        seed=config.seed,
        horizon_tokens=horizon_tokens,
        device=device,
        dtype=("bfloat16" if cuda else "float32") if training.dtype == "auto" else training.dtype,
        compile=cuda if training.compile == "auto" else training.compile,
        threads=max(1, int(config.resources.cpus_per_worker)),
        utility_every=training.utility_every,
        evaluation_sequences=training.evaluation_sequences,
        evaluation_batches=training.evaluation_batches,
        heldout_batches=training.heldout_batches,
        micro_batch_tokens=training.micro_batch_tokens,
        activation_checkpointing=training.activation_checkpointing,
        game_evaluations=0 if game is None else game.evaluations,
        game_sequences=SMALLEST_GAME if game is None else game.sequences,
        game_margin=0.0 if game is None else game.margin,
        domain_batches=domain_batches(config),
    )


def environment() -> dict[str, JSON]:
    """Return what another person needs to know of this machine and its packages."""
    packages = ("masga", "torch", "ray", "optuna", "nevergrad", "numpy")
    versions: dict[str, str | None] = {}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "cuda_devices": torch.cuda.device_count(),
        "packages": versions,
    }
