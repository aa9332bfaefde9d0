"""Does tasks: obtains a state, morphs it, trains it for an interval, evaluates it, lets it rest.

A state is looked for where it is nearest: in this worker's memory, in the exchange (the object
store of the cluster), in a checkpoint. All three hold the same bits. A finished interval is in a
checkpoint, its report beside it, before the report is given to anyone: a task that is asked for
again is answered from there. Where a checkpoint cannot be read, its interval is trained again.
"""

from __future__ import annotations

import errno
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

from orchestrator.component_game import game_of
from orchestrator.errors import Clause, UserError
from orchestrator.event_log import disk_full
from orchestrator.events import Assessed, Reported, decode, encode
from orchestrator.tasks import Assess, StateKey, Train
from search_spaces.genome import Genome
from search_spaces.gpt.cost import count_parameters
from trainers.checkpoint import CheckpointDamaged, read_checkpoint, write_checkpoint
from trainers.folder import folder_of
from trainers.member import Member
from trainers.morphism import morph
from trainers.serialisation import state_from_bytes, state_to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from orchestrator.component_game import ComponentGame
    from orchestrator.events import JSON
    from orchestrator.tasks import Task
    from trainers.attribution import UtilityFields
    from trainers.data import Corpus
    from trainers.distributed.group import GroupMember, MemberGroup
    from trainers.folder import Folder
    from trainers.interval import Interval, Progress
    from trainers.settings import TrainerSettings
    from trainers.state import MemberState

Origin = Literal["fresh", "live", "store", "checkpoint", "remade"]


class Exchange(Protocol):
    """Where workers leave states for each other, in memory."""

    def publish(self, key: StateKey, payload: bytes) -> None:
        """Offer a state."""

    def fetch(self, key: StateKey) -> memoryview | None:
        """Return a state, or none if nobody offers it any more."""


class NoExchange:
    """One worker alone: its own memory and its checkpoints are enough."""

    def publish(self, key: StateKey, payload: bytes) -> None:
        """Keep nothing."""

    def fetch(self, key: StateKey) -> memoryview | None:
        """Offer nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Adopted:
    member: Member | GroupMember
    origin: Origin
    morph: dict[str, object] | None
    flops: float
    """Spent on the probe batch."""


class MemberHost:
    """Hosts the members whose tasks it is given, one at a time.

    Args:
        corpus: What members train on.
        settings: How, for all members alike.
        checkpoints: Folder of the search's checkpoints, shared by all workers.
        exchange: Where states travel between workers.
        worker: Number of this worker, for the record.
        group: The processes that train each member together; none: this one alone.
    """

    def __init__(
        self,
        *,
        corpus: Corpus,
        settings: TrainerSettings,
        checkpoints: Path | Folder,
        exchange: Exchange,
        worker: int,
        group: MemberGroup | None = None,
    ) -> None:
        self._corpus = corpus
        self._settings = settings
        self._checkpoints = folder_of(checkpoints)
        self._exchange = exchange
        self._worker = worker
        self._group = group
        self._live: dict[StateKey, Member | GroupMember] = {}
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._writing: list[Future[None]] = []

    @property
    def resident(self) -> tuple[StateKey, ...]:
        """The states in this worker's memory: tasks that start from them start at once."""
        return tuple(self._live)

    def run(
        self, task: Task, *, progress: Callable[[Progress], None] | None = None
    ) -> Reported | Assessed:
        """Do one task. Its state rests in a checkpoint once `flush` has returned.

        Raises:
            UserError: The state that it starts from cannot be read, nor made again.
        """
        match task:
            case Train():
                return self.finished_before(task) or self._train(task, progress)
            case Assess():
                return self._assess(task)

    def flush(self) -> None:
        """Wait until every state is on disk.

        Raises:
            UserError: It could not be written.
        """
        try:
            while self._writing:
                self._writing.pop(0).result()
        except OSError as error:
            raise _unwritten(self._checkpoints.place(""), error) from error

    def close(self) -> None:
        """Finish writing and stop."""
        self._writer.shutdown()

    def finished_before(self, task: Train) -> Reported | None:
        """Return the report of a task whose outcome an earlier life of this search left."""
        try:
            _, extra = read_checkpoint(self._checkpoints / str(task.key))
        except (CheckpointDamaged, NotADirectoryError):
            return None  # there is none; or its bits are decided: train them again
        lasting, beside = extra.get("report"), extra.get("aside")
        if extra.get("task") != task.digest:
            return None
        assert isinstance(lasting, dict)
        assert isinstance(beside, dict)
        report = decode("reported", lasting, beside)
        assert isinstance(report, Reported)
        return report

    def _train(self, task: Train, progress: Callable[[Progress], None] | None) -> Reported:
        started = time.perf_counter()
        adopted = self._adopt(task)
        ready, cpu = time.perf_counter(), time.process_time()
        member = adopted.member
        interval = member.train(task.tokens, progress=progress)
        report = self._report(task, adopted, interval)
        report = replace(
            report,
            seconds=time.perf_counter() - ready,
            adoption_seconds=ready - started,
            cpu_seconds=time.process_time() - cpu,
            finished_at=time.time(),
            worker=self._worker,
            origin=adopted.origin,
        )
        if report.failure is None:
            self._keep(task, member, report)
        return report

    def _adopt(self, task: Train) -> _Adopted:
        """Make the member that the task trains."""
        genome, settings = task.genome, self._settings_of(task)
        if task.source is None:
            member = self._create(genome, settings, task.seed)
            return _Adopted(member=member, origin="fresh", morph=None, flops=0.0)
        own = task.source.member == task.member
        live = self._live.get(task.source)
        if own and live is not None and genome == Genome(live.model.architecture, live.protocol):
            del self._live[task.source]
            return _Adopted(member=live, origin="live", morph=None, flops=0.0)
        state, origin = self._obtain(task.source, task.before)
        if own and genome == Genome(state.architecture, state.protocol):  # goes on, only elsewhere
            member = self._revive(state, settings)
            return _Adopted(member=member, origin=origin, morph=None, flops=0.0)
        child, outcome = morph(state, genome.architecture, seed=task.seed)
        member = self._revive(replace(child, protocol=genome.protocol), settings)
        account: dict[str, object] = {
            **outcome.to_json(),
            "fresh_optimizer_slots": list(member.fresh_slots),
        }
        if state.architecture == genome.architecture:  # the same function of the tokens
            account |= {
                "probe_loss_before": None,
                "probe_loss_after": None,
                "probe_loss_change": 0.0,
            }
            return _Adopted(member=member, origin=origin, morph=account, flops=0.0)
        before = self._revive(state, settings).evaluate("game", batches=1)
        after = member.evaluate("game", batches=1)
        account |= {
            "probe_loss_before": before.nats_per_token,
            "probe_loss_after": after.nats_per_token,
            "probe_loss_change": after.nats_per_token - before.nats_per_token,
        }
        flops = before.flops + after.flops
        return _Adopted(member=member, origin=origin, morph=account, flops=flops)

    def _settings_of(self, task: Train) -> TrainerSettings:
        seed = task.data_seed
        return self._settings if seed is None else replace(self._settings, seed=seed)

    def _create(self, genome: Genome, settings: TrainerSettings, seed: int) -> Member | GroupMember:
        halves = genome.architecture, genome.protocol
        if self._group is not None:
            return self._group.create(*halves, settings=settings, member_seed=seed)
        return Member.create(*halves, corpus=self._corpus, settings=settings, member_seed=seed)

    def _revive(self, state: MemberState, settings: TrainerSettings) -> Member | GroupMember:
        if self._group is not None:
            return self._group.revive(state, settings=settings)
        return Member.from_state(state, corpus=self._corpus, settings=settings)

    def _obtain(self, key: StateKey, before: Train | None) -> tuple[MemberState, Origin]:
        """Find a state where it is nearest; the caller may change what it gets."""
        live = self._live.get(key)
        if live is not None:
            return live.state(), "live"  # copied when it is revived
        payload = self._exchange.fetch(key)
        if payload is not None:
            return state_from_bytes(payload), "store"
        self.flush()
        folder = self._checkpoints / str(key)
        try:
            state, _ = read_checkpoint(folder)
        except CheckpointDamaged as error:
            damage = _damaged(error.file, error.what.removesuffix("."))
            return self._remade(before, damage), "remade"
        except OSError as error:
            damage = _damaged(folder.place(""), f"it cannot be read ({error.strerror})")
            return self._remade(before, damage), "remade"
        return state, "checkpoint"

    def _remade(self, task: Train | None, damage: UserError) -> MemberState:
        """Train the interval again that made a lost state: its bits are decided."""
        if task is None:
            raise damage
        member = self._adopt(task).member
        if member.train(task.tokens).failure is not None:
            raise damage  # it did not fail the first time: it is not the same interval
        if task.price_of_play is not None:
            member.play(price=task.price_of_play)  # the state names what its best reply did without
        state = member.state()
        self._exchange.publish(task.key, state_to_bytes(state))
        self._live[task.key] = member
        return state

    def _report(self, task: Train, adopted: _Adopted, interval: Interval) -> Reported:
        member = adopted.member
        flops = interval.flops + adopted.flops
        losses: tuple[float, ...] = ()
        nats: float | None = None
        bits: float | None = None
        failure = interval.failure
        game: ComponentGame | None = None
        domains: tuple[float, ...] | None = None
        if failure is None:
            evaluation = member.evaluate("selection")
            flops += evaluation.flops
            if math.isfinite(evaluation.nats_per_token):
                losses = evaluation.losses
                nats, bits = evaluation.nats_per_token, evaluation.bits_per_byte
            else:
                failure = f"the selection loss became {evaluation.nats_per_token}"
        price = task.price_of_play
        if failure is None and price is not None:
            try:
                reply = member.play(price=price)
            except ValueError as error:  # without a component the loss is not finite
                failure, losses, nats, bits = f"its game has no value: {error}", (), None, None
            else:
                game = game_of(reply, price=price, margin=self._settings.game_margin)
                flops += game.flops
                if self._settings.domain_batches > 0:
                    by_domain = member.evaluate_domains()
                    domains = tuple(e.nats_per_token for e in by_domain)
                    flops += sum(e.flops for e in by_domain)
        return Reported(
            member=task.member,
            generation=task.generation,
            digest=task.genome.digest,
            parameters=count_parameters(task.genome.architecture),
            ledger=replace(
                task.ledger,
                tokens=task.ledger.tokens + interval.tokens,
                flops=task.ledger.flops + flops,
            ),
            interval_tokens=interval.tokens,
            interval_flops=flops,
            train_loss=interval.mean_train_loss,
            losses=losses,
            nats_per_token=nats,
            bits_per_byte=bits,
            failure=failure,
            morph=adopted.morph,
            utilities=_utilities(member.utilities),
            game=None if game is None else game.to_json(),
            domain_losses=domains,
            seconds=0.0,
            adoption_seconds=0.0,
            cpu_seconds=0.0,
            finished_at=0.0,
            worker=self._worker,
            origin=adopted.origin,
        )

    def _keep(self, task: Train, member: Member | GroupMember, report: Reported) -> None:
        """Offer the state to the others, let it rest on disk, and hold it for its next interval."""
        state = member.state()
        self._exchange.publish(task.key, state_to_bytes(state))
        _, lasting, beside = encode(report)
        extra: dict[str, JSON] = {"task": task.digest, "report": lasting, "aside": beside}
        folder = self._checkpoints / str(task.key)
        self._writing.append(self._writer.submit(write_checkpoint, folder, state, extra))
        self._live[task.key] = member
        newest = max(key.generation for key in self._live)
        outdated = [key for key in self._live if key.generation < newest - 1 and key != task.key]
        for key in outdated:
            del self._live[key]

    def _assess(self, task: Assess) -> Assessed:
        started = time.perf_counter()
        state, _ = self._obtain(task.source, task.before)
        member = self._revive(state, self._settings)
        evaluation = member.evaluate("heldout", batches=self._settings.heldout_batches)
        self._live.pop(task.source, None)  # a final state: nothing goes on from it
        return Assessed(
            role=task.role,
            member=task.source.member,
            generation=task.source.generation,
            digest=task.genome.digest,
            parameters=count_parameters(task.genome.architecture),
            tokens=state.position.tokens,
            losses=evaluation.losses,
            nats_per_token=evaluation.nats_per_token,
            bits_per_byte=evaluation.bits_per_byte,
            seconds=time.perf_counter() - started,
        )


def _unwritten(checkpoints: Path | str, error: OSError) -> UserError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return disk_full(checkpoints)
    return UserError(
        where=error.filename or str(checkpoints),
        law="checkpoints can be written",
        found=Clause(f"the system says: {error.strerror or error}"),
        remedy="Mend that, then 'masga resume' goes on from the last whole generation.",
    )


def _damaged(file: Path | str, what: str) -> UserError:
    return UserError(
        where=str(file),
        law="the checkpoint that a member goes on from is whole, or else the one before it is",
        found=Clause(what),
        remedy="Restore one from a copy, then 'masga resume' goes on; or start a new search.",
    )


def _utilities(known: UtilityFields) -> dict[str, object] | None:
    """Return the running means of the proxies with their standard errors; none: not measured."""
    if known.utility_weight == 0.0:
        return None
    return {
        "heads": [list(layer) for layer in known.head_utility],
        "heads_se": [list(layer) for layer in known.head_utility_error],
        "ffn": list(known.ffn_utility),
        "ffn_se": list(known.ffn_utility_error),
        "embedding": known.embedding_utility,
        "embedding_se": known.embedding_utility_error,
    }
