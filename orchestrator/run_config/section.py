"""What all sections of a run file share: frozen, strict, no unknown keys."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationInfo

OWN_CODE = {"own_code": True}
"""Context of a validation that checks plug-ins of the user's own too, by importing them."""


def may_run(info: ValidationInfo) -> bool:
    """Return whether a validation may import what the run file names."""
    return info.context is not None and bool(info.context.get("own_code"))


class Section(BaseModel):
    """A section: one mapping of the file."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_default=False,
    )
