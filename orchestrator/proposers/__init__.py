"""Where a child genome comes from: one proposer a file.

Importing this package is light: Optuna and Nevergrad are imported when their proposer is made.
"""

from collections.abc import Callable

from orchestrator.proposers.best_reply import BestReplyProposer
from orchestrator.proposers.crossover import Crossover
from orchestrator.proposers.mutation import Mutation
from orchestrator.proposers.nevergrad_optimizer import NevergradOptimizer
from orchestrator.proposers.optuna_sampler import OptunaSampler
from orchestrator.proposers.proposal import (
    KnownComponents,
    Observation,
    ProposalRequest,
    Proposer,
    RecallingProposer,
)
from orchestrator.proposers.random_draw import RandomDraw
from orchestrator.proposers.replicator import ReplicatorProposer
from orchestrator.proposers.weighted import Proposal, WeightedProposer, WeightedProposers

PROPOSERS: dict[str, Callable[..., Proposer]] = {
    "best_reply": BestReplyProposer,
    "crossover": Crossover,
    "mutation": Mutation,
    "nevergrad": NevergradOptimizer,
    "optuna": OptunaSampler,
    "random": RandomDraw,
    "replicator": ReplicatorProposer,
}
"""Proposers by the names that run files use: classes that take a space, and their parameters by
keyword."""

__all__ = [
    "PROPOSERS",
    "BestReplyProposer",
    "Crossover",
    "KnownComponents",
    "Mutation",
    "NevergradOptimizer",
    "Observation",
    "OptunaSampler",
    "Proposal",
    "ProposalRequest",
    "Proposer",
    "RandomDraw",
    "RecallingProposer",
    "ReplicatorProposer",
    "WeightedProposer",
    "WeightedProposers",
]
