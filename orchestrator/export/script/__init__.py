"""`script`: one readable PyTorch script that trains the genome from scratch, and its data."""

from orchestrator.export.script.directory import use, write

__all__ = ["use", "write"]
