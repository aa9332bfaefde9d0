"""Measuring the game of a model's components: gates, coalitions, and what each is worth."""

from trainers.measurement.coalitions import CoalitionLosses, coalition_losses
from trainers.measurement.components import (
    ComponentId,
    ComponentKind,
    Components,
    components_of,
)
from trainers.measurement.gates import ABLATIONS, Ablation, Gate, Gates, Replacements
from trainers.measurement.integrated_gradient import (
    IntegratedGradient,
    measure_integrated_gradient,
)
from trainers.measurement.leave_one_out import (
    LeaveOneOut,
    least_by_proxy,
    measure_leave_one_out,
)
from trainers.measurement.pair_interactions import (
    PairInteractions,
    measure_pair_interactions,
)
from trainers.measurement.spent import Spent

__all__ = [
    "ABLATIONS",
    "Ablation",
    "CoalitionLosses",
    "ComponentId",
    "ComponentKind",
    "Components",
    "Gate",
    "Gates",
    "IntegratedGradient",
    "LeaveOneOut",
    "PairInteractions",
    "Replacements",
    "Spent",
    "coalition_losses",
    "components_of",
    "least_by_proxy",
    "measure_integrated_gradient",
    "measure_leave_one_out",
    "measure_pair_interactions",
]
