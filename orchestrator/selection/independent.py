"""No selection at all: random search, the yardstick of every other policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.selection.decision import Candidate, Decision, check_call
from orchestrator.selection.settling import settle

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Independent:
    """Every member trains its first genome to the end; only a failed one is replaced.

    With a first generation drawn at random this is random search (Bergstra & Bengio 2012), each
    member with its share of the tokens: what a policy has to beat at equal tokens to be worth it.
    """

    def select(
        self,
        candidates: tuple[Candidate, ...],
        *,
        due: frozenset[int],
        generation: int,  # noqa: ARG002 - asked of every policy
        rng: np.random.Generator,
    ) -> dict[int, Decision]:
        """Decide for the due members; see `SelectionPolicy.select`."""
        check_call(candidates, due)
        return settle({}, candidates, due=due, rng=rng)
