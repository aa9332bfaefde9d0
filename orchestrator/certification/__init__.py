"""Certification: the winner trained again from scratch beside what it must beat, seed by seed."""

from orchestrator.certification.certificate import Certificate, Compared, Trained, certificate_of
from orchestrator.certification.plan import Arm, Part, Plan, plan_from_json
from orchestrator.certification.planning import plan_certification
from orchestrator.certification.tally import Tally, tallied

__all__ = [
    "Arm",
    "Certificate",
    "Compared",
    "Part",
    "Plan",
    "Tally",
    "Trained",
    "certificate_of",
    "plan_certification",
    "plan_from_json",
    "tallied",
]
