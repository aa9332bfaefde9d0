"""Nash averaging: ratings that no clone can tilt (Balduzzi et al. 2018, arXiv:1806.02643)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.game.inputs import check_payoffs
from orchestrator.game.normal_form.max_entropy import max_entropy_equilibrium

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NashAverage:
    """The meta-game of members against domains, solved."""

    ratings: NDArray[np.float64]  # (members,)
    """Mean score of each member over the domains that the equilibrium plays; higher is better."""
    member_weights: NDArray[np.float64]  # (members,), on the simplex
    domain_weights: NDArray[np.float64]  # (domains,), on the simplex
    value: float
    """Score of the members' equilibrium; no rating is above it."""


def nash_average(
    scores: ArrayLike,  # (members, domains)
) -> NashAverage:
    """Rate members by their score under the max-entropy equilibrium of the domains.

    Members maximise and domains minimise the score (Balduzzi et al. 2018, section 4.2, agent versus
    task). A copy of a domain or a member leaves every rating as it was; uniform weights would count
    it twice.

    Args:
        scores: Score of each member on each domain, higher is better, in one unit (minus nats per
            token for losses).

    Raises:
        ValueError: The scores are no finite matrix.
    """
    table = check_payoffs(scores, name="scores")
    equilibrium, value = max_entropy_equilibrium(table)
    return NashAverage(
        ratings=table @ equilibrium.column,
        member_weights=equilibrium.row,
        domain_weights=equilibrium.column,
        value=value,
    )
