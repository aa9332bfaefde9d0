"""Searches without trainers: one whose tasks are answered by a formula, one told by hand."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from orchestrator.component_game import ComponentGame, Measured
from orchestrator.event_log import EventLog, read_log
from orchestrator.events import (
    Assessed,
    GenerationClosed,
    Ledger,
    Ordered,
    Reported,
    Scored,
    SearchFinished,
    SearchStarted,
)
from orchestrator.fitness import FitnessRule
from orchestrator.journal import Journal
from orchestrator.proposers import PROPOSERS, WeightedProposer, WeightedProposers
from orchestrator.randomness import generator
from orchestrator.rules import Rules
from orchestrator.search import DECIDED_AGAIN, Search
from orchestrator.selection import Truncation
from orchestrator.snapshots.folder import SnapshotFolder
from orchestrator.tasks import Train
from search_spaces.gpt.cost import count_parameters, flops_per_token
from search_spaces.gpt.priors import first_generation
from search_spaces.gpt.space import GPT
from search_spaces.limits import Limits
from trainers.folder import LocalFolder


def make_rules(*, members=6, generations=5, proposers=None, **changes):
    space = GPT.with_constants(vocab_size=64, context_length=32).limited(
        Limits(max_parameters=200_000)
    )
    interval = 1024
    rules = Rules(
        seed=7,
        members=members,
        mode="synchronous",
        generations=generations,
        interval_tokens=interval,
        horizon_tokens=interval * generations,
        budget_flops=None,
        target_loss=None,
        stagnation_generations=None,
        architecture_free_until=1.0,
        protocol_free_from=0.0,
        baseline=True,
        space=space,
        first_genomes=first_generation(
            space,
            members,
            lambda member: generator(7, "first", 0, member),
            prior="uniform",
            horizon_tokens=interval * generations,
        ),
        first_origin="uniform",
        policy=Truncation(),
        proposers=proposers
        or WeightedProposers(
            (WeightedProposer(name="mutation", proposer=PROPOSERS["mutation"](space), weight=1.0),)
        ),
        fitness=FitnessRule(),
    )
    return replace(rules, **changes)


def utilities_of(architecture, draw):
    """Make up utilities as a report tells them, with errors that some do not exceed."""
    heads = [draw.gamma(2.0, 0.01, n) for n in architecture.num_heads]
    ffn = draw.gamma(4.0, 0.01, architecture.num_layers)
    return {
        "heads": [layer.tolist() for layer in heads],
        "heads_se": [draw.gamma(1.0, 0.004, len(layer)).tolist() for layer in heads],
        "ffn": ffn.tolist(),
        "ffn_se": (0.1 * ffn).tolist(),
        "embedding": 0.5,
        "embedding_se": 0.01,
    }


def game_of(architecture, price, draw):
    """Make up a component game: some heads, and now and then a block, do not pay their cost."""
    gflops = flops_per_token(architecture, sequence_length=32) / 1e9 / 20
    measured = [
        Measured(
            place=("head", layer, head),
            delta=float(draw.normal(0.5 * gflops * price, 0.5 * gflops * price + 1e-4)),
            standard_error=1e-5,
            gflops=gflops,
        )
        for layer, heads in enumerate(architecture.num_heads)
        for head in range(heads)
    ]
    measured += [
        Measured(place=("ffn", layer, 0), delta=float(draw.normal(0.01, 0.01)),
                 standard_error=1e-4, gflops=gflops)
        for layer in range(architecture.num_layers)
    ]  # fmt: skip
    gains = [(m.gflops * price - m.delta - 2.0 * m.standard_error, m) for m in measured]
    leaving = [m for gain, m in sorted(gains, key=lambda g: -g[0]) if gain > 0][:3]
    return ComponentGame(
        price=price,
        margin=2.0,
        removed=tuple(m.place for m in leaving),
        rise=sum(m.delta for m in leaving),
        rise_error=1e-4,
        saved_gflops=gflops * len(leaving),
        measured=tuple(measured),
        components=len(measured),
        base_loss=2.0,
        sequences=8,
        evaluations=12,
        flops=1e6,
        exploitability=sum(max(0.0, gain) for gain, _ in gains),
        exploitability_error=1e-5,
    )


def answer(task, *, fails=lambda task: False):
    """Give the same report for the same task, whoever asks and whenever."""
    if not isinstance(task, Train):
        return Assessed(
            role=task.role,
            member=task.source.member,
            generation=task.source.generation,
            digest=task.genome.digest,
            parameters=count_parameters(task.genome.architecture),
            tokens=0,
            losses=(1.0, 1.25),
            nats_per_token=1.125,
            bits_per_byte=1.5,
            seconds=0.0,
        )
    draw = np.random.default_rng(int(hashlib.sha256(task.digest.encode()).hexdigest()[:8], 16))
    quality = abs(np.log(task.genome.protocol.learning_rate / 3e-3)) * 0.1
    tokens = task.ledger.tokens + task.tokens
    losses = tuple(3 * tokens**-0.1 + quality + draw.normal(0, 0.01, 4))
    failed = fails(task)
    played = not failed and task.price_of_play is not None
    flops = task.tokens * flops_per_token(task.genome.architecture, sequence_length=32)
    return Reported(
        member=task.member,
        generation=task.generation,
        digest=task.genome.digest,
        parameters=count_parameters(task.genome.architecture),
        ledger=replace(task.ledger, tokens=tokens, flops=task.ledger.flops + flops),
        interval_tokens=task.tokens,
        interval_flops=flops,
        train_loss=float(np.mean(losses)),
        losses=() if failed else tuple(map(float, losses)),
        nats_per_token=None if failed else float(np.mean(losses)),
        bits_per_byte=None if failed else float(np.mean(losses)) * 1.4,
        failure="a loss that is not finite" if failed else None,
        morph=None,
        utilities=utilities_of(task.genome.architecture, draw) if played else None,
        game=game_of(task.genome.architecture, task.price_of_play, draw).to_json()
        if played
        else None,
        domain_losses=(losses[0], losses[0], losses[1]) if played else None,
        seconds=0.0,
        adoption_seconds=0.0,
        cpu_seconds=0.0,
        finished_at=0.0,
        worker=0,
        origin="fresh",
    )


class Simulation:
    """One process's part of a search: opens the log, replays it, goes on until told to stop."""

    def __init__(
        self,
        path,
        rules,
        *,
        order=None,
        fails=lambda task: False,
        answers=None,
        decided_again=DECIDED_AGAIN,
        every=None,
    ):
        self.path, self.rules, self.fails = path, rules, fails
        self.answers = answer if answers is None else answers
        self.decided_again, self.every = decided_again, every
        self.order = np.random.default_rng(order) if order is not None else None
        self.told = []
        self.passed_over = 0

    def run(self, *, stop_after=None):
        """Go on for `stop_after` reports, or to the end; return all events of the log."""
        with EventLog(self.path) as log:
            journal = Journal(
                log, lambda event, number, replayed: self.told.append(event), on_past=self._past
            )
            snapshots = None
            if self.every is not None:
                folder = LocalFolder(self.path.parent / "snapshots")
                snapshots = SnapshotFolder(folder, log, every=self.every)
            self.search = search = Search(
                self.rules, journal, decided_again=self.decided_again, snapshots=snapshots
            )
            open_tasks = list(search.begin())
            self.followed = journal.number - self.rules.members
            for event in log.events:
                if isinstance(event, Reported | Assessed):
                    open_tasks = [t for t in open_tasks if not self._answers(event, t)]
                    open_tasks += search.receive(event)
            answered = 0
            while open_tasks and answered != stop_after:
                at = 0 if self.order is None else int(self.order.integers(len(open_tasks)))
                task = open_tasks.pop(at)
                assert task.source is None or task.source in search.needed_states()
                open_tasks += search.receive(self.answers(task, fails=self.fails))
                answered += 1
            self.departures = journal.departures
            self.open_tasks = open_tasks
        return read_log(self.path)[0]

    def _past(self, events, number):
        assert number == len(self.told)
        self.told += events
        self.passed_over += len(self.told) - number

    @staticmethod
    def _answers(event, task):
        if isinstance(event, Reported):
            return isinstance(task, Train) and (task.member, task.generation) == (
                event.member,
                event.generation,
            )
        return not isinstance(task, Train) and task.role == event.role


@pytest.fixture
def simulation():
    return Simulation


@pytest.fixture
def rules():
    return make_rules


@pytest.fixture(name="game_of")
def make_game():
    return game_of


@pytest.fixture(name="utilities_of")
def make_utilities():
    return utilities_of


@pytest.fixture(name="answer")
def give_answer():
    return answer


INTERVAL = 1000


def genome(d_model, learning_rate, heads=(2, 2)):
    return {
        "architecture": {"d_model": d_model, "num_heads": list(heads)},
        "protocol": {"learning_rate": learning_rate},
    }


FIRST = {0: (genome(64, 0.001), "aaaaaaaaaaaa"), 1: (genome(96, 0.01), "bbbbbbbbbbbb")}
CHILD = (genome(80, 0.002, heads=(2, 4)), "cccccccccccc")


def order(member, generation, decision, made, **more):
    return Ordered(
        member=member,
        generation=generation,
        decision=decision,
        genome=made[0],
        digest=made[1],
        tokens=INTERVAL,
        **more,
    )


def report(member, generation, digest, loss, tokens, *, inherited=0, failure=None, morph=None):
    return Reported(
        member=member,
        generation=generation,
        digest=digest,
        parameters=250_000,
        ledger=Ledger(tokens=tokens, flops=1e6 * tokens, inherited_tokens=inherited),
        interval_tokens=INTERVAL,
        interval_flops=1e9,
        train_loss=None if failure else loss + 0.1,
        losses=() if failure else (loss - 0.1, loss + 0.1),
        nats_per_token=None if failure else loss,
        bits_per_byte=None if failure else loss / 0.693,
        failure=failure,
        morph=morph,
        utilities=None,
        seconds=2.0,
        adoption_seconds=0.5,
        worker=member % 2,
        origin="live",
        cpu_seconds=1.9,
        finished_at=1.75e9 + tokens,
    )


def score(member, generation, loss):
    if loss is None:
        return Scored(member=member, generation=generation, fitness=None, parts={})
    parts = {
        "loss_present": loss,
        "horizon_correction": 0.0,
        "cost_price": 0.02,
        "standard_error": 0.01,
    }
    return Scored(
        member=member,
        generation=generation,
        fitness=-loss - 0.02,
        parts={"value": -loss - 0.02, "parts": parts, "horizon": "present", "horizon_reason": ""},
    )


def closed(generation, member, loss):
    return GenerationClosed(
        generation=generation,
        best_member=member,
        best_loss=loss,
        best_fitness=-loss - 0.02,
        tokens=(generation + 1) * 2 * INTERVAL,
        flops=(generation + 1) * 2e9,
    )


def assessed(role, member, digest, losses):
    mean = sum(losses) / len(losses)
    return Assessed(
        role=role,
        member=member,
        generation=2,
        digest=digest,
        parameters=250_000,
        tokens=3 * INTERVAL,
        losses=losses,
        nats_per_token=mean,
        bits_per_byte=2 * mean,
        seconds=1.0,
    )


@pytest.fixture
def tale():
    """A short search: 2 members, 3 generations, an exploit, a failure, a baseline."""
    morph = {
        "moves": ["widen d_model 64 -> 80", "add 2 heads to layer 1"],
        "preserving": True,
        "probe_loss_before": 3.0,
        "probe_loss_after": 3.0001,
        "probe_loss_change": 0.0001,
    }
    return (
        SearchStarted(
            run={
                "name": "tale",
                "seed": 7,
                "population": {"members": 2, "interval_tokens": INTERVAL},
                "budget": {"tokens": 6 * INTERVAL, "flops": None},
                "proposers": [{"proposer": "mutation", "weight": 1.0}],
            },
            space={"name": "gpt"},
            corpus={"digest": "d1d1d1d1d1d1"},
            horizon_tokens=3 * INTERVAL,
            generations=3,
            environment={"notes": ["python_docs stands in for wiki_vital: not installed"]},
        ),
        order(0, 0, "start", FIRST[0], proposer="step_law"),
        order(1, 0, "start", FIRST[1], proposer="step_law"),
        report(0, 0, FIRST[0][1], 3.0, 1000),
        report(1, 0, FIRST[1][1], None, 0, failure="non-finite loss at step 3"),
        score(0, 0, 3.0),
        score(1, 0, None),
        closed(0, 0, 3.0),
        order(0, 1, "continue", FIRST[0], source=(0, 0)),
        order(1, 1, "replace", CHILD, donor=0, proposer="optuna", source=(0, 0)),
        report(0, 1, FIRST[0][1], 2.5, 2000),
        report(1, 1, CHILD[1], 2.4, 2000, inherited=1000, morph=morph),
        score(0, 1, 2.5),
        score(1, 1, 2.4),
        closed(1, 1, 2.4),
        order(0, 2, "continue", FIRST[0], source=(0, 1)),
        order(1, 2, "continue", CHILD, source=(1, 1)),
        report(0, 2, FIRST[0][1], 2.2, 3000),
        report(1, 2, CHILD[1], 2.1, 3000, inherited=1000),
        score(0, 2, 2.2),
        score(1, 2, 2.1),
        closed(2, 1, 2.1),
        order(2, 0, "baseline", (genome(72, 0.003), "eeeeeeeeeeee")),
        report(2, 0, "eeeeeeeeeeee", 1.0, 3000),
        assessed("winner", 1, CHILD[1], (2.0, 2.2, 2.1)),
        assessed("baseline", 2, "eeeeeeeeeeee", (2.3, 2.4, 2.5)),
        SearchFinished(reason="budget", winner=1, generation=2, digest=CHILD[1]),
    )
