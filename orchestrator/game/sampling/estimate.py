"""What a sampler returns, when it stops, and how sure it is (Mnih, Szepesvari, Audibert 2008).

The empirical Bernstein bound holds for any distribution on a known range b: with probability
1 - delta (Audibert, Munos, Szepesvari 2009, theorem 1)

    |mean_m - expectation| <= sqrt(2 V_m ln(3 / delta) / m) + 3 b ln(3 / delta) / m
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """When a sampler stops: at a budget, or as soon as it is precise enough."""

    budget: int
    """Most coalitions that may be evaluated; v(all) and v(none) are among them."""
    precision: float | None = None
    """Stop when every player's half-width is at most this, in units of v; never by default."""
    confidence: float = 0.95
    """Probability that all players' values lie within their half-widths, at every look."""
    value_range: float | None = None
    """Largest minus smallest possible v, for the empirical Bernstein bound of the samplers of means
    (permutation, sample reuse), which need it to stop at a precision."""

    def __post_init__(self) -> None:
        if self.budget < 2:
            raise ValueError(
                f"`budget >= 2` must hold (v(all) and v(none) at least), but got "
                f"budget={self.budget}. Allow some evaluations for each player."
            )
        for name, number in (("precision", self.precision), ("value_range", self.value_range)):
            if number is not None and not 0 < number < np.inf:
                raise ValueError(
                    f"`0 < {name} < inf` must hold, but got {name}={number}. Leave it out if it is "
                    f"not known."
                )
        if not 0 < self.confidence < 1:
            raise ValueError(
                f"`0 < confidence < 1` must hold, but got confidence={self.confidence}. 0.95 is "
                f"usual."
            )

    def risk_at(self, look: int) -> float:
        """Return the probability of error to spend on look 1, 2, ...: they sum to the risk."""
        return (1 - self.confidence) / (look * (look + 1))

    def with_known_range(self) -> None:
        """Insist that a precision comes with the range that the Bernstein bound needs."""
        if self.precision is not None and self.value_range is None:
            raise ValueError(
                f"A precision can be promised only with value_range (largest minus smallest v), "
                f"but got precision={self.precision} alone. Give value_range, or use "
                f"leverage_shapley, which stops by Student's half-widths."
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimate:
    """Estimated values of all players."""

    values: NDArray[np.float64]  # (n,), in units of v
    standard_errors: NDArray[np.float64]  # (n,); infinite where there is a single sample
    half_widths: NDArray[np.float64]  # (n,)
    """Hold for all players at once with the confidence asked for: for any game where they are
    empirical Bernstein bounds, else if errors are nearly normal (Student)."""
    evaluations: int
    """Coalitions that were evaluated."""
    is_precise: bool
    """Whether the precision asked for was reached; False where none was asked."""


def bernstein_half_widths(
    variances: NDArray[np.float64],  # (n,), over samples, divided by their number
    counts: NDArray[np.float64],  # (n,)
    *,
    width: float,
    risk: float,
) -> NDArray[np.float64]:
    """Return the empirical Bernstein half-width of each mean.

    Args:
        variances: Empirical variances of the samples.
        counts: Numbers of samples.
        width: Largest minus smallest possible sample.
        risk: Probability of error allowed for each mean.
    """
    log_risk = np.log(3 / risk)
    half_widths: NDArray[np.float64] = (
        np.sqrt(2 * variances * log_risk / counts) + 3 * width * log_risk / counts
    )
    return half_widths


def student_half_widths(
    standard_errors: NDArray[np.float64],  # (n,)
    *,
    degrees_of_freedom: NDArray[np.float64] | float,
    risk: float,
) -> NDArray[np.float64]:
    """Return half-widths that hold for all n players at once (Student 1908, Bonferroni).

    They rest on errors that are nearly normal; infinite where there are no degrees of freedom.

    Args:
        standard_errors: Of each player's value.
        degrees_of_freedom: Of the standard errors.
        risk: Probability of error allowed for all players together.
    """
    freedom = np.broadcast_to(
        np.asarray(degrees_of_freedom, dtype=np.float64), len(standard_errors)
    )
    quantiles = stats.t.isf(risk / (2 * len(standard_errors)), np.maximum(freedom, 1.0))
    half_widths = np.full(len(standard_errors), np.inf)
    known = freedom >= 1
    half_widths[known] = quantiles[known] * standard_errors[known]
    return half_widths


def check_sampled_players(n: int, stopping: Stopping, least: int) -> None:
    """Raise ValueError unless there is a player, and budget for the least sample."""
    if n < 1:
        raise ValueError(
            f"A game needs at least 1 player, but got {n}. Leave out games without components."
        )
    if stopping.budget < least:
        raise ValueError(
            f"This sampler needs a budget of at least {least} evaluations for {n} players, but got "
            f"budget={stopping.budget}. Raise the budget, or group the players."
        )
