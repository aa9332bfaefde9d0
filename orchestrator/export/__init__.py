"""Exports: what a search found, as other programs read it. One file a format, one line here."""

from orchestrator.export import hugging_face, script
from orchestrator.export.formats import Format

FORMATS: dict[str, Format] = {
    "hf": Format(
        what="a directory that Hugging Face transformers loads: weights, tokenizer, model card",
        suffix="",
        write=hugging_face.write,
        use=hugging_face.use,
    ),
    "script": Format(
        what="a PyTorch script of its own that trains the genome from scratch, with its data",
        suffix="",
        write=script.write,
        use=script.use,
    ),
}
"""By the name that users give."""

__all__ = ["FORMATS", "Format"]
