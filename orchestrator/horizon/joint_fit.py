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
    ends = np.cumsum([h.tokens.size for h in histories])
    factor = float(np.mean([serial_factor(own) for own in np.split(best.residual, ends[:-1])]))
    weight = np.exp(-0.5 * loss.size / factor * np.log(square / square.min()))
    weight /= weight.sum()
    # what the law misses now it is taken to miss at the end: the latest measurement is the anchor
    forecasts = np.array([fit.forecast + fit.residual[ends - 1] for fit in fits])
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

    The priors are rows of the regression, weighed against the noise by a few passes. Members are
    joined by the amplitude and C alone, so that their own two unknowns are eliminated one member at
    a time (block elimination, the Schur complement: Golub & Van Loan 2013, section 4.5): the work
    grows with the points, where the inverse of the whole grew with the cube of the members.
    """
    members, n = points.forward_end.size, loss.size
    sums = _Sums.of(owner, loss, points.forward**-exponent, points.annealed, members=members)
    end_shape = points.forward_end**-exponent
    own = np.stack([np.ones(members), end_shape], axis=1)  # (members, 2): offset, departure
    shared = np.stack([end_shape, -points.annealed_end], axis=1)  # (members, 2): amplitude, C
    amplitude, noise = max(0.3 * float(np.ptp(loss)), 1e-3), 0.05
    held = False
    for passed in range(ROUNDS):
        spread = 1.0 / max(prior.amplitude_spread * amplitude, 1e-6) ** 2
        believed, precision = prior.gain * amplitude, 1.0 / (prior.gain_spread * amplitude) ** 2
        if held:  # annealing lowers the loss: a negative C is held at zero
            believed, precision = 0.0, 1e12
        system = sums.system(noise, spread=spread, believed=believed, precision=precision)
        mine, common = system.solve()
        residual = loss - sums.predicted(owner, mine, common)
        square = float((residual**2).sum()) + 1e-30
        noise = np.sqrt(square / max(n - members - 2, 1)) + 1e-6
        amplitude = max(abs(float(common[0])), 1e-3)
        held = held or (passed == ROUNDS - 2 and float(common[1]) < 0)
    penalty = spread * float((mine[:, 1] ** 2).sum()) + precision * float(common[1] - believed) ** 2
    return _Fit(
        forecast=(own * mine).sum(axis=1) + shared @ common,
        variance=system.variance(own, shared),
        residual=residual,
        square=square + penalty * float(noise) ** 2,
        amplitude=float(common[0]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """What the normal equations need of the points, summed by member."""

    shape: Array  # (n,)
    annealed: Array  # (n,)
    block: Array  # (members, 2, 2), of (offset, departure) with themselves
    border: Array  # (members, 2, 2), of (offset, departure) with (amplitude, C)
    corner: Array  # (2, 2), of (amplitude, C) with themselves
    own: Array  # (members, 2), of (offset, departure) with the losses
    shared: Array  # (2,), of (amplitude, C) with the losses

    @classmethod
    def of(
        cls, owner: Integers, loss: Array, shape: Array, annealed: Array, *, members: int
    ) -> _Sums:
        def by_member(values: Array) -> Array:
            return np.asarray(np.bincount(owner, weights=values, minlength=members))

        count, first = by_member(np.ones(loss.size)), by_member(shape)
        second, crossed = by_member(shape**2), by_member(shape * annealed)
        return cls(
            shape=shape,
            annealed=annealed,
            block=np.stack([count, first, first, second], axis=1).reshape(-1, 2, 2),
            border=np.stack([first, -by_member(annealed), second, -crossed], axis=1).reshape(
                -1, 2, 2
            ),
            corner=np.array(
                [
                    [second.sum(), -crossed.sum()],
                    [-crossed.sum(), float((annealed**2).sum())],
                ]
            ),
            own=np.stack([by_member(loss), by_member(shape * loss)], axis=1),
            shared=np.array([float((shape * loss).sum()), -float((annealed * loss).sum())]),
        )

    def system(self, noise: float, *, spread: float, believed: float, precision: float) -> _System:
        """Weigh the points against the priors: of departures (`spread`) and of C."""
        tiny = 1e-12
        block = self.block / noise**2 + np.diag([tiny, spread + tiny])
        corner = self.corner / noise**2 + np.diag([tiny + 1e-9, precision + tiny])
        shared = self.shared / noise**2 + np.array([0.0, precision * believed])
        return _System.of(
            block=block,
            border=self.border / noise**2,
            corner=corner,
            own=self.own / noise**2,
            shared=shared,
        )

    def predicted(
        self,
        owner: Integers,
        mine: Array,  # (members, 2)
        common: Array,  # (2,)
    ) -> Array:  # (n,)
        """Return the fitted losses."""
        amplitude = common[0] + mine[owner, 1]
        return np.asarray(mine[owner, 0] + amplitude * self.shape - common[1] * self.annealed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _System:
    """Normal equations after members' own unknowns are eliminated."""

    inverse: Array  # (members, 2, 2), of each member's block
    border: Array  # (members, 2, 2)
    schur: Array  # (2, 2), inverse of what is left for (amplitude, C)
    own: Array  # (members, 2)
    left: Array  # (2,), right-hand side of (amplitude, C)

    @classmethod
    def of(
        cls, *, block: Array, border: Array, corner: Array, own: Array, shared: Array
    ) -> _System:
        a, b, d = block[:, 0, 0], block[:, 0, 1], block[:, 1, 1]
        determinant = a * d - b * b
        inverse = np.stack([d, -b, -b, a], axis=1).reshape(-1, 2, 2) / determinant[:, None, None]
        solved = inverse @ border  # (members, 2, 2)
        left = shared - np.einsum("mij,mi->j", solved, own)
        schur = np.linalg.inv(corner - np.einsum("mij,mik->jk", border, solved))
        return cls(inverse=inverse, border=border, schur=schur, own=own, left=left)

    def solve(self) -> tuple[Array, Array]:
        """Return members' (offset, departure), (members, 2), and (amplitude, C), (2,)."""
        common = self.schur @ self.left
        rest = self.own - self.border @ common
        return np.einsum("mij,mj->mi", self.inverse, rest), common

    def variance(
        self,
        own: Array,  # (members, 2)
        shared: Array,  # (members, 2)
    ) -> Array:  # (members,)
        """Return the variance of each member's own weights plus weights of what is shared."""
        inner = np.einsum("mij,mj->mi", self.inverse, own)
        outer = shared - np.einsum("mij,mi->mj", self.border, inner)
        joint: Array = np.einsum("mi,ij,mj->m", outer, self.schur, outer)
        return np.asarray((own * inner).sum(axis=1) + joint)


def serial_factor(residual: Array) -> float:
    """Factor by which correlation of neighbours widens a variance: (1 + rho)/(1 - rho), 1 to 20."""
    if residual.size < 6:
        return 1.0
    r = residual - residual.mean()
    rho = float((r[1:] * r[:-1]).sum() / max((r * r).sum(), 1e-300))
    return min(max((1.0 + rho) / max(1.0 - rho, 1e-3), 1.0), 20.0)
