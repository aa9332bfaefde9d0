"""Optuna as the explore step: any sampler of `optuna.samplers` by name (Akiba et al. 2019).

An in-memory study holds one trial for each observation. The trial of a proposal is running until
the member's next interval is observed, so that samplers which know pending trials (constant liar)
spread simultaneous proposals. Genes that are not free are enqueued with the donor's values.
"""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.proposers.child import child_of, held
from orchestrator.proposers.isolation import private_randomness
from orchestrator.proposers.near_names import unknown_name
from search_spaces.errors import InfeasibleGenome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    import optuna

    from orchestrator.proposers.proposal import Observation, ProposalRequest
    from search_spaces.genome import Genome
    from search_spaces.space import Space

Option = bool | int | float | str | None

DEFAULTS: dict[str, dict[str, Option]] = {
    "TPESampler": {"multivariate": True, "group": True, "constant_liar": True},
    "CmaEsSampler": {"warn_independent_sampling": False},
    "GPSampler": {"warn_independent_sampling": False},
    "QMCSampler": {
        "scramble": True,
        "warn_independent_sampling": False,
        "warn_asynchronous_seeding": False,
    },
}
"""Options other than Optuna's own defaults. `group` because spaces are conditional: layers that a
model does not have, genes that a choice makes inactive."""
NOT_FOR_US = {
    "GridSampler": "it walks a grid and cannot take up other members' genomes",
    "BruteForceSampler": "it walks a grid and cannot take up other members' genomes",
    "PartialFixedSampler": "genes are fixed by the run's space instead",
}
NEEDED = {"CmaEsSampler": "cmaes", "GPSampler": "torch"}
"""Packages that samplers import only when they are first asked."""
OWN_POINTS_ONLY = frozenset({"CmaEsSampler", "NSGAIISampler", "NSGAIIISampler"})
"""Samplers that learn from the points they asked for and no others: where a genome was repaired,
they are told the value at the point they asked for, as if repair were part of the evaluation."""
ASKS = 16
"""Asked points that may be infeasible beside genes that are not free."""


@dataclass(frozen=True, slots=True)
class _Pending:
    trial: optuna.Trial
    genome: Genome


class OptunaSampler:
    """Asks a sampler, and tells it the gain of every observed genome."""

    def __init__(
        self,
        space: Space,
        *,
        sampler: str = "TPESampler",
        options: Mapping[str, Option] | None = None,
    ) -> None:
        """Set up an empty study.

        Args:
            space: The space of the genomes.
            sampler: Name of a class of `optuna.samplers`.
            options: Its arguments, in place of the defaults; all but `seed`, which comes from the
                generator of the first proposal.

        Raises:
            ValueError: No such sampler, or not one for this purpose; an option that it does not
                take or does not accept; or a package that it needs is missing.
        """
        import optuna  # noqa: PLC0415 - heavy, and only this proposer needs it

        optuna.logging.set_verbosity(optuna.logging.ERROR)  # a line for each trial otherwise
        self._space = space
        self._name = sampler
        self._options = {**DEFAULTS.get(sampler, {}), **(options or {})}
        self._pending: dict[int, _Pending] = {}
        self._seeded = False
        self.infeasible_asks = 0
        """Asked points that could not be repaired within the free genes."""
        with _quiet():
            self._study = optuna.create_study(
                direction="maximize", sampler=self._sampler(seed=0), storage=None
            )

    def observe(self, observations: tuple[Observation, ...]) -> None:
        """Add a completed trial for each observation with a finite gain."""
        from orchestrator.proposers.optuna_trials import (  # noqa: PLC0415 - imports optuna
            genome_to_params,
            genome_to_trial,
        )

        with _quiet():
            for observation in observations:
                pending = self._pending.pop(observation.member, None)
                told = False
                if pending is not None:
                    same = observation.genome == pending.genome
                    asked = pending.trial.params
                    told = (
                        math.isfinite(observation.gain)
                        and same
                        and (
                            self._name in OWN_POINTS_ONLY
                            or asked == genome_to_params(self._space, observation.genome)
                        )
                    )
                    self._close(pending, observation.gain if told else None)
                if not told and math.isfinite(observation.gain):
                    self._study.add_trial(
                        genome_to_trial(self._space, observation.genome, value=observation.gain)
                    )

    def propose(self, request: ProposalRequest, rng: np.random.Generator) -> Genome:
        """Ask the sampler for the free genes; see `Proposer.propose`.

        Raises:
            InfeasibleGenome: `ASKS` asked points in turn cannot be repaired within the free genes.
        """
        from orchestrator.proposers.optuna_trials import (  # noqa: PLC0415 - imports optuna
            genome_to_params,
            suggest,
        )

        seed = int(rng.integers(2**31))
        if not self._seeded:
            with _quiet():
                self._study.sampler = self._sampler(seed=seed)
            self._seeded = True
        if (stale := self._pending.pop(request.member, None)) is not None:
            self._close(stale, None)
        params = genome_to_params(self._space, request.donor)
        fixed = {name: params[name] for name in held(self._space, request.donor, free=request.free)}
        for attempt in range(ASKS):
            with _quiet(), private_randomness(seed + attempt):
                if fixed:
                    self._study.enqueue_trial(fixed)
                trial = self._study.ask()
                proposed = suggest(self._space, trial)
            try:
                genome = child_of(self._space, request.donor, proposed, free=request.free)
            except InfeasibleGenome:
                self.infeasible_asks += 1
                self._close(_Pending(trial, request.donor), None)
                if attempt == ASKS - 1:
                    raise
            else:
                self._pending[request.member] = _Pending(trial, genome)
                return genome
        raise AssertionError("the loop returns or raises")

    def _close(self, pending: _Pending, value: float | None) -> None:
        from optuna.trial import TrialState  # noqa: PLC0415

        with _quiet():
            if value is None:
                self._study.tell(pending.trial, state=TrialState.FAIL)
            else:
                self._study.tell(pending.trial, value)

    def _sampler(self, *, seed: int) -> optuna.samplers.BaseSampler:
        import optuna  # noqa: PLC0415

        usable = [
            name
            for name in optuna.samplers.__all__
            if name.endswith("Sampler") and not name.startswith("Base") and name not in NOT_FOR_US
        ]
        if self._name in NOT_FOR_US:
            raise ValueError(
                f"The Optuna sampler {self._name!r} does not serve here: {NOT_FOR_US[self._name]}. "
                f"Choose among: {', '.join(usable)}."
            )
        if self._name not in usable:
            raise unknown_name("Optuna sampler", self._name, usable)
        sampler = getattr(optuna.samplers, self._name)
        known = set(inspect.signature(sampler).parameters) - {"seed"}
        if strange := sorted(self._options.keys() - known):
            raise ValueError(
                f"{self._name} takes the options {sorted(known)}, but got {strange}. "
                f"(Its seed comes from the run's seed.)"
            )
        needed = NEEDED.get(self._name)
        if needed is not None and importlib.util.find_spec(needed) is None:
            raise ValueError(
                f"{self._name} needs the package {needed!r}, which is not installed. Install it "
                f"(pip install {needed}), or choose another sampler."
            )
        options: dict[str, Any] = dict(self._options)
        try:
            made: optuna.samplers.BaseSampler = sampler(seed=seed, **options)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self._name} refuses the options {options}: {error}") from error
        return made


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence what Optuna says of options that were chosen on purpose."""
    from optuna.exceptions import ExperimentalWarning  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
