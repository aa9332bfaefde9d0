"""A member of a search as the subject of an analysis: checkpoint, corpus, population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.findings import Proxies
from orchestrator.analysis.standing import PriceOfFlops, price_of_population
from orchestrator.analysis.subject import BATCH_SEQUENCES, DEFAULT_SEQUENCES, Peer, Subject
from orchestrator.errors import Clause, UserError, for_user
from orchestrator.event_log import LOG_NAME, read_log
from orchestrator.events import SearchStarted
from orchestrator.resuming import files_of, logged_run
from orchestrator.run_corpus import corpus_of_search
from orchestrator.storage.working_copy import checkpoints_in
from orchestrator.story.telling import is_baseline, leaderboard, told
from orchestrator.tasks import StateKey
from orchestrator.trust import require_trusted, text_reaches
from search_spaces.genome import genome_from_json
from search_spaces.gpt.cost import forward_flops_per_token
from trainers import attribution
from trainers.checkpoint import CheckpointDamaged, read_checkpoint
from trainers.data import CorpusError
from trainers.reviving import model_of

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.story.telling import Story
    from trainers.data import Corpus, EvaluationBatch
    from trainers.model import Transformer
    from trainers.state import MemberState


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the user has chosen of a search."""

    member: int | None = None
    """None: the winner, or the fittest so far."""
    sequences: int | None = None
    """None: the default, or as many as the corpus holds."""
    nats_per_gflop: float | None = None
    """The price; None: what the population pays."""
    device: str = "cpu"
    trust: bool = False
    """Read text elsewhere that the log names, whosever it is."""


def subject_of_search(directory: Path, wanted: Wanted) -> Subject:
    """Read a member of a search and all that its analysis needs.

    Raises:
        UserError: There is no such search or member, its checkpoint is gone or damaged, or its
            corpus is not what it was.
    """
    events, _, _ = read_log(directory / LOG_NAME)
    config = logged_run(events, directory)
    story = told(tuple(events))
    key = _chosen(story, directory, wanted.member)
    state = _state(directory, key)
    require_trusted(
        lambda: text_reaches(config, directory), files=files_of(directory), trust=wanted.trust
    )
    started = events[0]
    assert isinstance(started, SearchStarted)
    corpus, notes = corpus_of_search(config, directory, started.corpus)
    if started.corpus["digest"] != corpus.digest:
        raise UserError(
            where=f"{directory}: corpus",
            law=f"a member is measured on the text of its search, {started.corpus['digest']}",
            found=f"other text, {corpus.digest}",
            remedy="Put the files of its sources back as they were.",
        )
    batches = _game_batches(corpus, wanted.sequences)
    utilities = attribution.from_state(state)
    sequences = sum(len(batch.tokens) for batch in batches)
    return Subject(
        name=f"member {key.member} after generation {key.generation} of {config.name}",
        text=f"{sequences} sequences of {corpus.context_length} tokens of the game split of "
        f"{', '.join(source.name for source in corpus.manifest.sources)}",
        model=model_of(state).to(wanted.device),
        batches=batches,
        proxies=None
        if utilities.weight == 0.0
        else Proxies(mean=utilities.mean, error=utilities.error),
        price=_price(story, key, wanted.nats_per_gflop),
        story=story,
        peers=_peers(story, directory, wanted.device),
        notes=notes,
    )


def _chosen(story: Story, directory: Path, member: int | None) -> StateKey:
    """Return the state to analyse: the newest one of the member that was kept."""
    finished = story.finished
    if member is None and finished is not None and finished.winner is not None:
        assert finished.generation is not None
        return StateKey(finished.winner, finished.generation)
    if member is None:
        ranked = [standing for standing in leaderboard(story) if standing.rank is not None]
        if not ranked:
            raise UserError(
                where=str(directory),
                law="a search that is analysed has a member that has finished an interval",
                found="none",
                remedy="Go on with it first: masga resume.",
            )
        member = ranked[0].member
    if member not in story.judged:
        known = sorted(story.judged)
        raise UserError(
            where=str(directory),
            law=f"--member is one of {', '.join(map(str, known)) or 'the members that reported'}",
            found=str(member),
            remedy="Choose one of them, or leave it out for the winner.",
        )
    kept = [
        StateKey(*point)
        for point, report in story.reports.items()
        if point[0] == member and report.failure is None and not is_baseline(story, point)
    ]
    return max(kept, key=lambda key: key.generation, default=StateKey(*story.judged[member]))


def _state(directory: Path, key: StateKey) -> MemberState:
    try:
        return read_checkpoint(checkpoints_in(directory) / str(key))[0]
    except CheckpointDamaged as error:
        raise UserError(
            where=str(error.file),
            law=f"the checkpoint of member {key.member} after generation {key.generation} is whole",
            found=Clause(error.what.removesuffix(".")),
            remedy="Choose another member with --member, or restore the checkpoint from a copy.",
        ) from error


def _game_batches(corpus: Corpus, sequences: int | None) -> tuple[EvaluationBatch, ...]:
    available = sum(corpus.windows("game"))
    if sequences is not None and not 2 <= sequences <= available:
        raise UserError(
            where="--sequences",
            law=f"2 or more, and at most the {available} that the game split holds",
            found=str(sequences),
            remedy="Leave it out for the default.",
        )
    count = min(DEFAULT_SEQUENCES, available) if sequences is None else sequences
    at_once = next(size for size in range(min(BATCH_SEQUENCES, count), 0, -1) if count % size == 0)
    try:
        return corpus.evaluation_batches("game", sequences=at_once, count=count // at_once)
    except CorpusError as error:
        raise for_user(error, where=error.where) from error


def _price(story: Story, key: StateKey, nats_per_gflop: float | None) -> PriceOfFlops:
    if nats_per_gflop is not None:
        return PriceOfFlops(nats_per_flop=nats_per_gflop / 1e9, source="chosen with --price")
    costs: dict[int, float] = {}
    losses: dict[int, float] = {}
    for (member, generation), report in story.reports.items():
        point = (member, generation)
        if generation != key.generation or is_baseline(story, point):
            continue
        if report.nats_per_token is not None:
            costs[member] = _flops(story, point)
            losses[member] = report.nats_per_token
    return price_of_population(
        list(costs.values()), list(losses.values()), at=_flops(story, (key.member, key.generation))
    )


def _flops(story: Story, point: tuple[int, int]) -> float:
    architecture = genome_from_json(story.orders[point].genome).architecture
    return forward_flops_per_token(architecture, sequence_length=architecture.context_length)


def _peers(story: Story, directory: Path, device: str) -> tuple[Peer, ...]:
    """Return the members whose newest states were kept."""

    def reader(key: StateKey) -> Peer:
        def load() -> Transformer:
            return model_of(_state(directory, key)).to(device)

        return Peer(member=key.member, load=load)

    keys = [StateKey(*point) for _, point in sorted(story.judged.items())]
    kept = checkpoints_in(directory).folders()
    return tuple(
        reader(key)
        for key in keys
        if story.reports[key.member, key.generation].failure is None and str(key) in kept
    )
