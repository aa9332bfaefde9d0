"""The text of a run: opened, and held against what the run file asks of it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from orchestrator.cache import cache_directory
from orchestrator.errors import Clause, UserError, for_user
from orchestrator.storage.place import is_remote
from orchestrator.storage.sources import fetch_source
from orchestrator.storage.working_copy import corpora_of
from search_spaces.errors import SpaceError
from trainers.data import (
    SPLITS,
    CorpusError,
    CorpusSpec,
    SourceSpec,
    fetch_corpus,
    is_stored,
    prepare_corpus,
    resolve_named,
)
from trainers.data.spec import SMALLEST_BPE_VOCABULARY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from orchestrator.events import JSON
    from orchestrator.run_config import RunConfig, TrainingConfig
    from trainers.data import Corpus, Split


@contextlib.contextmanager
def told(where: str) -> Iterator[None]:
    """Turn errors of corpora and spaces into the user's, of the key `where` of the run file."""
    try:
        yield
    except (CorpusError, SpaceError) as error:
        raise for_user(error, where=where) from error


def corpus_of(config: RunConfig) -> tuple[Corpus, tuple[str, ...]]:
    """Open the text of a run file, prepared if need be, and say what stands in for what.

    Raises:
        UserError: A source cannot be read, or has too little text for the run.
    """
    section = config.corpus
    sources: list[SourceSpec] = []
    notes: list[str] = []
    for at, source in enumerate(section.sources):
        if source.name is not None:
            with told(f"corpus.sources[{at}]"):
                name, reason = resolve_named(source.name, fallback=section.fallback)
            sources.append(SourceSpec.named(name))
            if reason:
                notes.append(f"{name} stands in for {source.name}: {reason}")
        else:
            assert source.path is not None
            path, told_as = source.path, None
            if is_remote(path):
                path, told_as = fetch_source(path, where=f"corpus.sources[{at}].path"), path
            field = source.field or "text"
            sources.append(SourceSpec.file(path, text_field=field, told=told_as))
    try:
        spec = CorpusSpec(
            sources=tuple(sources),
            tokenizer=section.tokenizer,
            # Without a vocabulary of its own a corpus reads bytes, and this number is not used.
            vocab_size=section.vocabulary or SMALLEST_BPE_VOCABULARY,
            context_length=section.context_length,
        )
        corpus = prepare_corpus(spec, cache_directory() / "corpora")
    except CorpusError as error:
        raise for_user(error, where=f"corpus: {error.where}") from error
    _require_enough(config, corpus)
    return corpus, tuple(notes)


def corpus_of_search(
    config: RunConfig, directory: Path, logged: dict[str, JSON]
) -> tuple[Corpus, tuple[str, ...]]:
    """Open the text of a search that has begun: in a store it is kept with the search.

    Args:
        config: The run.
        directory: Of the search, perhaps a working copy.
        logged: The corpus, as its start tells it (`corpus_json`).

    Raises:
        UserError: As `corpus_of`; it may be another text, where it is made again from its sources.
    """
    folder = corpora_of(directory)
    digest = str(logged["digest"])
    if folder is None or not is_stored(folder, digest):
        return corpus_of(config)
    try:
        corpus = fetch_corpus(folder, digest, cache_directory() / "corpora")
    except CorpusError as error:
        raise for_user(error, where=f"corpus: {error.where}") from error
    _require_enough(config, corpus)
    return corpus, tuple(logged["notes"])


def _require_enough(config: RunConfig, corpus: Corpus) -> None:
    with told("population.interval_tokens"):
        corpus.require_batch(config.population.interval_tokens)
    _require_evaluation(config.training, corpus)
    _require_game(config, corpus)


def _require_evaluation(training: TrainingConfig, corpus: Corpus) -> None:
    """Check that every split holds what will be evaluated on it, long before it is."""
    sequences = training.evaluation_sequences
    asked: tuple[tuple[str, Split, int], ...] = (
        ("evaluation_sequences", "game", 1),  # the probe batch of a morph
        ("evaluation_batches", "selection", training.evaluation_batches),
        ("heldout_batches", "heldout", training.heldout_batches),
    )
    for key, split, batches in asked:
        found = sum(corpus.windows(split))
        if batches * sequences > found:
            raise UserError(
                where=f"training.{key}",
                law=f"the {split} split holds {batches} x {sequences} evaluation sequences of "
                f"{corpus.context_length} tokens",
                found=Clause(f"it holds {found}"),
                remedy="Use more text, or lower evaluation_sequences or the number of batches.",
            )


def _require_game(config: RunConfig, corpus: Corpus) -> None:
    """Check the same of what the components' game is played on, and of each source by itself."""
    game = config.fitness.game
    if game is not None and game.sequences > (found := sum(corpus.windows("game"))):
        raise UserError(
            where="fitness.game.sequences",
            law=f"the game split holds {game.sequences} sequences of {corpus.context_length} "
            "tokens",
            found=Clause(f"it holds {found}"),
            remedy="Use more text, or fewer sequences.",
        )
    needed = domain_batches(config) * config.training.evaluation_sequences
    for at, found in enumerate(corpus.windows("selection")):
        if needed > found:
            raise UserError(
                where=f"corpus.sources[{at}]",
                law=f"with fitness.game.nash_average each source has {needed} evaluation sequences "
                "in the selection split",
                found=Clause(f"it has {found}"),
                remedy="Use more of its text, or lower training.evaluation_batches.",
            )


def domain_batches(config: RunConfig) -> int:
    """Return the evaluation batches of each source: as many as all sources have together."""
    game = config.fitness.game
    if game is None or not game.nash_average:
        return 0
    return max(1, config.training.evaluation_batches // len(config.corpus.sources))


def corpus_json(corpus: Corpus, notes: Sequence[str]) -> dict[str, JSON]:
    """Return what identifies the corpus and how much of it is where, for the log."""
    manifest = corpus.manifest
    return {
        "notes": list(notes),
        "digest": corpus.digest,
        "sources": [
            {"name": s.name, "licence": s.licence, "content_sha256": s.content_sha256}
            for s in manifest.sources
        ],
        "vocab_size": corpus.vocab_size,
        "context_length": corpus.context_length,
        "documents": {split: manifest.documents(split) for split in SPLITS},
        "tokens": {split: manifest.tokens(split) for split in SPLITS},
        "text_bytes": {split: manifest.text_bytes(split) for split in SPLITS},
    }
