"""orchestrator/game beside the libraries of the field: same inputs, time against time.

Peers that are not installed are left out, with a line that says so. None is needed by the package;
egttools is GPL and is looked at here only. Ours and theirs run in turn; the median of the runs
counts (peers that take more than 2 s run once). Prints a Markdown table.

    pip install shapiq nashpy quantecon open_spiel egttools          # in an environment of its own
    OMP_NUM_THREADS=1 PYTHONPATH=. python benchmarks/game_peers.py [--only shapiq] [--cpu-seconds]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.game import (
    banzhaf_interactions,
    k_sii,
    shapley,
    shapley_interactions,
    shapley_taylor,
    value_table,
)
from orchestrator.game.dynamics import alpha_rank, pairwise_comparison_fixation
from orchestrator.game.normal_form import support_enumeration
from orchestrator.game.sampling import Stopping, permutation_shapley

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_REPEATS = 7
_LONG_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison."""

    task: str
    peer: str
    ours_seconds: float
    theirs_seconds: float
    agreement: str
    wanted: str

    def markdown(self) -> str:
        """Return the row of the table."""
        ratio = self.theirs_seconds / self.ours_seconds
        return (
            f"| {self.task} | {self.peer} | {_seconds(self.theirs_seconds)} | "
            f"{_seconds(self.ours_seconds)} | {ratio:.3g} | {self.wanted} | {self.agreement} |"
        )


def _seconds(number: float) -> str:
    return f"{number:.3g} s" if number >= 1 else f"{1e3 * number:.3g} ms"


_CPU_SECONDS = "--cpu-seconds"


def timed(ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, float, Any, Any]:
    """Run both in turn; return median seconds and the last results."""
    clock = time.process_time if _CPU_SECONDS in sys.argv else time.perf_counter
    ours(), theirs()  # caches, compilation
    own, other = [], []
    for _ in range(_REPEATS):
        start = clock()
        mine = ours()
        own.append(clock() - start)
        start = clock()
        their = theirs()
        other.append(clock() - start)
        if other[-1] > _LONG_SECONDS:
            break
    return median(own), median(other), mine, their


def difference(a: Any, b: Any) -> str:
    return f"{float(np.abs(np.asarray(a) - np.asarray(b)).max()):.1e}"


def smooth_game(n: int) -> Callable[[Any], Any]:
    """Return a game with interactions of all orders that evaluates quickly."""
    rng = np.random.default_rng(0)
    b, q = rng.normal(size=n), rng.normal(size=(n, n)) / 8

    def game(members: Any) -> Any:
        x = np.atleast_2d(members).astype(float)
        return x @ b + np.tanh(x @ q).sum(axis=1)

    return game


def against_shapiq() -> Iterator[Row]:
    import shapiq

    game = smooth_game(16)
    table = value_table(game, 16)
    ours, theirs, mine, their = timed(
        lambda: shapley(value_table(game, 16)),
        lambda: shapiq.ExactComputer(game, 16)("SV").get_n_order_values(1),
    )
    yield Row(
        task="exact Shapley, n = 16, with evaluation",
        peer="shapiq ExactComputer",
        ours_seconds=ours,
        theirs_seconds=theirs,
        agreement=difference(mine, their),
        wanted=">= 50",
    )
    computer = shapiq.ExactComputer(game, 16)
    start = time.perf_counter()
    exact = computer("SII", order=2).get_n_order_values(2)
    theirs = time.perf_counter() - start
    start = time.perf_counter()
    pairs = shapley_interactions(table, order=2).matrix()
    yield Row(
        task="exact pair SII, n = 16",
        peer="shapiq ExactComputer",
        ours_seconds=time.perf_counter() - start,
        theirs_seconds=theirs,
        agreement=difference(pairs, exact),
        wanted="-",
    )
    yield from _sampling_against_shapiq(shapiq)
    _agreement_with_shapiq(shapiq)


def _sampling_against_shapiq(shapiq: Any) -> Iterator[Row]:
    large = smooth_game(64)
    budget = 16_384
    precise = permutation_shapley(
        large, 64, stopping=Stopping(budget=4_000_000), rng=np.random.default_rng(99)
    ).values
    mine, their = [], []
    own, other = [], []
    for seed in range(10):
        start = time.perf_counter()
        estimate = permutation_shapley(
            large, 64, stopping=Stopping(budget=budget), rng=np.random.default_rng(seed)
        )
        own.append(time.perf_counter() - start)
        mine.append(estimate.values - precise)
        sampler = shapiq.PermutationSamplingSV(n=64, random_state=seed)
        start = time.perf_counter()
        values = sampler.approximate(budget, large)
        other.append(time.perf_counter() - start)
        their.append(values.get_n_order_values(1) - precise)
    rms = [float(np.sqrt(np.mean(np.square(errors)))) for errors in (mine, their)]
    yield Row(
        task="permutation sampling, n = 64, 16,384 evaluations",
        peer="shapiq PermutationSamplingSV",
        ours_seconds=median(own),
        theirs_seconds=median(other),
        agreement=f"RMS error {rms[0]:.2g} (ours) and {rms[1]:.2g}",
        wanted=">= 2, error not above",
    )


def _agreement_with_shapiq(shapiq: Any) -> None:
    small = smooth_game(9)
    values = value_table(small, 9)
    computer = shapiq.ExactComputer(small, 9)
    for name, function, order in (
        ("SII", shapley_interactions, 3),
        ("BII", banzhaf_interactions, 2),
        ("k-SII", k_sii, 3),
        ("STII", shapley_taylor, 3),
    ):
        index = function(values, order=order)
        found = computer(name, order=order)
        players = [[k for k in range(9) if mask >> k & 1] for mask in index.masks.tolist()]
        theirs = [found[tuple(chosen)] for chosen in players]
        print(f"{name} of order {order}, n = 9, differs by {difference(index.values, theirs)}")


def against_nashpy() -> Iterator[Row]:
    import nashpy

    a, b = np.random.default_rng(0).uniform(size=(2, 8, 8))
    ours, theirs, mine, their = timed(
        lambda: support_enumeration(a, b),
        lambda: list(nashpy.Game(a, b).support_enumeration()),
    )
    yield Row(
        task="all equilibria, 8 x 8",
        peer="nashpy support_enumeration",
        ours_seconds=ours,
        theirs_seconds=theirs,
        agreement=f"{len(mine)} and {len(their)} equilibria",
        wanted=">= 100, none missed",
    )
    lost = total = 0
    for seed in range(200):
        a, b = np.random.default_rng(seed).uniform(size=(2, 4, 4))
        found = support_enumeration(a, b)
        total += len(found)
        lost += len(found) - len(list(nashpy.Game(a, b).support_enumeration()))
    print(f"nashpy finds {total - lost} of {total} equilibria of 200 random 4 x 4 games")


def against_quantecon() -> Iterator[Row]:
    import quantecon.game_theory as qe

    for name, function in (
        ("support_enumeration", qe.support_enumeration),
        ("vertex_enumeration", qe.vertex_enumeration),
    ):
        own, other, counts = [], [], [0, 0]
        for seed in range(20):
            a, b = np.random.default_rng(seed).uniform(size=(2, 8, 8))
            game = qe.NormalFormGame((qe.Player(a), qe.Player(np.ascontiguousarray(b.T))))
            ours, theirs, mine, their = timed(
                lambda a=a, b=b: support_enumeration(a, b),
                lambda game=game, function=function: function(game),
            )
            own.append(ours)
            other.append(theirs)
            counts = [counts[0] + len(mine), counts[1] + len(their)]
        yield Row(
            task="all equilibria, 8 x 8, 20 games",
            peer=f"QuantEcon {name}, warm",
            ours_seconds=median(own),
            theirs_seconds=median(other),
            agreement=f"{counts[0]} and {counts[1]} equilibria",
            wanted=">= 0.5",
        )


def against_open_spiel() -> Iterator[Row]:
    from open_spiel.python.egt import alpharank

    tables = list(np.random.default_rng(0).uniform(size=(2, 50, 50)))

    def theirs() -> Any:
        return alpharank.compute(tables, m=50, alpha=1.0)[2]

    start = time.perf_counter()
    their = theirs()
    seconds = time.perf_counter() - start
    own = []
    for _ in range(3):
        start = time.perf_counter()
        mine = alpha_rank(tables, alpha=1.0, population=50)
        own.append(time.perf_counter() - start)
    yield Row(
        task="alpha-rank, 2 populations of 50 strategies",
        peer="OpenSpiel alpharank",
        ours_seconds=median(own),
        theirs_seconds=seconds,
        agreement=difference(mine.ravel(), their),
        wanted=">= 30",
    )


def against_egttools() -> Iterator[Row]:
    from egttools.analytical import PairwiseComparison, StochDynamics
    from egttools.games import Matrix2PlayerGameHolder

    payoffs = np.random.default_rng(0).uniform(size=(50, 50))

    def ours() -> Any:
        return pairwise_comparison_fixation(payoffs, population=100, intensity=1.0)

    holder = Matrix2PlayerGameHolder(50, payoffs)  # the model keeps no reference to it

    def compiled() -> Any:
        model = PairwiseComparison(100, holder)
        return model.calculate_transition_and_fixation_matrix_sml(1.0)[1]

    def interpreted() -> Any:
        return StochDynamics(50, payoffs, 100).transition_and_fixation_matrix(1.0)[1]

    for name, function in (
        ("PairwiseComparison (C++)", compiled),
        ("StochDynamics", interpreted),
    ):
        own, other, mine, their = timed(ours, function)
        off = ~np.eye(50, dtype=bool)
        # Theirs: row resident, column mutant; the diagonal has no meaning there.
        yield Row(
            task="fixation matrix, 50 strategies, Z = 100",
            peer=f"egttools {name}",
            ours_seconds=own,
            theirs_seconds=other,
            agreement=difference(mine.T[off], np.asarray(their)[off]),
            wanted=">= 100",
        )


PEERS = {
    "shapiq": against_shapiq,
    "nashpy": against_nashpy,
    "quantecon": against_quantecon,
    "egttools": against_egttools,
    "open_spiel": against_open_spiel,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PEERS)
    parser.add_argument(_CPU_SECONDS, action="store_true", help="for a machine with other work")
    chosen = parser.parse_args().only
    warnings.simplefilter("ignore")
    rows = []
    for name, compare in PEERS.items():
        if chosen not in (None, name):
            continue
        try:
            rows += list(compare())
        except ImportError as missing:
            print(f"{name} is left out: {missing}")
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    print(f"\nNumPy {np.__version__}, {threads} thread(s)\n")
    print("| task | peer | peer takes | ours takes | ratio | wanted | largest difference |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(row.markdown())


if __name__ == "__main__":
    main()
