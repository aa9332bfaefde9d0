"""The JSON Schema of run files, as docs/run_file.schema.json publishes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from orchestrator.run_config import RunConfig

if TYPE_CHECKING:
    from orchestrator.events import JSON


def schema() -> dict[str, JSON]:
    """Return the schema of what a user may write, draft 2020-12."""
    written = RunConfig.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **written}


def schema_text() -> str:
    """Return the schema as the text of its file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
