"""Exports: what a search found, as other programs read it. One file a format, one line here."""

from orchestrator.export import yaml_schedule
from orchestrator.export.formats import Format

FORMATS: dict[str, Format] = {
    "yaml": Format(
        what="a run file that trains the member alone, by the whole schedule of its ancestors",
        suffix=".yaml",
        write=yaml_schedule.write,
        use=yaml_schedule.use,
    ),
}
"""By the name that users give."""

__all__ = ["FORMATS", "Format"]
