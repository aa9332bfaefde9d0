"""What members' losses will be at the end of the budget: one estimator a file."""

from orchestrator.horizon.annealing import Annealing
from orchestrator.horizon.estimate import (
    History,
    HorizonEstimate,
    HorizonEstimator,
    present_loss,
)
from orchestrator.horizon.power_law import PowerLaw
from orchestrator.horizon.present import PresentLoss

ESTIMATORS: dict[str, type[HorizonEstimator]] = {
    "annealing": Annealing,
    "power_law": PowerLaw,
    "present": PresentLoss,
}
"""Estimators by the names that run files use; the fields of one are its parameters there."""

__all__ = [
    "ESTIMATORS",
    "Annealing",
    "History",
    "HorizonEstimate",
    "HorizonEstimator",
    "PowerLaw",
    "PresentLoss",
    "present_loss",
]
