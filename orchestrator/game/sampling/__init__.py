"""Values of games with too many players for a table."""

from orchestrator.game.sampling.estimate import Estimate, Stopping
from orchestrator.game.sampling.leverage import leverage_shapley
from orchestrator.game.sampling.permutation import permutation_shapley
from orchestrator.game.sampling.sample_reuse import banzhaf_by_sample_reuse
from orchestrator.game.sampling.stratified import stratified_shapley

__all__ = [
    "Estimate",
    "Stopping",
    "banzhaf_by_sample_reuse",
    "leverage_shapley",
    "permutation_shapley",
    "stratified_shapley",
]
