"""Games in normal form: equilibria and how far from them a strategy is."""

from orchestrator.game.normal_form.equilibrium import Equilibrium, nash_conv, regrets
from orchestrator.game.normal_form.extreme_equilibria import extreme_equilibria
from orchestrator.game.normal_form.lemke_howson import lemke_howson
from orchestrator.game.normal_form.max_entropy import max_entropy_equilibrium
from orchestrator.game.normal_form.nash_averaging import NashAverage, nash_average
from orchestrator.game.normal_form.regret_bootstrap import MeasuredRegret, regret_with_bootstrap
from orchestrator.game.normal_form.support_enumeration import support_enumeration
from orchestrator.game.normal_form.zero_sum import solve_zero_sum

__all__ = [
    "Equilibrium",
    "MeasuredRegret",
    "NashAverage",
    "extreme_equilibria",
    "lemke_howson",
    "max_entropy_equilibrium",
    "nash_average",
    "nash_conv",
    "regret_with_bootstrap",
    "regrets",
    "solve_zero_sum",
    "support_enumeration",
]
