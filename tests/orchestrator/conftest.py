"""A search without trainers: tasks are answered by a formula, so that its laws can be tested."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from orchestrator.event_log import EventLog, read_log
from orchestrator.events import Assessed, Reported
from orchestrator.fitness import FitnessRule
from orchestrator.journal import Journal
from orchestrator.proposers import PROPOSERS, WeightedProposer, WeightedProposers
from orchestrator.randomness import generator
from orchestrator.rules import Rules
from orchestrator.search import Search
from orchestrator.selection import Truncation
from orchestrator.tasks import Train
from search_spaces.gpt.cost import count_parameters, flops_per_token
from search_spaces.gpt.priors import first_generation
from search_spaces.gpt.space import GPT
from search_spaces.limits import Limits


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
        utilities=None,
        seconds=0.0,
        adoption_seconds=0.0,
        cpu_seconds=0.0,
        finished_at=0.0,
        worker=0,
        origin="fresh",
    )


class Simulation:
    """One process's part of a search: opens the log, replays it, goes on until told to stop."""

    def __init__(self, path, rules, *, order=None, fails=lambda task: False):
        self.path, self.rules, self.fails = path, rules, fails
        self.order = np.random.default_rng(order) if order is not None else None
        self.told = []

    def run(self, *, stop_after=None):
        """Go on for `stop_after` reports, or to the end; return all events of the log."""
        with EventLog(self.path) as log:
            journal = Journal(log, lambda event, number, replayed: self.told.append(event))
            self.search = search = Search(self.rules, journal)
            open_tasks = list(search.begin())
            for event in log.events:
                if isinstance(event, Reported | Assessed):
                    open_tasks = [t for t in open_tasks if not self._answers(event, t)]
                    open_tasks += search.receive(event)
            answered = 0
            while open_tasks and answered != stop_after:
                at = 0 if self.order is None else int(self.order.integers(len(open_tasks)))
                task = open_tasks.pop(at)
                assert task.source is None or task.source in search.needed_states()
                open_tasks += search.receive(answer(task, fails=self.fails))
                answered += 1
            self.departures = journal.departures
            self.open_tasks = open_tasks
        return read_log(self.path)[0]

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


@pytest.fixture(name="answer")
def give_answer():
    return answer
