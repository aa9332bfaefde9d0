"""Annealing-corrected forecast: one annealing law for all members (Tissue et al. 2024).

L_i(t) = o_i + A_i' S1_i(t)^-alpha - C S2_i(t), arXiv:2408.11029 eq. 1, with alpha, the memory of
the annealing area and C shared by all members, and an offset o_i (and, softly, an amplitude) each.
What a member would lose by annealing to the end of its schedule is then part of its forecast: a
member that is still at its peak learning rate is not judged by its noisy present loss.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.laws.forms.annealing import areas
from orchestrator.laws.horizon.history import Estimate, History, check_horizon, serial_factor
from orchestrator.laws.horizon.power_law import PowerLaw

if TYPE_CHECKING:
    from orchestrator.laws.law import Array, Integers

_EXPONENTS = np.geomspace(0.1, 1.2, 12)
_MEMORIES = (0.01, 0.03, 0.08)
"""Memory of the annealing area, in shares of the budget (1/(1 - lambda) steps in the paper)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnealingCorrected:
    """All members' histories together.

    Args:
        skip: Share of the budget at the start that is left out (warm-up and its transient).
        least_points: Members with fewer points keep the forecast of their own power law.
        amplitude_spread: Prior standard deviation of a member's amplitude relative to the shared
            one; 0 makes the shape fully shared.
        annealing_prior: Prior of C in units of the shared amplitude at the end, as (mean, standard
            deviation): it speaks only while no member has annealed yet.
    """

    skip: float = 0.03
    least_points: int = 4
    amplitude_spread: float = 0.3
    annealing_prior: tuple[float, float] = (0.3, 0.5)

    def estimate(self, histories: tuple[History, ...], *, horizon: float) -> tuple[Estimate, ...]:
        """Forecast all members by one joint fit."""
        check_horizon(histories, horizon)
        fallback = PowerLaw().estimate(histories, horizon=horizon)
        usable = [
            i
            for i, h in enumerate(histories)
            if h.learning_rates is not None
            and (h.tokens >= self.skip * horizon).sum() >= self.least_points
        ]
        if not usable:
            return fallback
        members = [histories[i] for i in usable]
        values, errors = self._joint(members, horizon)
        if not np.isfinite(values).all():
            return fallback
        errors = errors * self._backtest(members, horizon)
        result = list(fallback)
        for place, value, error in zip(usable, values, errors, strict=True):
            result[place] = Estimate(
                loss=float(value), standard_error=float(error), method="annealing-corrected"
            )
        return tuple(result)

    def _backtest(self, members: list[History], horizon: float) -> float:
        """Ratio of real to claimed error when the last 40 % of what is known is forecast, >= 1.

        The law is not exact: what its likelihood claims is widened by how wrong it just was.
        """
        past = []
        for member in members:
            known = member.tokens <= 0.6 * member.tokens[-1]
            known &= np.arange(known.size) < known.size - 1
            if (member.tokens[known] >= self.skip * horizon).sum() < self.least_points:
                return 2.0
            past.append(replace(member, tokens=member.tokens[known], losses=member.losses[known]))
        now = np.array([member.tokens[-1] for member in members])
        values, errors = self._joint(past, horizon, at=now)
        if not np.isfinite(values).all():
            return 2.0
        truth = np.array([member.losses[-3:].mean() for member in members])
        return max(1.0, float(np.sqrt(np.mean(((values - truth) / errors) ** 2))))

    def _joint(
        self, members: list[History], horizon: float, *, at: Array | None = None
    ) -> tuple[Array, Array]:
        """Average the forecasts of all (alpha, memory) pairs by their likelihood.

        Pairs whose shared amplitude is not positive, or that promise a fifth of the present loss
        to anyone, take no part; nan if none is left.
        """
        places = np.full(len(members), horizon) if at is None else at
        kept = [h.tokens >= self.skip * horizon for h in members]
        owner = np.repeat(np.arange(len(members)), [int(k.sum()) for k in kept])
        loss = np.concatenate([h.losses[k] for h, k in zip(members, kept, strict=True)])
        latest = np.array([h.losses[k][-1] for h, k in zip(members, kept, strict=True)])
        values, spreads, squares, factors = [], [], [], []
        for memory in _MEMORIES:
            tables = [_areas(h, horizon, memory) for h in members]
            forward = np.concatenate(
                [
                    np.interp(h.tokens[k], position, s1)
                    for h, k, (position, s1, _) in zip(members, kept, tables, strict=True)
                ]
            )
            annealed = np.concatenate(
                [
                    np.interp(h.tokens[k], position, s2)
                    for h, k, (position, _, s2) in zip(members, kept, tables, strict=True)
                ]
            )
            scale = float(np.median([s1[-1] for _, s1, _ in tables]))
            end = np.array(
                [
                    [np.interp(place, position, s1), np.interp(place, position, s2)]
                    for place, (position, s1, s2) in zip(places, tables, strict=True)
                ]
            )
            most = max(float(np.median([s2[-1] for _, _, s2 in tables])), 1e-9)
            for alpha in _EXPONENTS:
                forecast, spread, residual, penalised, amplitude = self._solve(
                    owner=owner, loss=loss, shape=(forward / scale) ** -alpha,
                    annealed=annealed / most, end_shape=(end[:, 0] / scale) ** -alpha,
                    end_annealed=end[:, 1] / most,
                )  # fmt: skip
                if amplitude <= 0 or not (forecast > 0.2 * latest).all():
                    continue
                values.append(forecast)
                spreads.append(spread)
                squares.append(penalised)
                factors.append(
                    np.mean([serial_factor(residual[owner == i]) for i in range(len(members))])
                )
        if not values:
            return np.full(len(members), np.nan), np.full(len(members), np.nan)
        square = np.array(squares)
        best = int(np.argmin(square))
        effective = loss.size / float(factors[best])
        weight = np.exp(-0.5 * effective * np.log(square / square[best]))
        weight /= weight.sum()
        forecasts = np.array(values)
        mean = weight @ forecasts
        variance = weight @ np.array(spreads) * float(factors[best])
        between = weight @ (forecasts - mean) ** 2
        return mean, np.sqrt(variance + between)

    def _solve(
        self,
        *,
        owner: Integers,  # (n,), which member a point belongs to
        loss: Array,  # (n,)
        shape: Array,  # (n,), S1^-alpha
        annealed: Array,  # (n,), S2
        end_shape: Array,  # (members,), S1^-alpha at the horizon
        end_annealed: Array,  # (members,), S2 at the horizon
    ) -> tuple[Array, Array, Array, float, float]:
        """Ridge regression for offsets, shared amplitude, members' amplitudes and C.

        The priors are rows of the regression, weighed against the noise by two passes.
        """
        members, n = end_shape.size, loss.size
        width = 2 * members + 2
        design = np.zeros((n, width))
        design[np.arange(n), owner] = 1.0
        design[:, members] = shape
        design[np.arange(n), members + 1 + owner] = shape
        design[:, -1] = -annealed
        target = np.zeros((members, width))
        target[np.arange(members), np.arange(members)] = 1.0
        target[:, members] = end_shape
        target[np.arange(members), members + 1 + np.arange(members)] = end_shape
        target[:, -1] = -end_annealed
        amplitude, noise = max(0.3 * float(np.ptp(loss)), 1e-3), 0.05
        sign_held = False
        for round_ in range(5):
            center, width_c = self.annealing_prior
            precision = np.zeros(width)
            precision[members + 1 : -1] = 1.0 / max(self.amplitude_spread * amplitude, 1e-6) ** 2
            precision[-1] = 1.0 / (width_c * amplitude) ** 2
            prior = np.zeros(width)
            prior[-1] = center * amplitude
            if sign_held:  # annealing lowers the loss: a negative C is held at zero
                prior[-1], precision[-1] = 0.0, 1e12
            gram = design.T @ design / noise**2 + np.diag(precision)
            gram[members, members] += 1e-9
            inverse = np.linalg.inv(gram + 1e-12 * np.eye(width))
            solution = inverse @ (design.T @ loss / noise**2 + precision * prior)
            residual = loss - design @ solution
            square = float((residual**2).sum()) + 1e-30
            noise = np.sqrt(square / max(n - members - 2, 1)) + 1e-6
            amplitude = max(abs(float(solution[members])), 1e-3)
            sign_held = sign_held or (round_ == 3 and float(solution[-1]) < 0)
        penalty = float((precision * (solution - prior) ** 2).sum()) * noise**2
        variance = np.einsum("ij,jk,ik->i", target, inverse, target)
        return target @ solution, variance, residual, square + penalty, float(solution[members])


def _areas(history: History, horizon: float, memory: float) -> tuple[Array, Array, Array]:
    """Positions in tokens, S1 and S2 along the whole schedule; warm-up adds no annealing."""
    assert history.learning_rates is not None
    rates = np.asarray(history.learning_rates, dtype=np.float64)
    s1, _ = areas(rates)
    peak = int(np.argmax(rates))
    flat = rates.copy()
    flat[:peak] = rates[peak]
    decay = np.exp(-1.0 / max(memory * rates.size, 1.0))
    _, s2 = areas(flat, decay=float(decay))
    position = np.linspace(0.0, horizon, rates.size + 1)[1:]
    return position, s1, s2
