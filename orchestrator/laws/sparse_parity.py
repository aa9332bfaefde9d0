"""Multitask sparse parity: a solvable model of emergence (Nam et al. 2024, arXiv:2404.17563).

Skills k = 1, 2, ... appear with frequency P_k ~ k^-(alpha+1). In the multilinear model each skill
has a strength R_k = a_k b_k that gradient flow moves by itself,

    dR/dt = 2 g P_k R (S - R)   =>   R_k(T)/S = 1 / (1 + (1/r0 - 1) exp(-2 g P_k T)),   (eq. 5)

so a skill emerges as a sigmoid at a time proportional to 1/P_k, and the loss, a sum of sigmoids,
is a power law: -alpha/(alpha+1) in time and in data, -alpha in parameters, -alpha/(alpha+2) in
compute C = N T.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.laws.fitting.fit import fit
from orchestrator.laws.fitting.losses import L2
from orchestrator.laws.forms.skill_emergence import LAW as EMERGENCE

if TYPE_CHECKING:
    from orchestrator.laws.law import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponents:
    """Exponents of the loss, all negative."""

    time: float
    data: float
    parameters: float
    compute: float


def exponents(alpha: float) -> Exponents:
    """Closed-form exponents for skill frequencies k^-(alpha+1).

    Raises:
        ValueError: `alpha > 0` does not hold.

    >>> exponents(1.0)
    Exponents(time=-0.5, data=-0.5, parameters=-1.0, compute=-0.3333333333333333)
    """
    if not alpha > 0:
        message = f"`alpha > 0` must hold, but got alpha={alpha}."
        raise ValueError(message)
    return Exponents(
        time=-alpha / (alpha + 1),
        data=-alpha / (alpha + 1),
        parameters=-alpha,
        compute=-alpha / (alpha + 2),
    )


def frequencies(alpha: float, skills: int) -> Array:
    """Frequencies of the skills, (skills,), summing to one."""
    weights = np.arange(1, skills + 1, dtype=np.float64) ** -(alpha + 1)
    return np.asarray(weights / weights.sum())


def strength(frequency: Array, time: Array, *, start: float, rate: float) -> Array:
    """Share of each skill that is learned: eq. 5, broadcasting frequency against time."""
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + (1.0 / start - 1.0) * np.exp(-2 * rate * frequency * time)))


def loss_in_time(frequency: Array, times: Array, *, start: float, rate: float) -> Array:
    """Loss sum_k P_k (1 - R_k/S)^2 / 2 at each time, (m,)."""
    left = 1.0 - strength(frequency[None, :], times[:, None], start=start, rate=rate)
    return np.asarray(0.5 * (left**2) @ frequency)


def loss_in_data(frequency: Array, samples: Array) -> Array:
    """Expected loss when a skill is learned from its first sample, (m,): P_k (1 - P_k)^D / 2."""
    missed = np.exp(samples[:, None] * np.log1p(-frequency[None, :]))
    return np.asarray(0.5 * missed @ frequency)


def loss_in_parameters(frequency: Array, counts: Array) -> Array:
    """Loss when the `counts` most frequent skills fit into the model, (m,)."""
    beyond = np.concatenate([np.cumsum(frequency[::-1])[::-1], [0.0]])
    return np.asarray(0.5 * beyond[counts.astype(np.int64)])


def loss_in_compute(
    frequency: Array, compute: Array, *, start: float, rate: float, sizes: Array
) -> Array:
    """Least loss over model sizes N at T = C/N steps, (m,)."""
    tail = loss_in_parameters(frequency, sizes)
    best = np.full(compute.shape, np.inf)
    for size, beyond in zip(sizes.astype(np.int64), tail, strict=True):
        inside = loss_in_time(frequency[:size], compute / size, start=start, rate=rate)
        best = np.minimum(best, inside + beyond)
    return best


def simulate(frequency: Array, times: Array, *, start: float, rate: float) -> Array:
    """Train the multilinear model by gradient descent: strengths R_k/S at each time, (m, skills).

    a_k and b_k start at sqrt(start) and descend the loss with steps of at most a fiftieth of the
    fastest skill's time scale; no use is made of eq. 5.
    """
    a = np.full(frequency.size, np.sqrt(start))
    b = a.copy()
    now, result = 0.0, []
    longest = 0.02 / (rate * frequency.max())
    for target in times:
        while now < target:
            step = min(longest, target - now)
            force = rate * frequency * (1.0 - a * b) * step
            a, b = a + b * force, b + a * force
            now += step
        result.append(a * b)
    return np.array(result)


def sample_missing(
    frequency: Array, samples: Array, *, rng: np.random.Generator, repeats: int
) -> Array:
    """Draw data sets and count what they never show: mean loss for each number of samples, (m,)."""
    cumulative = np.cumsum(frequency)
    losses = np.zeros(samples.size)
    for _ in range(repeats):
        drawn = np.searchsorted(cumulative, rng.random(int(samples.max())))
        for i, count in enumerate(samples.astype(np.int64)):
            seen = np.zeros(frequency.size, dtype=bool)
            seen[np.minimum(drawn[:count], frequency.size - 1)] = True
            losses[i] += 0.5 * frequency[~seen].sum()
    return losses / repeats


def slope(x: Array, y: Array) -> float:
    """Slope of log y in log x."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """r0 and g of eq. 5, from the curve of one skill."""

    start: float
    rate: float

    def emergence_time(self, frequency: Array, *, share: float = 0.5) -> Array:
        """When skills of the given frequencies reach a share of their final strength."""
        odds = (1.0 / self.start - 1.0) * share / (1.0 - share)
        return np.asarray(np.log(odds) / (2 * self.rate * frequency))


def calibrate(
    times: Array,  # (m,)
    strengths: Array,  # (m,), R/S of one skill
    *,
    frequency: float,
) -> Calibration:
    """Fit r0 and g on the first skill alone.

    Raises:
        ValueError: The curve never crosses one half: there is nothing to calibrate on.
    """
    if strengths.min() > 0.5 or strengths.max() < 0.5:
        message = (
            "A calibration needs a skill that emerges: its strength must cross 0.5, but it "
            f"stays between {strengths.min():.2f} and {strengths.max():.2f}."
        )
        raise ValueError(message)
    found = fit(
        EMERGENCE, (np.full(times.size, frequency), times), strengths, loss=L2(),
        starts=_starts(times, strengths, frequency),
    )  # fmt: skip
    return Calibration(start=found.parameters["r0"], rate=found.parameters["g"])


def _starts(times: Array, strengths: Array, frequency: float) -> Array:
    """Starts on the curve: any r0, with the rate that crosses one half where the curve does."""
    middle = float(times[np.argmax(strengths >= 0.5)])
    first = np.geomspace(1e-6, 0.3, 24)
    rate = np.log(1.0 / first - 1.0) / (2 * frequency * max(middle, 1e-12))
    return np.stack([first, rate], axis=1)


def first_crossing(times: Array, strengths: Array, share: float = 0.5) -> float:
    """First time at which a strength reaches a share, interpolated; nan if never."""
    above = np.flatnonzero(strengths >= share)
    if above.size == 0:
        return float("nan")
    i = int(above[0])
    if i == 0:
        return float(times[0])
    step = (share - strengths[i - 1]) / (strengths[i] - strengths[i - 1])
    return float(times[i - 1] + step * (times[i] - times[i - 1]))
