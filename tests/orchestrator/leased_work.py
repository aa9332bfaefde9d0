"""Tasks and workers' lives for tests of who is given which task."""

from orchestrator.events import Ledger
from orchestrator.leases import WorkerLife
from orchestrator.tasks import Train
from search_spaces.gpt.space import GPT


def task(member, source=None):
    return Train(
        member=member,
        generation=1,
        genome=GPT.default(),
        source=source,
        tokens=128,
        ledger=Ledger(),
        seed=0,
    )


def life(worker=0, incarnation="first", node="here"):
    return WorkerLife(worker=worker, incarnation=incarnation, node=node)
