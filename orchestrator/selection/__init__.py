"""Who is replaced by whom: one pure policy a file."""

from orchestrator.selection.decision import (
    Candidate,
    Decision,
    Keep,
    ReplaceBy,
    SelectionPolicy,
)
from orchestrator.selection.improvement_rate import ImprovementRate
from orchestrator.selection.independent import Independent
from orchestrator.selection.multi_frequency import MultiFrequency
from orchestrator.selection.significance import SignificantTruncation
from orchestrator.selection.tournament import BinaryTournament
from orchestrator.selection.truncation import Truncation

POLICIES: dict[str, type[SelectionPolicy]] = {
    "truncation": Truncation,
    "tournament": BinaryTournament,
    "significance": SignificantTruncation,
    "multi_frequency": MultiFrequency,
    "improvement_rate": ImprovementRate,
    "independent": Independent,
}
"""Policies by the names that run files use; the fields of a policy are its parameters there."""

__all__ = [
    "POLICIES",
    "BinaryTournament",
    "Candidate",
    "Decision",
    "ImprovementRate",
    "Independent",
    "Keep",
    "MultiFrequency",
    "ReplaceBy",
    "SelectionPolicy",
    "SignificantTruncation",
    "Truncation",
]
