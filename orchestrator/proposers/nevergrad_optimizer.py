"""Nevergrad as the explore step: any optimizer of its registry by name (Bennet et al. 2021)."""

from __future__ import annotations

import contextlib
import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.proposers.child import child_of
from orchestrator.proposers.isolation import private_randomness
from orchestrator.proposers.near_names import unknown_name
from search_spaces.errors import InfeasibleGenome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.proposers.proposal import Observation, ProposalRequest
    from search_spaces.genome import Genome
    from search_spaces.space import Space

IMPORT_SEED = 0
"""Nevergrad draws some of its optimizers' constants while it is imported."""
ASKS = 16
"""Asked points that may be infeasible beside genes that are not free."""


@dataclass(frozen=True, slots=True)
class _Pending:
    candidate: Any
    genome: Genome
    is_whole: bool
    """Whether all genes were the optimizer's."""


class NevergradOptimizer:
    """Asks an optimizer, and tells it minus the gain of every observed genome.

    A proposal whose genes were all the optimizer's is told as the point it asked for (repair is
    part of the evaluation); any other observation is told as a point it did not ask for, where the
    optimizer supports that.
    """

    def __init__(
        self,
        space: Space,
        *,
        optimizer: str = "NGOpt",
        budget: int | None = None,
        num_workers: int = 1,
    ) -> None:
        """Set up.

        Args:
            space: The space of the genomes.
            optimizer: Name in `nevergrad.optimizers.registry`.
            budget: Proposals expected in all, which many optimizers plan by; None: unknown.
            num_workers: Proposals that are on their way at once.

        Raises:
            ValueError: No such optimizer, one that cannot be made with these settings, or a package
                that it needs is missing.
        """
        if (budget is not None and budget < 1) or num_workers < 1:
            raise ValueError(
                f"`budget >= 1` and `num_workers >= 1` must hold, but got budget={budget}, "
                f"num_workers={num_workers}."
            )
        self._space = space
        self._name, self._budget, self._num_workers = optimizer, budget, num_workers
        self._private = np.random.default_rng(0)
        self._pending: dict[int, _Pending] = {}
        self._early: list[Observation] = []
        self._optimizer: Any = None
        self.untold = 0
        """Observations that the optimizer could not be told."""
        self.infeasible_asks = 0
        """Asked points that could not be repaired within the free genes."""
        self._make(seed=0)  # for its errors; the one that is used is made with the run's seed

    def observe(self, observations: tuple[Observation, ...]) -> None:
        """Tell the optimizer of each observation with a finite gain."""
        if self._optimizer is None:
            self._early += observations
            return
        for observation in observations:
            pending = self._pending.pop(observation.member, None)
            if not math.isfinite(observation.gain):
                continue
            if pending is not None and pending.is_whole and pending.genome == observation.genome:
                with self._alone():
                    self._optimizer.tell(pending.candidate, -observation.gain)
            else:
                self._tell_not_asked(observation)

    def propose(self, request: ProposalRequest, rng: np.random.Generator) -> Genome:
        """Ask the optimizer for the free genes; see `Proposer.propose`.

        Raises:
            InfeasibleGenome: `ASKS` asked points in turn cannot be repaired within the free genes.
            ValueError: The optimizer cannot give a point, for example beyond its budget.
        """
        self._private = np.random.default_rng(int(rng.integers(2**63)))
        if self._optimizer is None:
            self._optimizer = self._make(seed=int(rng.integers(2**32)))
            early, self._early = tuple(self._early), []
            self.observe(early)
        self._pending.pop(request.member, None)
        for attempt in range(ASKS):
            candidate, proposed = self._ask()
            try:
                genome = child_of(self._space, request.donor, proposed, free=request.free)
            except InfeasibleGenome:
                self.infeasible_asks += 1
                if attempt == ASKS - 1:
                    raise
            else:
                is_whole = request.free >= {g.name for g in self._space.genes if not g.is_fixed}
                self._pending[request.member] = _Pending(candidate, genome, is_whole)
                return genome
        raise AssertionError("the loop returns or raises")

    def _ask(self) -> tuple[Any, dict[str, Any]]:
        from orchestrator.proposers.nevergrad_parametrization import (  # noqa: PLC0415 - heavy
            values_to_coordinates,
        )

        with self._alone():
            try:
                candidate = self._optimizer.ask()
            except Exception as error:
                # 500 optimizers raise whatever they like when they are at their end
                raise ValueError(
                    f"The Nevergrad optimizer {self._name!r} gave no point after "
                    f"{self._optimizer.num_ask} (budget {self._budget}): {error!r}. Raise "
                    f"`budget`, or choose another optimizer."
                ) from error
        return candidate, values_to_coordinates(self._space, candidate.value)

    def _tell_not_asked(self, observation: Observation) -> None:
        from nevergrad.common.errors import TellNotAskedNotSupportedError  # noqa: PLC0415

        from orchestrator.proposers.nevergrad_parametrization import (  # noqa: PLC0415
            genome_to_values,
        )

        values = genome_to_values(self._space, observation.genome)
        with self._alone():
            candidate = self._optimizer.parametrization.spawn_child(new_value=values)
            try:
                self._optimizer.tell(candidate, -observation.gain)
            except TellNotAskedNotSupportedError:
                self.untold += 1

    def _make(self, *, seed: int) -> Any:
        with self._alone(IMPORT_SEED):
            import nevergrad as ng  # noqa: PLC0415 - heavy, and only this proposer needs it

            from orchestrator.proposers.nevergrad_parametrization import (  # noqa: PLC0415
                parametrization,
            )
        registry = ng.optimizers.registry
        if self._name not in registry:
            raise unknown_name("Nevergrad optimizer", self._name, list(registry))
        with self._alone(seed):
            parameters = parametrization(self._space)
            parameters.random_state = np.random.RandomState(seed)  # the type that it wants
            try:
                return registry[self._name](
                    parameters, budget=self._budget, num_workers=self._num_workers
                )
            except ImportError as error:
                raise ValueError(
                    f"The Nevergrad optimizer {self._name!r} needs a package that is not "
                    f"installed: {error}. Install it, or choose another optimizer."
                ) from error
            except Exception as error:
                # 500 optimizers check their settings in as many ways
                raise ValueError(
                    f"The Nevergrad optimizer {self._name!r} cannot be made with "
                    f"budget={self._budget}, num_workers={self._num_workers}: {error!r}. Give a "
                    f"budget, or choose another optimizer."
                ) from error

    @contextlib.contextmanager
    def _alone(self, seed: int | None = None) -> Iterator[None]:
        """Keep global random state and warnings of the library to itself."""
        drawn = int(self._private.integers(2**32)) if seed is None else seed
        with private_randomness(drawn), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
