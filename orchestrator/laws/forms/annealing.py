"""Learning-rate annealing law for whole curves (Tissue et al. 2024, arXiv:2408.11029, eq. 1)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, coefficient, exponent


# L(s) = L0 + A S1^-alpha - C S2
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    floor, a, alpha, c = p
    log_area = np.log(x[0])
    shape = np.exp(-alpha * log_area)
    value = floor + a * shape - c * x[1]
    return value, (np.ones((1, 1)), shape, -a * log_area * shape, -x[1])


def areas(
    learning_rate: Array,  # (steps,), at every step of the schedule
    decay: float = 0.999,
) -> tuple[Array, Array]:
    """Forward area S1 and annealing area S2 after each step, (steps,) each.

    S1 = sum of learning rates; S2 = sum over steps of the momentum m_i = decay m_(i-1) +
    (lr_(i-1) - lr_i), Tissue et al. 2024, eqs. 2-3. Warm-up counts with its sign, so it delays S2;
    drop it (or hold it at the peak) as the paper does where it matters.

    Raises:
        ValueError: `0 < decay < 1` does not hold, or a learning rate is negative.
    """
    if not 0 < decay < 1:
        message = f"`0 < decay < 1` must hold, but got decay={decay}."
        raise ValueError(message)
    rates = np.asarray(learning_rate, dtype=np.float64)
    if (rates < 0).any():
        message = f"Learning rates must not be negative, but got {rates.min()}."
        raise ValueError(message)
    drop = np.concatenate([[0.0], rates[:-1] - rates[1:]])
    return np.cumsum(rates), np.cumsum(_leaky_sum(drop, decay))


def _leaky_sum(drop: Array, decay: float) -> Array:
    """Compute m_i = decay m_(i-1) + drop_i without a loop over steps, in blocks."""
    block = max(1, min(drop.size, int(600.0 / -np.log(decay)) if decay > 0 else 1))
    out = np.empty_like(drop)
    last = 0.0
    powers = decay ** np.arange(1, block + 1)
    for first in range(0, drop.size, block):
        part = drop[first : first + block]
        weight = powers[: part.size]
        out[first : first + block] = weight * (last + np.cumsum(part / weight))
        last = float(out[first + part.size - 1])
    return out


def _design(rng: np.random.Generator, count: int) -> tuple[Array, ...]:
    forward = np.exp(rng.uniform(np.log(0.3), np.log(20.0), count))
    return forward, rng.uniform(0.0, 0.3, count) * forward / 20.0


LAW = Law(
    name="annealing",
    formula="L = L0 + A S1^-alpha - C S2",
    paper="Tissue et al. 2024 (arXiv:2408.11029), eq. 1",
    inputs=(
        Input(name="S1", unit="learning rate * steps", span=(0.1, 50.0)),
        Input(name="S2", unit="learning rate * steps", span=(0.0, 1.0), positive=False),
    ),
    output=Input(name="L", unit="nats/token", span=(1, 6)),
    parameters=(
        coefficient("L0", "nats/token", example=2.6),
        coefficient("A", "nats/token", example=0.5),
        exponent("alpha", example=0.5, start=(0.1, 1.5)),
        Parameter(
            name="C", unit="nats/token / (learning rate * steps)", start=(0.0, 2.0), example=0.4,
            linear=True,
        ),
    ),
    evaluate=_evaluate,
    noise=0.001,
    design=_design,
    note="`areas` makes S1 and S2 from the learning rate of every step.",
)  # fmt: skip
