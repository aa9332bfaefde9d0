"""Exports: what a search found, as other programs read it. One file a format, one line here."""

from orchestrator.export.formats import Format

FORMATS: dict[str, Format] = {}
"""By the name that users give."""

__all__ = ["FORMATS", "Format"]
