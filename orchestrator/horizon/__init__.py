"""What a member's loss will be at the end of its budget: one estimator a file."""

from orchestrator.horizon.estimate import HorizonEstimate, HorizonEstimator, present_loss
from orchestrator.horizon.power_law import PowerLaw
from orchestrator.horizon.present import PresentLoss

ESTIMATORS: dict[str, type[HorizonEstimator]] = {
    "power_law": PowerLaw,
    "present": PresentLoss,
}
"""Estimators by the names that run files use; the fields of one are its parameters there."""

__all__ = [
    "ESTIMATORS",
    "HorizonEstimate",
    "HorizonEstimator",
    "PowerLaw",
    "PresentLoss",
    "present_loss",
]
