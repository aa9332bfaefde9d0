"""Laws between keys of a run file; each key alone is checked by its type in run_config/."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import UserError
from orchestrator.mistakes import Mistake
from orchestrator.storage.place import Place, is_remote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.run_config import RunConfig


def broken_laws(run: RunConfig) -> tuple[Mistake, ...]:
    """Return every law between keys that the run file breaks."""
    return (
        *_corpus(run),
        *_population(run),
        *_budget(run),
        *_schedule(run),
        *_training(run),
        *_processes(run),
        *_freeze(run),
        *_game(run),
        *_places(run),
    )


def _places(run: RunConfig) -> Iterator[Mistake]:
    """Check the URIs, before one that has credentials in it is kept anywhere."""
    places: list[tuple[tuple[str | int, ...], str | None]] = [(("output",), run.output)]
    places += [
        (("corpus", "sources", at, "path"), source.path)
        for at, source in enumerate(run.corpus.sources)
    ]
    for key, name in places:
        if name is not None and is_remote(name):
            try:
                Place.parse(name, where="")
            except UserError as error:
                yield Mistake(key=key, law=error.law, found=error.found, remedy=error.remedy)


def _corpus(run: RunConfig) -> Iterator[Mistake]:
    corpus = run.corpus
    if corpus.tokenizer == "bpe" and corpus.vocabulary is None:
        yield Mistake(
            key=("corpus", "vocabulary"),
            law="`tokenizer: bpe` needs a `vocabulary`",
            found="none",
            remedy="Write, for example, vocabulary: 4096.",
        )
    if corpus.tokenizer == "bytes" and corpus.vocabulary is not None:
        yield Mistake(
            key=("corpus", "vocabulary"),
            law="`vocabulary` belongs to `tokenizer: bpe`",
            found=f"vocabulary: {corpus.vocabulary} with `tokenizer: bytes`",
            remedy="Delete it, or write tokenizer: bpe.",
        )
    seen: set[object] = set()
    for at, source in enumerate(corpus.sources):
        if source in seen:
            yield Mistake(
                key=("corpus", "sources", at),
                law="a source is named once",
                found=f"{source.name or source.path} again",
                remedy="Delete one of the two.",
            )
        seen.add(source)


def _population(run: RunConfig) -> Iterator[Mistake]:
    population, context = run.population, run.corpus.context_length
    if population.interval_tokens % context:
        below = population.interval_tokens // context * context
        nearest = f"{below or context} or {below + context}" if below else f"{context}"
        yield Mistake(
            key=("population", "interval_tokens"),
            law=f"`interval_tokens` is a multiple of corpus.context_length ({context})",
            found=f"{population.interval_tokens}",
            remedy=f"Write {nearest}.",
        )
    if population.members == 1 and run.proposers:
        yield Mistake(
            key=("population", "members"),
            law="a population has at least 2 members, or 1 with `proposers: []` (no search)",
            found="1 member and proposers",
            remedy="Write members: 2 or more, or proposers: [] to train one member alone.",
        )
    if population.members > 1 and not run.proposers:
        yield Mistake(
            key=("proposers",),
            law="a population of 2 or more needs at least one proposer of new genomes",
            found="an empty list",
            remedy="Write, for example, proposers: [{proposer: mutation}].",
        )


def _budget(run: RunConfig) -> Iterator[Mistake]:
    budget = run.budget
    if (budget.tokens is None) == (budget.flops is None):
        yield Mistake(
            key=("budget",),
            law="a budget is in tokens or in FLOPs: exactly one of the two",
            found="neither" if budget.tokens is None else "both",
            remedy="Write, for example, budget: {tokens: 8M}.",
        )
    members, interval = run.population.members, run.population.interval_tokens
    if budget.tokens is not None and budget.tokens < members * interval:
        yield Mistake(
            key=("budget", "tokens"),
            law="the budget pays at least one interval of every member: "
            f"tokens >= {members} members x {interval} = {members * interval}",
            found=f"{budget.tokens}",
            remedy="Raise the budget, or lower population.members or population.interval_tokens.",
        )


def _schedule(run: RunConfig) -> Iterator[Mistake]:
    if run.schedule is None:
        return
    members, interval = run.population.members, run.population.interval_tokens
    if members != 1:
        yield Mistake(
            key=("population", "members"),
            law="a `schedule` trains one member",
            found=f"{members}",
            remedy="Write members: 1 and proposers: [], or delete the schedule to search.",
        )
    intervals = run.schedule.intervals
    if run.budget.tokens != intervals * interval:
        found = "a budget in FLOPs" if run.budget.tokens is None else f"{run.budget.tokens}"
        yield Mistake(
            key=("budget",),
            law="the budget is what the schedule trains: "
            f"{intervals} intervals x {interval} = {intervals * interval} tokens",
            found=found,
            remedy=f"Write budget: {{tokens: {intervals * interval}}}.",
        )


def _training(run: RunConfig) -> Iterator[Mistake]:
    training, context = run.training, run.corpus.context_length
    micro = training.micro_batch_tokens
    if micro is not None and micro < context:
        yield Mistake(
            key=("training", "micro_batch_tokens"),
            law=f"a micro-batch holds at least one sequence of context_length = {context} tokens",
            found=f"{micro}",
            remedy=f"Write {context} or more.",
        )
    without_gpu = run.resources.gpus_per_worker == 0
    on_cpu = training.device == "cpu" or (training.device == "auto" and without_gpu)
    if training.dtype == "bfloat16" and on_cpu:
        yield Mistake(
            key=("training", "dtype"),
            law="on a CPU `dtype` is float32",
            found="bfloat16",
            remedy="Write dtype: float32, or give each worker a GPU: gpus_per_worker: 1.",
        )
    if training.device == "cuda" and without_gpu:
        yield Mistake(
            key=("resources", "gpus_per_worker"),
            law="`training.device: cuda` needs a share of a GPU for each worker",
            found="gpus_per_worker: 0",
            remedy="Write, for example, gpus_per_worker: 1, or 0.5 for two workers a GPU.",
        )


def _processes(run: RunConfig) -> Iterator[Mistake]:
    processes, gpus = run.resources.processes_per_member, run.resources.gpus_per_worker
    if processes > 1 and gpus not in (0, 1):
        yield Mistake(
            key=("resources", "gpus_per_worker"),
            law=f"each of the {processes} processes of a member has a GPU of its own, or all train "
            "on CPUs",
            found=f"gpus_per_worker: {gpus:g}",
            remedy="Write gpus_per_worker: 1 or 0; it is counted for each process.",
        )


def _freeze(run: RunConfig) -> Iterator[Mistake]:
    freeze = run.freeze
    if freeze.protocol_before > freeze.architecture_after:
        yield Mistake(
            key=("freeze", "protocol_before"),
            law="at every moment some genes may change: protocol_before <= architecture_after",
            found=f"protocol_before: {freeze.protocol_before}, "
            f"architecture_after: {freeze.architecture_after}",
            remedy="Lower protocol_before, or raise architecture_after.",
        )


def _game(run: RunConfig) -> Iterator[Mistake]:
    game = run.fitness.game
    needs_utilities = {
        "fitness.game": game is not None,
        "the gene payoff_sharing": run.space.genes.get("payoff_sharing", 0) not in (0, 0.0),
        "proposer: replicator": any(p.proposer == "replicator" for p in run.proposers),
    }
    for name, asked in needs_utilities.items():
        if asked and run.training.utility_every == 0:
            yield Mistake(
                key=("training", "utility_every"),
                law=f"`{name}` needs measured utilities: utility_every >= 1",
                found="0",
                remedy="Delete it (8 steps are the default), or write another number.",
            )
    for at, proposer in enumerate(run.proposers):
        if proposer.proposer == "best_reply" and game is None:
            yield Mistake(
                key=("proposers", at, "proposer"),
                law="`best_reply` needs the components' game to be played",
                found="no fitness.game",
                remedy="Write fitness: {nats_per_gflop: front, game: {}}, with best_reply: false "
                "in it to leave fitness as it is.",
            )
    if game is not None and game.nash_average > 0 and len(run.corpus.sources) < 2:
        yield Mistake(
            key=("fitness", "game", "nash_average"),
            law="a Nash average is over the sources of the corpus, 2 or more",
            found=f"{len(run.corpus.sources)}",
            remedy="Delete it, or add a source.",
        )
