"""`torchtitan`: a module that gives TorchTitan's trainer its configuration, tokenizer and text."""

from orchestrator.export.torchtitan.directory import use, write

__all__ = ["use", "write"]
