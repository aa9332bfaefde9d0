"""Made-up searches of the real space: what happens in them is drawn, their losses are a formula."""

import json

import numpy as np
import pytest

from orchestrator.comparing.logged_space import logged_genes
from orchestrator.comparing.settings import read_settings
from orchestrator.comparing.subject import Subject
from orchestrator.event_log import EventLog
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
from orchestrator.story.telling import told
from search_spaces.genome import genome_to_json
from search_spaces.gpt.space import GPT

INTERVAL = 1000
FAILURE = "non-finite loss at step 3"


def plain(value):
    """As it is read from a log."""
    return json.loads(json.dumps(value))


def started(space, members, generations, *, seed, corpus):
    return SearchStarted(
        run={
            "name": "made-up",
            "seed": seed,
            "corpus": {"context_length": 32},
            "population": {"members": members, "interval_tokens": INTERVAL},
            "budget": {"tokens": members * generations * INTERVAL, "flops": None},
            "selection": {"policy": "truncation"},
            "proposers": [{"proposer": "mutation", "weight": 1.0}],
            "training": {"evaluation_sequences": 4, "evaluation_batches": 2},
        },
        space=plain(space.to_json()),
        corpus={"digest": corpus},
        horizon_tokens=generations * INTERVAL,
        generations=generations,
        environment={},
    )


def reported(member, generation, digest, loss, *, tokens, inherited):
    return Reported(
        member=member,
        generation=generation,
        digest=digest,
        parameters=1000,
        ledger=Ledger(tokens=tokens, flops=1e3 * tokens, inherited_tokens=inherited),
        interval_tokens=INTERVAL,
        interval_flops=1e6,
        train_loss=loss,
        losses=() if loss is None else (loss, loss),
        nats_per_token=loss,
        bits_per_byte=None if loss is None else 2 * loss,
        failure=FAILURE if loss is None else None,
        morph=None,
        utilities=None,
        seconds=2.0,
        adoption_seconds=0.5,
        cpu_seconds=1.5,
        finished_at=0.0,
        worker=0,
        origin="live",
    )


def assessed(role, member, generation, digest, losses):
    mean = float(np.mean(losses))
    return Assessed(
        role=role,
        member=member,
        generation=generation,
        digest=digest,
        parameters=1000,
        tokens=INTERVAL * (generation + 1),
        losses=tuple(map(float, losses)),
        nats_per_token=mean,
        bits_per_byte=2 * mean,
        seconds=1.0,
    )


def made_search(
    *,
    members=6,
    generations=6,
    seed=0,
    corpus="c0ffee",
    space=GPT,
    shift=0.0,
    fails=(),
    heldout=16,
):
    """Return the events of a search: losses fall with tokens and with |log(learning rate / 3e-3)|.

    Each generation the worst member copies the best one and mutates. `fails` are the (member,
    generation) that fail; `shift` is added to every loss.
    """
    rng = np.random.default_rng(seed)
    space = space.with_constants(vocab_size=64, context_length=32)
    genomes = [space.sample(rng) for _ in range(members)]
    orders = [("start", None, None)] * members
    tokens, inherited = [0] * members, [0] * members
    events = [started(space, members, generations, seed=seed, corpus=corpus)]
    for generation in range(generations):
        for m, (decision, donor, source) in enumerate(orders):
            events.append(
                Ordered(
                    member=m,
                    generation=generation,
                    decision=decision,
                    genome=plain(genome_to_json(genomes[m])),
                    digest=genomes[m].digest,
                    donor=donor,
                    proposer=None if decision == "continue" else "mutation",
                    source=source,
                    tokens=INTERVAL,
                )
            )
        losses = []
        for m, genome in enumerate(genomes):
            tokens[m] += INTERVAL
            off = abs(np.log(genome.protocol.learning_rate / 3e-3))
            loss = shift + 2 + 1 / (generation + 1) + 0.2 * off + rng.normal(0, 0.01)
            losses.append(None if (m, generation) in fails else float(loss))
            events.append(
                reported(
                    m,
                    generation,
                    genome.digest,
                    losses[m],
                    tokens=tokens[m],
                    inherited=inherited[m],
                )
            )
        for m, loss in enumerate(losses):
            fitness = None if loss is None else -loss
            events.append(Scored(member=m, generation=generation, fitness=fitness, parts={}))
        ranked = sorted(range(members), key=lambda m: np.inf if losses[m] is None else losses[m])
        best, worst = ranked[0], ranked[-1]
        alive = losses[best] is not None
        events.append(
            GenerationClosed(
                generation=generation,
                best_member=best if alive else None,
                best_loss=losses[best],
                best_fitness=-losses[best] if alive else None,
                tokens=(generation + 1) * members * INTERVAL,
                flops=1e6 * (generation + 1) * members,
            )
        )
        last = best, generation, genomes[best].digest
        orders = [("continue", None, (m, generation)) for m in range(members)]
        if alive and members > 1:
            orders[worst] = "replace", best, (best, generation)
            genomes[worst] = space.mutate(genomes[best], rng)
            tokens[worst] = inherited[worst] = tokens[best]
    hard = np.random.default_rng(99).normal(0, 0.3, heldout)
    own = shift + 2.1 + hard + rng.normal(0, 0.01, heldout)
    events += [
        assessed("winner", *last, own),
        SearchFinished(reason="budget", winner=last[0], generation=last[1], digest=last[2]),
    ]
    return tuple(events)


def as_subject(name, events, *, damage=None, is_running=False):
    story = told(events)
    return Subject(
        name=name,
        source=name,
        story=story,
        started=story.started,
        settings=read_settings(story.started, where=name),
        genes=logged_genes(story.started.space, where=name),
        is_running=is_running,
        damage=damage,
    )


@pytest.fixture
def search():
    return made_search


@pytest.fixture
def subject():
    """Make a subject of a name and options of `made_search`, or of `events`."""

    def make(name="a", *, events=None, damage=None, is_running=False, **options):
        told_events = made_search(**options) if events is None else events
        return as_subject(name, told_events, damage=damage, is_running=is_running)

    return make


@pytest.fixture
def written(tmp_path):
    """Write a search to a directory of its own and return that."""

    def write(name, *, events=None, below=tmp_path, **options):
        directory = below / name
        directory.mkdir(parents=True)
        with EventLog(directory / "events.jsonl") as log:
            log.append(made_search(**options) if events is None else events)
        return directory

    return write
