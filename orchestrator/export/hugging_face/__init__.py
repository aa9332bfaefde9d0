"""`hf`: a directory that `transformers` loads as it is, without code of ours."""

from orchestrator.export.hugging_face.directory import use, write

__all__ = ["use", "write"]
