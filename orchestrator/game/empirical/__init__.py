"""Allocation games estimated from measurements, and their equilibria with error bars."""

from orchestrator.game.empirical.against_size import SharePrediction, ShareTrend, share_trend
from orchestrator.game.empirical.from_history import HistoryFit, payoff_from_history
from orchestrator.game.empirical.from_interactions import payoff_from_interactions
from orchestrator.game.empirical.payoff import EstimatedPayoff, LinearPayoff
from orchestrator.game.empirical.uncertain_equilibrium import (
    UncertainEquilibrium,
    uncertain_equilibrium,
)

__all__ = [
    "EstimatedPayoff",
    "HistoryFit",
    "LinearPayoff",
    "SharePrediction",
    "ShareTrend",
    "UncertainEquilibrium",
    "payoff_from_history",
    "payoff_from_interactions",
    "share_trend",
    "uncertain_equilibrium",
]
