"""The run file's values: what is searched, on which text, with what budget and by which rules.

Unknown keys are errors and nothing is converted behind the user's back, except sizes (`8M`, `2GB`).
Reading a run file runs none of the code that it names, unless `OWN_CODE` is the context.
`load_run` (run_loading.py) reads a file into a `RunConfig`; `RunConfig.from_json` rebuilds one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)

from orchestrator.credentials import places_with_credentials, where_they_belong
from orchestrator.events import JSON  # noqa: TC001 - pydantic reads it at run time
from orchestrator.horizon import ESTIMATORS
from orchestrator.mistakes import LawsBroken, Mistake
from orchestrator.plugins import PROPOSERS_ARE_GIVEN, check_plugin
from orchestrator.proposers import PROPOSERS
from orchestrator.run_laws import broken_laws
from orchestrator.run_types import (  # pydantic reads them at run time
    Amount,
    Bytes,
    Count,
    Share,
    broken,
    read_source,
    read_workers,
)
from orchestrator.selection import POLICIES
from orchestrator.storage.place import is_remote, local_path

if TYPE_CHECKING:
    from pathlib import Path

OWN_CODE = {"own_code": True}
"""Context of a validation that checks plug-ins of the user's own too, by importing them."""


def _may_run(info: ValidationInfo) -> bool:
    return info.context is not None and bool(info.context.get("own_code"))


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_default=False,
    )


class SourceConfig(_Section):
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


class CorpusConfig(_Section):
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


class LimitsConfig(_Section):
    """What no genome may exceed; null: no limit."""

    parameters: Annotated[Count, Field(ge=1)] | None = None
    flops_per_token: Annotated[Amount, Field(gt=0)] | None = None
    """Training FLOPs (forward and backward) a token."""
    memory: Annotated[Bytes, Field(ge=1)] | None = None
    """Peak memory of training one member."""


class SpaceConfig(_Section):
    """What is searched."""

    name: str = "gpt"
    """`gpt`, `my_space.py:SPACE` or `package.module:SPACE`."""
    genes: dict[str, JSON] = {}
    """Narrower domains: `{integer: [64, 160], step: 16}`; a single value fixes a gene."""
    limits: LimitsConfig = LimitsConfig()
    first_generation: Literal["uniform", "step_law", "expert"] = "step_law"
    """Where the first genomes are drawn."""


class PopulationConfig(_Section):
    """Who trains, and how long between two decisions."""

    members: Annotated[int, Field(ge=1)] = 8
    interval_tokens: Annotated[Count, Field(ge=1)] = 32_768
    mode: Literal["synchronous", "asynchronous"] = "synchronous"


class BudgetConfig(_Section):
    """What the whole search may spend: tokens, or FLOPs."""

    tokens: Annotated[Count, Field(ge=1)] | None = None
    flops: Annotated[Amount, Field(gt=0)] | None = None


class StretchConfig(_Section):
    """Consecutive intervals of one member with one genome."""

    intervals: Annotated[int, Field(ge=1)]
    genome: dict[str, JSON]
    """Every gene: {architecture: {...}, protocol: {...}}."""
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    """Draws the first stretch's weights, or the new parts of the morph into a later one."""


class ScheduleConfig(_Section):
    """What one member is, stretch by stretch, in place of a search; see `masga export`."""

    horizon_tokens: Annotated[Count, Field(ge=1)]
    """Tokens of a whole training: the unit of the genomes' schedules."""
    stretches: tuple[StretchConfig, ...] = Field(min_length=1, strict=False)
    """In their order; a change of architecture carries the weights over."""

    @property
    def intervals(self) -> int:
        """Intervals of all stretches together."""
        return sum(stretch.intervals for stretch in self.stretches)


class StopConfig(_Section):
    """Reasons to end before the budget; null: none."""

    target_loss: Annotated[float, Field(gt=0)] | None = None
    """Nats per token on the selection split."""
    stagnation_generations: Annotated[int, Field(ge=1)] | None = None
    """Generations without a better loss."""


class SelectionConfig(_Section):
    """Who is replaced by whom; further keys are the policy's own parameters."""

    model_config = ConfigDict(extra="allow")

    policy: str = "truncation"
    """A built-in policy, or `package.module:Class`."""

    @property
    def parameters(self) -> dict[str, JSON]:
        """The policy's own parameters, as written."""
        return dict(self.model_extra or {})

    @model_validator(mode="after")
    def _policy_exists(self, info: ValidationInfo) -> Self:
        check_plugin(self.policy, self.parameters, POLICIES, kind="policy", own_code=_may_run(info))
        return self


class ProposerConfig(_Section):
    """Where child genomes come from; further keys are the proposer's own parameters."""

    model_config = ConfigDict(extra="allow")

    proposer: str
    """A built-in proposer, or `package.module:Class`."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """Share of the children that it proposes, relative to the others' weights."""

    @property
    def parameters(self) -> dict[str, JSON]:
        """The proposer's own parameters, as written."""
        return dict(self.model_extra or {})

    @model_validator(mode="after")
    def _proposer_exists(self, info: ValidationInfo) -> Self:
        check_plugin(
            self.proposer,
            self.parameters,
            PROPOSERS,
            kind="proposer",
            own_code=_may_run(info),
            given=PROPOSERS_ARE_GIVEN,
        )
        return self


class FreezeConfig(_Section):
    """When each half of a genome may change, as shares of the budget."""

    architecture_after: Share = 0.5
    """Architecture genes no longer change after this share; 1: never frozen."""
    protocol_before: Share = 0.0
    """Protocol genes do not change before this share."""


class GameConfig(_Section):
    """The components' game: what is measured after an interval, and which terms enter fitness."""

    best_reply: bool = True
    """Judge members by loss and cost without the components that would leave at the price."""
    evaluations: Annotated[int, Field(ge=4)] = 12
    """Most small forward passes that a best reply is sought with after each interval."""
    sequences: Annotated[int, Field(ge=2)] = 8
    """Sequences of the game split in each of them."""
    margin: Annotated[float, Field(ge=0)] = 2.0
    """Standard errors by which a component's leaving must pay."""
    remaining_improvement: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the fall of the loss that is still to come."""
    nash_average: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the Nash average over the corpus's sources less their plain mean."""
    guard_rail: bool = True
    """Correct the loss by statistics of the game, only while they predict finished lineages."""


class FitnessConfig(_Section):
    """What a member is judged by; further keys are the estimator's own parameters."""

    model_config = ConfigDict(extra="allow")

    horizon: str = "present"
    """How the loss at the end of the budget is estimated: present, power_law (the member's own
    curve), annealing (all curves together with their learning-rate schedules), or
    package.module:Class."""
    nats_per_gflop: Annotated[float, Field(ge=0)] | Literal["front"] = 0.0
    """Price of cost: nats for each GFLOP that a training token takes; `front`: what the population
    itself shows, the slope of its (cost, loss) front."""
    game: GameConfig | None = None
    """The components' game; null: it is not played."""

    @property
    def parameters(self) -> dict[str, JSON]:
        """The estimator's own parameters, as written."""
        return dict(self.model_extra or {})

    @model_validator(mode="after")
    def _estimator_exists(self, info: ValidationInfo) -> Self:
        check_plugin(
            self.horizon, self.parameters, ESTIMATORS, kind="horizon", own_code=_may_run(info)
        )
        return self


class TrainingConfig(_Section):
    """How members train and are measured."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    compile: Literal["auto", True, False] = "auto"
    utility_every: Annotated[int, Field(ge=0)] = 8
    """Steps between two measurements of the components' utilities; 0: never."""
    evaluation_sequences: Annotated[int, Field(ge=1)] = 16
    """Sequences in an evaluation batch."""
    evaluation_batches: Annotated[int, Field(ge=2)] = 8
    """Batches that selection judges members by."""
    heldout_batches: Annotated[int, Field(ge=2)] = 32
    """Batches that the winner and the baseline are compared on at the end."""
    micro_batch_tokens: Annotated[Count, Field(ge=1)] | None = None
    """Most tokens in one forward and backward pass of a process; null: the whole batch."""
    activation_checkpointing: bool = False
    """Keep only what each layer reads and compute the rest again in the backward pass: the same
    losses with a third more computing and a fraction of the memory."""


class ResourcesConfig(_Section):
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


class CheckpointsConfig(_Section):
    """What is kept on disk for `masga resume`."""

    keep_generations: Annotated[int, Field(ge=1)] = 2


class MlflowConfig(_Section):
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


class RunConfig(_Section):
    """Everything that decides a search."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = "search"
    """Names the directory of the search inside `output`; unwritten: the run file's own name."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    """Every random draw comes from it."""
    output: str = "runs"
    """Directory of searches, or the URI of an object store: s3://bucket/runs, gs://bucket/runs."""
    """Directory of searches; unwritten: `runs` where the command runs."""
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


BESIDE = ("output", "resources", "checkpoints", "mlflow")
"""The keys that say where and with what a search runs, not which search it is."""
