"""The game of the components, as pure functions on arrays (DESIGN section 4; docs/game.md).

Cooperative values of a table of coalitions; samplers where there is no table; equilibria, dynamics,
participation; games estimated from measurements. NumPy and SciPy only.
"""

from orchestrator.game.banzhaf import banzhaf
from orchestrator.game.coalitions import (
    all_coalitions,
    mask_of,
    masks_of,
    masks_of_size,
    matrix_of,
    players_of,
    value_table,
)
from orchestrator.game.inputs import DegenerateGameWarning
from orchestrator.game.interactions import (
    Interactions,
    banzhaf_interactions,
    k_sii,
    shapley_interactions,
    shapley_taylor,
)
from orchestrator.game.least_core import LeastCore, least_core
from orchestrator.game.nucleolus import nucleolus, prenucleolus
from orchestrator.game.owen import owen, owen_from_function
from orchestrator.game.semivalues import semivalue
from orchestrator.game.shapley import shapley
from orchestrator.game.transforms import (
    energy_by_order,
    inverse_moebius,
    inverse_walsh,
    moebius,
    walsh,
)

__all__ = [
    "DegenerateGameWarning",
    "Interactions",
    "LeastCore",
    "all_coalitions",
    "banzhaf",
    "banzhaf_interactions",
    "energy_by_order",
    "inverse_moebius",
    "inverse_walsh",
    "k_sii",
    "least_core",
    "mask_of",
    "masks_of",
    "masks_of_size",
    "matrix_of",
    "moebius",
    "nucleolus",
    "owen",
    "owen_from_function",
    "players_of",
    "prenucleolus",
    "semivalue",
    "shapley",
    "shapley_interactions",
    "shapley_taylor",
    "value_table",
    "walsh",
]
