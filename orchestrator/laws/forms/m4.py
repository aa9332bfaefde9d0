"""M4, a power law that bends at both ends (Alabdulmohsin et al. 2022, arXiv:2209.06640, eq. 3)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, exponent


# (eps - eps_inf) / (eps_0 - eps)^alpha = beta x^-c, solved for eps between eps_inf and eps_0
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    beta, c, floor, top, alpha = p
    height = top - floor
    log_x = np.log(x[0])
    # With u = logit of the share (eps - eps_inf)/(eps_0 - eps_inf): the equation becomes
    # log s(u) - alpha log s(-u) = k, increasing in u with slope between min and max of (1, alpha).
    k = np.log(beta) - c * log_x - (1.0 - alpha) * np.log(height)
    low = np.minimum(k, k / alpha) - 2.0 * (1.0 + alpha)
    high = np.maximum(k, k / alpha) + 2.0 * (1.0 + 1.0 / alpha)
    u = 0.5 * (low + high)
    for _ in range(60):
        miss = alpha * np.logaddexp(0.0, u) - np.logaddexp(0.0, -u) - k
        low, high = np.where(miss < 0, u, low), np.where(miss < 0, high, u)
        rise = 1.0 / (1.0 + np.exp(u)) + alpha / (1.0 + np.exp(-u))
        step = u - miss / rise
        u = np.where((step >= low) & (step <= high), step, 0.5 * (low + high))
        if np.nanmax(np.abs(miss), initial=0.0) < 1e-13:
            break
    share, rest = 1.0 / (1.0 + np.exp(-u)), 1.0 / (1.0 + np.exp(u))
    value = floor + height * share
    # log(eps - floor) - alpha log(top - eps) = log beta - c log x, differentiated implicitly.
    above, below = height * share, height * rest
    response = 1.0 / (1.0 / above + alpha / below)
    return value, (
        response / beta,
        -response * log_x,
        response / above,
        response * alpha / below,
        response * np.log(below),
    )


LAW = Law(
    name="m4",
    formula="(eps - eps_inf)/(eps_0 - eps)^alpha = beta x^-c",
    paper="Alabdulmohsin et al. 2022 (arXiv:2209.06640), M4 (c written positive)",
    inputs=(Input(name="x", unit="examples seen", span=(1e3, 1e11)),),
    output=Input(name="eps", unit="error or loss", span=(0, 10)),
    parameters=(
        Parameter(
            name="beta", unit="as eps^(1 - alpha)", start=(1.0, 1e6), example=2000.0, low=1e-12,
            high=1e18, scale="log",
        ),
        exponent("c", example=0.5, start=(0.1, 1.2)),
        Parameter(
            name="eps_inf", unit="as eps", start=(0.01, 0.3), example=0.1, low=1e-9, high=20.0,
            scale="log",
        ),
        Parameter(
            name="eps_0", unit="as eps", start=(0.5, 2.0), example=1.0, low=1e-3, high=100.0,
            scale="log",
        ),
        Parameter(
            name="alpha", unit="1", start=(0.3, 3.0), example=1.0, low=1e-2, high=50.0, scale="log"
        ),
    ),
    evaluate=_evaluate,
    noise=0.002,
    note="Hold eps_0 (with_fixed) where the loss of a random guess is known, as the paper does.",
)  # fmt: skip
