"""The annealing law fitted to many histories at once: ridge regression on a grid of shapes.

For a given exponent and memory the law is linear in offsets, amplitudes and C; the pairs of the
grid are then averaged by their likelihood (Bayesian model averaging: Hoeting et al. 1999), and what
they disagree about is part of the standard error. So no optimiser can fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orchestrator.laws.forms.annealing import areas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.horizon.estimate import History

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

EXPONENTS = np.geomspace(0.1, 1.2, 12)
MEMORIES = (0.01, 0.03, 0.08)
"""Memory of the annealing area, in shares of the budget (1 / (1 - lambda) steps in the paper)."""
LEAST_SHARE = 0.2
"""A shape that promises less than this share of the present loss to anyone takes no part."""
ROUNDS = 5
"""Passes that weigh the priors against the noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What is believed before the curves have shown it; in units of the shared amplitude."""

    amplitude_spread: float
    """Standard deviation of members' amplitudes."""
    gain: float
    """Mean of C: what annealing from the peak to zero gains."""
    gain_spread: float
    """Its standard deviation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Points:
    """Both areas, at the points and at the places wanted, for one memory."""

    forward: Array  # (n,), S1
    annealed: Array  # (n,), S2
    forward_end: Array  # (members,)
    annealed_end: Array  # (members,)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """One shape's fit."""

    forecast: Array  # (members,), nats per token
    variance: Array  # (members,)
    residual: Array  # (n,)
    square: float
    """Sum of squared residuals, priors included."""
    amplitude: float


def forecast(
    histories: Sequence[History],
    *,
    horizon_tokens: float,
    at: Array,  # (members,), tokens
    prior: Prior,
) -> tuple[Array, Array]:
    """Return the loss of each member at its place and the standard error, (members,) each.

    Shapes whose shared amplitude is not positive, or that promise almost nothing of the present
    loss to anyone, take no part; both are NaN if none is left.
    """
    members = len(histories)
    owner = np.repeat(np.arange(members), [h.tokens.size for h in histories])
    loss = np.concatenate([h.losses for h in histories])
    latest = np.array([h.losses[-1] for h in histories])
    fits = []
    for memory in MEMORIES:
        points = _points(histories, horizon_tokens, at, memory)
        for exponent in EXPONENTS:
            fit = _ridge(owner, loss, points, float(exponent), prior)
            if fit.amplitude > 0 and (fit.forecast > LEAST_SHARE * latest).all():
                fits.append(fit)
    if not fits:
        return np.full(members, np.nan), np.full(members, np.nan)
    square = np.array([fit.square for fit in fits])
    best = fits[int(np.argmin(square))]
    factor = float(np.mean([serial_factor(best.residual[owner == i]) for i in range(members)]))
    weight = np.exp(-0.5 * loss.size / factor * np.log(square / square.min()))
    weight /= weight.sum()
    # what the law misses now it is taken to miss at the end: the latest measurement is the anchor
    newest = np.cumsum([h.tokens.size for h in histories]) - 1
    forecasts = np.array([fit.forecast + fit.residual[newest] for fit in fits])
    mean = weight @ forecasts
    variance = weight @ np.array([fit.variance for fit in fits]) * factor
    return mean, np.sqrt(variance + weight @ (forecasts - mean) ** 2)


def _points(
    histories: Sequence[History], horizon_tokens: float, at: Array, memory: float
) -> _Points:
    tables = [_areas(history, horizon_tokens, memory) for history in histories]
    scale = float(np.median([s1[-1] for _, s1, _ in tables]))
    pairs = list(zip(histories, at, tables, strict=True))
    return _Points(
        forward=np.concatenate([np.interp(h.tokens, x, s1) for h, _, (x, s1, _) in pairs]) / scale,
        annealed=np.concatenate([np.interp(h.tokens, x, s2) for h, _, (x, _, s2) in pairs]),
        forward_end=np.array([np.interp(a, x, s1) for _, a, (x, s1, _) in pairs]) / scale,
        annealed_end=np.array([np.interp(a, x, s2) for _, a, (x, _, s2) in pairs]),
    )


def _areas(history: History, horizon_tokens: float, memory: float) -> tuple[Array, Array, Array]:
    """Return positions in tokens, S1 and S2 along the whole schedule; warm-up adds no annealing.

    S2 is in units of what annealing from the peak to zero adds in the end.

    Rates are shares of the lineage's peak: good peaks differ a hundredfold between optimizers and
    widths, what annealing gains does not.
    """
    assert history.learning_rates is not None
    rates = history.learning_rates / max(float(history.learning_rates.max()), 1e-300)
    s1, _ = areas(rates)
    peak = int(np.argmax(rates))
    flat = rates.copy()
    flat[:peak] = rates[peak]
    decay = float(np.exp(-1.0 / max(memory * rates.size, 1.0)))
    _, s2 = areas(flat, decay=decay)
    return np.linspace(0.0, horizon_tokens, rates.size + 1)[1:], s1, s2 * (1.0 - decay)


def _ridge(
    owner: Integers,  # (n,), which member a point belongs to
    loss: Array,  # (n,)
    points: _Points,
    exponent: float,
    prior: Prior,
) -> _Fit:
    """Fit offsets, the shared amplitude, members' departures from it, and C.

    The priors are rows of the regression, weighed against the noise by a few passes.
    """
    members, n = points.forward_end.size, loss.size
    shape, end_shape = points.forward**-exponent, points.forward_end**-exponent
    each = np.arange(members)
    width = 2 * members + 2  # offsets, shared amplitude, departures, C
    design, target = np.zeros((n, width)), np.zeros((members, width))
    design[np.arange(n), owner] = 1.0
    design[:, members] = design[np.arange(n), members + 1 + owner] = shape
    design[:, -1] = -points.annealed
    target[each, each] = 1.0
    target[:, members] = target[each, members + 1 + each] = end_shape
    target[:, -1] = -points.annealed_end
    amplitude, noise = max(0.3 * float(np.ptp(loss)), 1e-3), 0.05
    held = False
    products, sums = design.T @ design, design.T @ loss
    for passed in range(ROUNDS):
        believed, precision = np.zeros(width), np.zeros(width)
        believed[-1] = prior.gain * amplitude
        precision[members + 1 : -1] = 1.0 / max(prior.amplitude_spread * amplitude, 1e-6) ** 2
        precision[-1] = 1.0 / (prior.gain_spread * amplitude) ** 2
        if held:  # annealing lowers the loss: a negative C is held at zero
            believed[-1], precision[-1] = 0.0, 1e12
        gram = products / noise**2 + np.diag(precision + 1e-12)
        gram[members, members] += 1e-9
        inverse = np.linalg.inv(gram)
        solution = inverse @ (sums / noise**2 + precision * believed)
        residual = loss - design @ solution
        square = float((residual**2).sum()) + 1e-30
        noise = np.sqrt(square / max(n - members - 2, 1)) + 1e-6
        amplitude = max(abs(float(solution[members])), 1e-3)
        held = held or (passed == ROUNDS - 2 and float(solution[-1]) < 0)
    penalty = float((precision * (solution - believed) ** 2).sum()) * noise**2
    return _Fit(
        forecast=target @ solution,
        variance=np.einsum("ij,jk,ik->i", target, inverse, target),
        residual=residual,
        square=square + penalty,
        amplitude=float(solution[members]),
    )


def serial_factor(residual: Array) -> float:
    """Factor by which correlation of neighbours widens a variance: (1 + rho)/(1 - rho), 1 to 20."""
    if residual.size < 6:
        return 1.0
    r = residual - residual.mean()
    rho = float((r[1:] * r[:-1]).sum() / max((r * r).sum(), 1e-300))
    return min(max((1.0 + rho) / max(1.0 - rho, 1e-3), 1.0), 20.0)
