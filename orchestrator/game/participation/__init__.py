"""The participation game: which components should be present at a price (DESIGN 4.5)."""

from orchestrator.game.participation.equilibria import (
    best_reply_path,
    is_equilibrium,
    potential,
    pure_equilibria,
)
from orchestrator.game.participation.exploitability import (
    Exploitability,
    MeasuredMoves,
    exploitability,
)
from orchestrator.game.participation.price import Price, price_from_front
from orchestrator.game.participation.strictness import Strictness, holm, strict_equilibrium_test

__all__ = [
    "Exploitability",
    "MeasuredMoves",
    "Price",
    "Strictness",
    "best_reply_path",
    "exploitability",
    "holm",
    "is_equilibrium",
    "potential",
    "price_from_front",
    "pure_equilibria",
    "strict_equilibrium_test",
]
