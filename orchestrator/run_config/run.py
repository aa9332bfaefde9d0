"""The whole run file: its sections, and the laws between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator

from orchestrator.credentials import places_with_credentials, where_they_belong
from orchestrator.mistakes import LawsBroken, Mistake
from orchestrator.run_config.corpus import CorpusConfig
from orchestrator.run_config.fitness import FitnessConfig
from orchestrator.run_config.population import (
    BudgetConfig,
    FreezeConfig,
    PopulationConfig,
    StopConfig,
)
from orchestrator.run_config.resources import CheckpointsConfig, MlflowConfig, ResourcesConfig
from orchestrator.run_config.schedule import ScheduleConfig
from orchestrator.run_config.section import Section
from orchestrator.run_config.selection import ProposerConfig, SelectionConfig
from orchestrator.run_config.space import SpaceConfig
from orchestrator.run_config.training import TrainingConfig
from orchestrator.run_laws import broken_laws
from orchestrator.storage.place import is_remote, local_path

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.events import JSON

BESIDE = ("output", "resources", "checkpoints", "mlflow")
"""The keys that say where and with what a search runs, not which search it is."""


class RunConfig(Section):
    """Everything that decides a search."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = "search"
    """Names the directory of the search inside `output`; unwritten: the run file's own name."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    """Every random draw comes from it."""
    output: str = "runs"
    """Directory of searches, or the URI of an object store: s3://bucket/runs, gs://bucket/runs."""
    corpus: CorpusConfig = CorpusConfig()
    space: SpaceConfig = SpaceConfig()
    population: PopulationConfig = PopulationConfig()
    budget: BudgetConfig
    schedule: ScheduleConfig | None = None
    """Train one member by it; null: search."""
    stop: StopConfig = StopConfig()
    selection: SelectionConfig = SelectionConfig()
    proposers: tuple[ProposerConfig, ...] = Field(
        default=(ProposerConfig(proposer="mutation"),), strict=False
    )
    freeze: FreezeConfig = FreezeConfig()
    fitness: FitnessConfig = FitnessConfig()
    training: TrainingConfig = TrainingConfig()
    resources: ResourcesConfig = ResourcesConfig()
    checkpoints: CheckpointsConfig = CheckpointsConfig()
    baseline: bool = True
    """Train the default genome of the winner's size with the winner's tokens at the end."""
    mlflow: MlflowConfig = MlflowConfig()

    @model_validator(mode="before")
    @classmethod
    def _no_credentials(cls, values: Any) -> Any:
        """See to it first: what else is wrong is told with the value that is wrong."""
        carried = [
            Mistake(
                key=key,
                law="a run file, which is copied into logs and reports, holds no credentials",
                found=f"{kind} in a URI",
                remedy=where_they_belong(str(key[0])),
            )
            for key, kind in places_with_credentials(values)
        ]
        if carried:
            raise LawsBroken(*carried)
        return values

    @model_validator(mode="after")
    def _laws_between_keys(self) -> Self:
        mistakes = broken_laws(self)
        if mistakes:
            raise LawsBroken(*mistakes)
        return self

    def deciding(self) -> dict[str, JSON]:
        """Return what decides the search: all keys but those of `beside`, as JSON.

        A search has no schedule, and does not say so: its log is what it was before there were any.
        """
        unsaid = set() if self.schedule is not None else {"schedule"}
        return self.model_dump(mode="json", exclude={*BESIDE, *unsaid})

    def beside(self) -> dict[str, JSON]:
        """Return what a synchronous search on CPU does not depend on: places and resources."""
        return self.model_dump(mode="json", include=set(BESIDE))

    @classmethod
    def from_json(cls, values: dict[str, JSON]) -> Self:
        """Rebuild what `{**deciding(), **beside()}` gave.

        Raises:
            ValueError: A key or value is not one of a run file.
        """
        return cls.model_validate(values)

    def anchored(self, directory: Path) -> Self:
        """Return the same with the paths of sources and space taken from `directory`."""
        sources = tuple(
            s if s.path is None else s.model_copy(update={"path": _anchored(s.path, directory)})
            for s in self.corpus.sources
        )
        space, name = self.space, self.space.name
        file, colon, variable = name.rpartition(":")
        if colon and file.endswith(".py"):
            space = space.model_copy(update={"name": f"{directory / file}:{variable}"})
        changes: dict[str, Any] = {
            "corpus": self.corpus.model_copy(update={"sources": sources}),
            "space": space,
        }
        if "output" in self.model_fields_set:
            changes["output"] = _anchored(self.output, directory)
        return self.model_copy(update=changes)


def _anchored(name: str, directory: Path) -> str:
    """Return a path as taken from `directory`; a URI is whole as it is."""
    return name if is_remote(name) else str(directory / local_path(name))
