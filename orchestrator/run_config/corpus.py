"""Which text: its sources, their tokens."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from orchestrator.mistakes import LawsBroken, Mistake
from orchestrator.run_config.section import Section
from orchestrator.run_types import Count, broken, read_source


class SourceConfig(Section):
    """Where text comes from: a named corpus, or files."""

    name: str | None = None
    """A named corpus, such as `wiki_vital`."""
    path: str | None = None
    """A file or a pattern such as `docs/**/*.txt`: text, JSONL or Parquet."""
    field: str | None = None
    """The field or column that holds the text (JSONL and Parquet)."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.name is None) == (self.path is None):
            found = "neither" if self.name is None else "both"
            remedy = "Write `wiki_vital`, or {path: docs/**/*.txt}."
            law = "a source has a `name` or a `path`"
            raise LawsBroken(Mistake(law=law, found=found, remedy=remedy))
        if self.field is not None and self.path is None:
            law = "`field` belongs to a source with a `path`"
            raise broken(law, self.field, "Delete `field`, or write the `path` of the files.")
        return self


Source = Annotated[
    SourceConfig,
    BeforeValidator(read_source),
    Field(json_schema_extra={"description": "A named corpus, or {path: ..., field: ...}."}),
]


class CorpusConfig(Section):
    """The text that members train on and are judged by."""

    sources: tuple[Source, ...] = Field(
        default=(SourceConfig(name="wiki_vital"),), min_length=1, strict=False
    )
    """Each is one domain of the data mix, in this order."""
    fallback: str | None = None
    """A named corpus that stands in (and says so) for a named one that is not installed."""
    tokenizer: Literal["bytes", "bpe"] = "bytes"
    vocabulary: Annotated[Count, Field(ge=258, le=65_536)] | None = None
    """Tokens of the `bpe` vocabulary."""
    context_length: Annotated[Count, Field(ge=8)] = 128
    """Tokens in the longest sequence."""
