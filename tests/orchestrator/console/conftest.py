"""A short search told by hand: 2 members, 3 generations, an exploit, a failure, a baseline."""

import pytest

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
    """The events in the order of the log."""
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
