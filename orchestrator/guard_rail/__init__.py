"""The guard rail: statistics of the game correct a loss while they predict finished lineages."""

from orchestrator.guard_rail.features import FEATURES, features
from orchestrator.guard_rail.lineages import Lineages, LineageSample
from orchestrator.guard_rail.regression import NO_GUARD_RAIL, Correction, GuardRail, fit_guard_rail

__all__ = [
    "FEATURES",
    "NO_GUARD_RAIL",
    "Correction",
    "GuardRail",
    "LineageSample",
    "Lineages",
    "features",
    "fit_guard_rail",
]
