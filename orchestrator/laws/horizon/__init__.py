"""Loss at the end of the budget: present, own power law, annealing-corrected. One file each."""

from __future__ import annotations

from orchestrator.laws.horizon.annealing_corrected import AnnealingCorrected
from orchestrator.laws.horizon.history import Estimate, History, HorizonEstimator
from orchestrator.laws.horizon.power_law import PowerLaw
from orchestrator.laws.horizon.present import Present

ESTIMATORS: dict[str, HorizonEstimator] = {
    "present": Present(),
    "power_law": PowerLaw(),
    "annealing_corrected": AnnealingCorrected(),
}
"""Estimators by the name users see."""

__all__ = [
    "ESTIMATORS", "AnnealingCorrected", "Estimate", "History", "HorizonEstimator", "PowerLaw",
    "Present",
]  # fmt: skip
