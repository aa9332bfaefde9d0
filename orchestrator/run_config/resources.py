"""Where a search runs, what it keeps, and where it is shown: nothing that decides it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from orchestrator.run_config.section import Section
from orchestrator.run_types import Bytes, read_workers


class ResourcesConfig(Section):
    """Where the search runs."""

    workers: Annotated[int | Literal["auto"], BeforeValidator(read_workers)] = "auto"
    """Members that train at the same time, each in a process (or processes_per_member) of its
    own; auto: as many as there is room and use for, also when nodes come and go."""
    processes_per_member: Annotated[int, Field(ge=1)] = 1
    """Processes that train one member together (FSDP2), its weights, gradients and optimizer state
    split over them: for members larger than one GPU."""
    cpus_per_worker: Annotated[float, Field(gt=0)] = 1
    """Of each process."""
    gpus_per_worker: Annotated[float, Field(ge=0)] = 0
    """Of each process: several that train one member together have one each, or none."""
    address: str | None = None
    """A Ray cluster, such as `auto` or `10.0.0.5:6379`; null: one of this machine alone."""
    object_store: Annotated[Bytes, Field(ge=80_000_000)] = 256_000_000
    """Shared memory of a cluster that is started here."""
    stall_seconds: Annotated[float, Field(ge=2)] | None = 60
    """The tasks of a worker that is not heard of for so long go to others; null: never."""


class CheckpointsConfig(Section):
    """What is kept on disk for `masga resume`."""

    keep_generations: Annotated[int, Field(ge=1)] = 2


class MlflowConfig(Section):
    """Where MLflow shows the search."""

    enabled: bool = True
    tracking_uri: str | None = None
    """Null: what $MLFLOW_TRACKING_URI says, else the file `mlflow.db` in the output directory (of
    its working copy, if it is a URI). Credentials belong into the environment or
    ~/.mlflow/credentials."""
    experiment: str | None = None
    """Null: `masga`."""
    register_model: Annotated[str, Field(pattern=r"^[^/:%\"']{1,200}$")] | None = None
    """Registered model that the winner's weights become a version of; null: none."""
