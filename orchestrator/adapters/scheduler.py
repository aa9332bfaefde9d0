"""Ray Tune's side of the loop: hand every worker's reports on, let every worker go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

if TYPE_CHECKING:
    from collections.abc import Callable

    from ray.tune.experiment import Trial

    from orchestrator.errors import UserError


class Generations(FIFOScheduler):  # type: ignore[misc]
    """A trial scheduler that decides nothing: decisions go to workers as tasks, not as trials.

    Args:
        deliver: Takes the raw reports of one worker's step, and the error that ended it.
        release: Takes the number of a worker that will not come back.
    """

    def __init__(
        self,
        *,
        deliver: Callable[[list[Any], UserError | None], None],
        release: Callable[[int], None],
    ) -> None:
        super().__init__()
        self._deliver = deliver
        self._release = release

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Deliver the reports; the worker then asks the mailbox for more."""
        del tune_controller, trial
        self._deliver(result.pop("reports"), result.pop("error", None))
        return str(TrialScheduler.STOP if result["done"] else TrialScheduler.CONTINUE)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """A worker that died more often than it may gives its tasks to the others."""
        del tune_controller
        self._release(trial.config["worker"])

    def __reduce__(self) -> tuple[object, ...]:
        """Keep nothing when Tune pickles its scheduler: the state of a search is its log."""
        return FIFOScheduler, ()
