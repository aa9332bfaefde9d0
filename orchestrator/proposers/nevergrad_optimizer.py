"""Nevergrad as the explore step: any optimizer of its registry by name (Bennet et al. 2021)."""

from __future__ import annotations

import contextlib
import logging
import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.proposers.child import child_of
from orchestrator.proposers.isolation import in_daemon_thread, private_randomness
from orchestrator.proposers.near_names import unknown_name
from search_spaces.errors import InfeasibleGenome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.proposers.proposal import Observation, ProposalRequest
    from search_spaces.genome import Genome
    from search_spaces.space import Space

_LOG = logging.getLogger("masga")
IMPORT_SEED = 0
"""Nevergrad draws some of its optimizers' constants while it is imported."""
ASKS = 16
"""Asked points that may be infeasible beside genes that are not free."""


@dataclass(frozen=True, slots=True)
class _Pending:
    candidate: Any
    genome: Genome


class NevergradOptimizer:
    """Asks an optimizer, and tells it minus the gain of every observed genome.

    A proposal is told as the point that was asked for: repair, and genes that are not free, are
    part of the evaluation. Other genomes are told as points that were not asked for, where the
    optimizer supports that. No more than `num_workers` asked points are ever without an answer,
    since some optimizers wait for it for ever: beyond that number the oldest of them is proposed
    once more, and a point whose member failed or was replaced is answered with the worst gain seen.
    """

    def __init__(
        self,
        space: Space,
        *,
        optimizer: str = "NGOpt",
        budget: int | None = None,
        num_workers: int = 8,
    ) -> None:
        """Set up.

        Args:
            space: The space of the genomes.
            optimizer: Name in `nevergrad.optimizers.registry`.
            budget: Proposals expected in all, which many optimizers plan by; None: unknown.
            num_workers: Proposals that may be out at once; the size of the population is a good
                number. An optimizer that can only be asked one point at a time is made with 1.

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
        self._open: dict[str, Any] = {}  # asked points without an answer, oldest first, by uid
        self._early: list[Observation] = []
        self._worst_gain = 0.0
        self._optimizer: Any = None
        self.untold = 0
        """Observations that the optimizer could not be told, being points it did not ask for."""
        self.repeated = 0
        """Proposals of a point that was still out."""
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
            if math.isfinite(observation.gain):
                self._worst_gain = min(self._worst_gain, observation.gain)
                is_answer = pending is not None and pending.genome == observation.genome
                if pending is not None and is_answer and pending.candidate.uid in self._open:
                    self._answer(pending.candidate, observation.gain)
                else:
                    self._tell_not_asked(observation)
            if pending is not None:
                self._give_up(pending.candidate)

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
        if (stale := self._pending.pop(request.member, None)) is not None:
            self._give_up(stale.candidate)
        for attempt in range(ASKS):
            candidate, proposed = self._ask()
            try:
                genome = child_of(self._space, request.donor, proposed, free=request.free)
            except InfeasibleGenome:
                self.infeasible_asks += 1
                self._give_up(candidate)
                if attempt == ASKS - 1:
                    raise
            else:
                self._pending[request.member] = _Pending(candidate, genome)
                return genome
        raise AssertionError("the loop returns or raises")

    def _answer(self, candidate: Any, gain: float) -> None:
        del self._open[candidate.uid]
        with self._alone():
            self._optimizer.tell(candidate, -gain)

    def _give_up(self, candidate: Any) -> None:
        """Answer a point that nobody will observe any more, if it has no answer."""
        is_elsewhere = any(other.candidate is candidate for other in self._pending.values())
        if candidate.uid in self._open and not is_elsewhere:
            self._answer(candidate, self._worst_gain)

    def _ask(self) -> tuple[Any, dict[str, Any]]:
        from orchestrator.proposers.nevergrad_parametrization import (  # noqa: PLC0415 - heavy
            values_to_coordinates,
        )

        if len(self._open) >= self._optimizer.num_workers:
            self.repeated += 1
            oldest = next(iter(self._open.values()))
            return oldest, values_to_coordinates(self._space, oldest.value)
        with self._alone():
            try:
                candidate = in_daemon_thread(self._optimizer.ask)
            except Exception as error:
                # 500 optimizers raise whatever they like when they are at their end
                raise ValueError(
                    f"The Nevergrad optimizer {self._name!r} gave no point after "
                    f"{self._optimizer.num_ask} (budget {self._budget}): {error!r}. Raise "
                    f"`budget`, or choose another optimizer."
                ) from error
        self._open[candidate.uid] = candidate
        return candidate, values_to_coordinates(self._space, candidate.value)

    def _tell_not_asked(self, observation: Observation) -> None:
        from orchestrator.proposers.nevergrad_parametrization import (  # noqa: PLC0415 - heavy
            genome_to_values,
        )

        values = genome_to_values(self._space, observation.genome)
        with self._alone():
            candidate = self._optimizer.parametrization.spawn_child(new_value=values)
            try:
                self._optimizer.tell(candidate, -observation.gain)
            except Exception as error:  # noqa: BLE001 - TellNotAskedNotSupportedError, or what a wrapped library raises
                if not self.untold:
                    _LOG.warning(
                        "the Nevergrad optimizer %s learns from its own proposals only: it cannot "
                        "be told of others' genomes (%s)",
                        self._name,
                        " ".join(f"{type(error).__name__}: {error}".split())[:200],
                    )
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
                is_sequential = getattr(registry[self._name], "no_parallelization", False)
                return registry[self._name](
                    parameters,
                    budget=self._budget,
                    num_workers=1 if is_sequential else self._num_workers,
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
