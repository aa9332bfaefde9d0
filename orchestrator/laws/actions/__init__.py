"""What the subcommands of `masga laws` do: arguments in, text out. One file a stage."""

from orchestrator.laws.actions.breaking import run_breaks
from orchestrator.laws.actions.comparing import run_compare
from orchestrator.laws.actions.crossing import run_crossover
from orchestrator.laws.actions.fitting import run_fit, run_predict
from orchestrator.laws.actions.planning import run_ladder, run_plan
from orchestrator.laws.actions.reconciling import run_reconcile

ACTIONS = {
    "breaks": run_breaks,
    "compare": run_compare,
    "crossover": run_crossover,
    "fit": run_fit,
    "ladder": run_ladder,
    "plan": run_plan,
    "predict": run_predict,
    "reconcile": run_reconcile,
}
"""By the names that users type."""

__all__ = ["ACTIONS"]
