"""Who is replaced by whom, and where child genomes come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import ConfigDict, Field, ValidationInfo, model_validator

from orchestrator.plugins import PROPOSERS_ARE_GIVEN, check_plugin
from orchestrator.proposers import PROPOSERS
from orchestrator.run_config.section import Section, may_run
from orchestrator.selection import POLICIES

if TYPE_CHECKING:
    from orchestrator.events import JSON


class SelectionConfig(Section):
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
        check_plugin(self.policy, self.parameters, POLICIES, kind="policy", own_code=may_run(info))
        return self


class ProposerConfig(Section):
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
            own_code=may_run(info),
            given=PROPOSERS_ARE_GIVEN,
        )
        return self
