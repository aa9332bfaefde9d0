"""Ray Tune's side of the loop: hand every worker's reports on, let every worker go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.stopper import NoopStopper, Stopper

if TYPE_CHECKING:
    from collections.abc import Callable

    from ray.tune.experiment import Trial

    from orchestrator.errors import UserError
    from orchestrator.tasks import TaskName


class Generations(FIFOScheduler):  # type: ignore[misc]
    """A trial scheduler that decides nothing: decisions go to workers as tasks, not as trials.

    Args:
        deliver: Takes the raw reports of one worker's step, the error that ended it, and the names
            of the tasks that it was at.
        release: Takes the number of a worker that died; Tune may start it again.
        heed: Raises KeyboardInterrupt again where one was swallowed: then nothing is delivered.
    """

    def __init__(
        self,
        *,
        deliver: Callable[[list[Any], UserError | None, tuple[TaskName, ...]], None],
        release: Callable[[int], None],
        heed: Callable[[], None],
    ) -> None:
        super().__init__()
        self._heed = heed
        self._deliver = deliver
        self._release = release

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Deliver the reports; the worker then asks the mailbox for more.

        A worker that gets something done has not failed so far: nodes that come and go must not
        use up the failures that Tune bears with.
        """
        del tune_controller
        self._heed()
        if result["reports"]:
            trial.run_metadata.num_failures = 0
        self._deliver(result.pop("reports"), result.pop("error", None), result.pop("doing", ()))
        return str(TrialScheduler.STOP if result["done"] else TrialScheduler.CONTINUE)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """A worker that died gives its tasks to the others at once, wherever it begins again."""
        del tune_controller
        self._release(trial.config["worker"])

    def __reduce__(self) -> tuple[object, ...]:
        """Keep nothing when Tune pickles its scheduler: the state of a search is its log."""
        return FIFOScheduler, ()


class WhenOver(Stopper):  # type: ignore[misc]
    """Ends the trials as soon as the work is done, also those that never found room.

    Args:
        is_over: Whether nothing is left to do.
        heed: Raises KeyboardInterrupt again where one was swallowed: Tune asks at every step.
    """

    def __init__(self, is_over: Callable[[], bool], *, heed: Callable[[], None]) -> None:
        self._is_over = is_over
        self._heed = heed

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """No single trial ends by itself."""
        del trial_id, result
        return False

    def stop_all(self) -> bool:
        """Return whether the work is done."""
        self._heed()
        return self._is_over()

    def __reduce__(self) -> tuple[object, ...]:
        """Keep nothing when Tune pickles it, as with its scheduler."""
        return NoopStopper, ()
