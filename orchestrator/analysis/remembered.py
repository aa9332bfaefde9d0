"""A value function that evaluates no coalition twice, and whole batches at once where it can."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from orchestrator.game.coalitions import CoalitionMatrix, ValueFunction


class Remembered:
    """A game whose values are kept; call it as a value function."""

    def __init__(self, value_function: ValueFunction) -> None:
        self._evaluate = value_function
        self._known: dict[bytes, float] = {}

    @property
    def evaluations(self) -> int:
        """Different coalitions evaluated so far."""
        return len(self._known)

    def __call__(self, coalitions: CoalitionMatrix) -> NDArray[np.float64]:
        """Return the value of every row."""
        keys = [row.tobytes() for row in coalitions]
        new = {key: at for at, key in enumerate(keys) if key not in self._known}
        if new:
            values = self._evaluate(coalitions[list(new.values())])
            self._known.update(zip(new, values.tolist(), strict=True))
        return np.array([self._known[key] for key in keys])

    def prefetch(self, computation: Callable[[ValueFunction], object]) -> None:
        """Evaluate in one go all coalitions that a computation asks for, whatever their values.

        Coalitions that are evaluated together share what they have in common.
        """
        asked: list[CoalitionMatrix] = []

        def note(coalitions: CoalitionMatrix) -> NDArray[np.float64]:
            asked.append(coalitions)
            return np.zeros(len(coalitions))

        computation(note)
        self(np.unique(np.concatenate(asked), axis=0))
