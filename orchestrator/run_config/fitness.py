"""What a member is judged by, the components' game included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import ConfigDict, Field, ValidationInfo, model_validator

from orchestrator.horizon import ESTIMATORS
from orchestrator.plugins import check_plugin
from orchestrator.run_config.section import Section, may_run

if TYPE_CHECKING:
    from orchestrator.events import JSON


class GameConfig(Section):
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


class FitnessConfig(Section):
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
            self.horizon, self.parameters, ESTIMATORS, kind="horizon", own_code=may_run(info)
        )
        return self
