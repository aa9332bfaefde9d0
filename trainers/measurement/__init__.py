"""Measuring the game of a model's components: gates, coalitions, and what each is worth."""

from trainers.measurement.coalitions import CoalitionLosses, coalition_losses
from trainers.measurement.components import (
    ComponentId,
    ComponentKind,
    Components,
    components_of,
)
from trainers.measurement.gates import ABLATIONS, Ablation, Gate, Gates, Replacements
from trainers.measurement.leave_one_out import (
    LeaveOneOut,
    least_by_proxy,
    measure_leave_one_out,
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
    "LeaveOneOut",
    "Replacements",
    "Spent",
    "coalition_losses",
    "components_of",
    "least_by_proxy",
    "measure_leave_one_out",
]
