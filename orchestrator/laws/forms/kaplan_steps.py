"""Kaplan's loss in model size and steps (Kaplan et al. 2020, arXiv:2001.08361, eq. 1.6)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, exponent


# L(N, S_min) = (N_c/N)^alpha_N + (S_c/S_min)^alpha_S
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    size_c, steps_c, alpha_n, alpha_s = p
    far_n, far_s = np.log(size_c) - np.log(x[0]), np.log(steps_c) - np.log(x[1])
    size, steps = np.exp(alpha_n * far_n), np.exp(alpha_s * far_s)
    return size + steps, (
        alpha_n * size / size_c,
        alpha_s * steps / steps_c,
        far_n * size,
        far_s * steps,
    )


def least_steps(steps: Array, batch: Array, critical_batch: Array) -> Array:
    """Return S_min, the steps a far larger batch would have needed: S / (1 + B_crit/B), eq. 5.4.

    Args:
        steps: Steps taken, S.
        batch: Tokens per batch, B.
        critical_batch: B_crit at the loss reached (law `critical_batch_loss`), tokens.

    >>> float(least_steps(3000.0, 1e5, 2e5))
    1000.0
    """
    return np.asarray(steps / (1.0 + critical_batch / batch))


PUBLISHED = {"N_c": 6.5e13, "S_c": 2.1e3, "alpha_N": 0.077, "alpha_S": 0.76}
"""Kaplan et al. 2020, table 3."""

LAW = Law(
    name="kaplan_steps",
    formula="L = (N_c/N)^alpha_N + (S_c/S_min)^alpha_S",
    paper="Kaplan et al. 2020 (arXiv:2001.08361), eq. 1.6; published values in table 3",
    inputs=(
        Input(name="N", unit="non-embedding parameters", span=(1e6, 1e9)),
        Input(name="S_min", unit="steps at a batch far beyond the critical", span=(1e3, 3e5)),
    ),
    output=Input(name="L", unit="nats/token", span=(1, 6)),
    parameters=(
        Parameter(
            name="N_c", unit="non-embedding parameters", start=(1e11, 1e16), example=6.5e13,
            low=1.0, high=1e40, scale="log",
        ),
        Parameter(
            name="S_c", unit="steps", start=(1e2, 1e5), example=2.1e3, low=1e-3, high=1e12,
            scale="log",
        ),
        exponent("alpha_N", example=0.077, start=(0.03, 0.4)),
        exponent("alpha_S", example=0.76, start=(0.2, 1.5)),
    ),
    evaluate=_evaluate,
    note="`least_steps` makes S_min of steps and batch; leave out the warm-up.",
)  # fmt: skip
