"""Writes an analysis: the page, one JSON document, Parquet tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from orchestrator.analysis.page import analysis_page
from orchestrator.analysis.tables import to_json, write_parquet

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.analysis.findings import Findings

PAGE, DOCUMENT = "analysis.html", "analysis.json"


def write_analysis(found: Findings, directory: Path) -> tuple[Path, ...]:
    """Write all files into a directory, over those of an earlier analysis; return their paths.

    Raises:
        OSError: The directory cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    page, document = directory / PAGE, directory / DOCUMENT
    page.write_text(analysis_page(found), encoding="utf-8")
    document.write_text(json.dumps(to_json(found), indent=1, allow_nan=False), encoding="utf-8")
    return (page, document, *write_parquet(found, directory))
