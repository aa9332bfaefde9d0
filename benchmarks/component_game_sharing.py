"""Count the block evaluations that sharing saves, by what is measured, on a model of 4 x 4 heads.

    python benchmarks/component_game_sharing.py

Counts depend on the coalitions alone, so that a batch of two short sequences and random weights do.
A block is the attention or the feed-forward of one layer; "whole passes" evaluates all eight for
every coalition.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from orchestrator.game.coalitions import all_coalitions
from orchestrator.game.sampling import Stopping, leverage_shapley, permutation_shapley
from search_spaces.gpt.space import CENTRE
from trainers.data import EvaluationBatch
from trainers.host import settle_host
from trainers.measurement import Spent, coalition_losses, components_of
from trainers.model import Transformer

if TYPE_CHECKING:
    from search_spaces.gpt.architecture import Architecture

HEADS = 16


class Game:
    """v of coalitions of the heads; counts what it evaluates."""

    def __init__(self, architecture: Architecture) -> None:
        self.model = Transformer(architecture)
        self.model.initialise(torch.Generator().manual_seed(0))
        self.components = components_of(architecture)
        tokens = torch.randint(0, architecture.vocab_size, (2, 5))
        self.batches = [EvaluationBatch(tokens=tokens, byte_count=8)]
        self.spent = Spent()

    def __call__(self, heads: np.ndarray) -> np.ndarray:
        """Return v of coalitions (m, 16)."""
        rows = np.ones((len(heads), len(self.components)), dtype=np.bool_)
        rows[:, :HEADS] = heads
        measured = coalition_losses(self.model, self.batches, rows, components=self.components)
        self.spent += measured.spent
        return measured.values


def main() -> None:
    settle_host(1)
    torch.manual_seed(0)
    small = replace(CENTRE.architecture, d_model=16, head_dim=4, d_ff=(16,) * 4)
    alone = np.vstack([np.ones(HEADS, np.bool_), ~np.eye(HEADS, dtype=np.bool_)])
    pairs = [alone]
    for k, other in itertools.combinations(range(HEADS), 2):
        row = np.ones((1, HEADS), dtype=np.bool_)
        row[0, [k, other]] = False
        pairs.append(row)
    rng = np.random.default_rng(0)
    stopping = Stopping(budget=4096)
    jobs = {
        "leave-one-out": lambda game: game(alone),
        "all pairs": lambda game: game(np.vstack(pairs)),
        "leverage sampling, 4,096": lambda game: leverage_shapley(
            game, HEADS, stopping=stopping, rng=rng
        ),
        "permutation sampling, 4,096": lambda game: permutation_shapley(
            game, HEADS, stopping=stopping, rng=rng
        ),
        "all coalitions": lambda game: game(all_coalitions(HEADS)),
    }
    print(f"{'measurement':<28}{'coalitions':>11}{'blocks':>9}{'whole passes':>14}{'fewer':>7}")
    for name, job in jobs.items():
        game = Game(small)
        job(game)
        s = game.spent
        print(
            f"{name:<28}{s.coalitions:>11,}{s.block_evaluations:>9,}"
            f"{s.plain_block_evaluations:>14,}{s.times_fewer:>7.1f}"
        )


if __name__ == "__main__":
    main()
