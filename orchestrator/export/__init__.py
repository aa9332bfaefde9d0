"""Exports: what a search found, as other programs read it. One file a format, one line here."""

from orchestrator.export import hugging_face, litgpt, script, torchtitan, yaml_schedule
from orchestrator.export.formats import Format

FORMATS: dict[str, Format] = {
    "hf": Format(
        what="a directory that Hugging Face transformers loads: weights, tokenizer, model card",
        suffix="",
        write=hugging_face.write,
        use=hugging_face.use,
    ),
    "litgpt": Format(
        what="a configuration for `litgpt pretrain`, with tokenizer and text",
        suffix="",
        write=litgpt.write,
        use=litgpt.use,
    ),
    "script": Format(
        what="a PyTorch script of its own that trains the genome from scratch, with its data",
        suffix="",
        write=script.write,
        use=script.use,
    ),
    "torchtitan": Format(
        what="a module that configures TorchTitan's trainer, with tokenizer and text",
        suffix="",
        write=torchtitan.write,
        use=torchtitan.use,
    ),
    "yaml": Format(
        what="a run file that trains the member alone, by the whole schedule of its ancestors",
        suffix=".yaml",
        write=yaml_schedule.write,
        use=yaml_schedule.use,
    ),
}
"""By the name that users give."""

__all__ = ["FORMATS", "Format"]
