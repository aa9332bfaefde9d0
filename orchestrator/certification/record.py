"""The certificate as JSON; docs/certify.md documents its fields."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from orchestrator.certification.judgement import LEVEL
from orchestrator.certification.sign_flip import smallest_p_value
from search_spaces.genome import genome_to_json

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.certification.certificate import Certificate, Compared, Trained
    from orchestrator.events import JSON

FORMAT = "masga-certificate-1"
CERTIFICATE = "certificate.json"


def to_json(certificate: Certificate) -> dict[str, JSON]:
    """Return the certificate as plain JSON values."""
    plan = certificate.plan
    return {
        "format": FORMAT,
        "verdict": certificate.verdict,
        "search": certificate.search,
        "seeds": plan.replicates,
        "tokens": plan.tokens,
        "winner_tokens": plan.winner_tokens,
        "share": plan.share,
        "horizon_tokens": plan.horizon_tokens,
        "heldout_batches": certificate.heldout_batches,
        "level": LEVEL,
        "smallest_p_value": smallest_p_value(plan.replicates),
        "notes": list(certificate.notes),
        "arms": [_arm(arm) for arm in certificate.arms],
        "comparisons": [_comparison(compared) for compared in certificate.comparisons],
    }


def _arm(arm: Trained) -> dict[str, JSON]:
    return {
        "name": arm.name,
        "what": arm.what,
        "digest": arm.digest,
        "parameters": arm.parameters,
        "bits_per_byte": list(arm.bits_per_byte),
        "mean": arm.mean,
        "standard_deviation": arm.standard_deviation,
        "failures": list(arm.failures),
        "parts": [
            {"tokens": part.tokens, "genome": genome_to_json(part.genome)} for part in arm.arm.parts
        ],
    }


def _comparison(compared: Compared) -> dict[str, JSON]:
    return {
        "arm": compared.name,
        "reference": "default",
        "differences": list(compared.differences),
        "gain": None if compared.gain is None else asdict(compared.gain),
        "p_value": compared.p_value,
        "p_holm": compared.p_holm,
        "text_standard_error": compared.text_standard_error,
        "outcome": compared.judgement.outcome,
        "sentence": compared.judgement.sentence,
    }


def write_certificate(certificate: Certificate, directory: Path) -> Path:
    """Write the certificate in one step; return its path."""
    path = directory / CERTIFICATE
    temporary = path.with_name(f".{path.name}.part")
    text = json.dumps(to_json(certificate), indent=1, ensure_ascii=False, allow_nan=False)
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)
    return path
