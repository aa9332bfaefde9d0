"""Dynamics of populations that play a game, in infinite and finite populations."""

from orchestrator.game.dynamics.alpha_rank import alpha_rank, alpha_rank_symmetric
from orchestrator.game.dynamics.basins import Basins, basins
from orchestrator.game.dynamics.exponential_weights import (
    exponential_weights_path,
    exponential_weights_step,
    two_population_path,
)
from orchestrator.game.dynamics.fields import (
    best_response,
    between_two_populations,
    logit,
    replicator,
    smith,
    within_one_population,
)
from orchestrator.game.dynamics.fixation import (
    moran_fixation,
    pairwise_comparison_fixation,
    rare_mutation_chain,
)
from orchestrator.game.dynamics.rest_points import (
    RestPoint,
    numeric_jacobian,
    replicator_jacobian,
    rest_point_near,
    rest_points,
    stability_of,
    tangent_eigenvalues,
)
from orchestrator.game.dynamics.stable_states import (
    evolutionarily_stable_states,
    is_evolutionarily_stable,
    is_strictly_copositive,
)
from orchestrator.game.dynamics.stationary import stationary_distribution
from orchestrator.game.dynamics.trajectories import best_response_path, trajectory

__all__ = [
    "Basins",
    "RestPoint",
    "alpha_rank",
    "alpha_rank_symmetric",
    "basins",
    "best_response",
    "best_response_path",
    "between_two_populations",
    "evolutionarily_stable_states",
    "exponential_weights_path",
    "exponential_weights_step",
    "is_evolutionarily_stable",
    "is_strictly_copositive",
    "logit",
    "moran_fixation",
    "numeric_jacobian",
    "pairwise_comparison_fixation",
    "rare_mutation_chain",
    "replicator",
    "replicator_jacobian",
    "rest_point_near",
    "rest_points",
    "smith",
    "stability_of",
    "stationary_distribution",
    "tangent_eigenvalues",
    "trajectory",
    "two_population_path",
    "within_one_population",
]
