"""Data-constrained loss with repetition (Muennighoff et al. 2023, arXiv:2305.16264, eqs. 5-7)."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, coefficient, exponent


# L = E + A/N'^alpha + B/D'^beta;  D' = U (1 + R_D* (1 - exp(-R_D/R_D*))), R_D = D/U - 1;
# N' likewise from U_N = min(N, N_opt(U)), R_N = N/U_N - 1; N_opt(U) = G (G U)^(beta/alpha),
# G = (alpha A / (beta B))^(1/(alpha + beta)): the size for which U tokens are compute-optimal.
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    floor, a, b, alpha, beta, data_star, size_star = p
    n, d, u = x
    total = alpha + beta
    log_g = (np.log(alpha * a) - np.log(beta * b)) / total
    log_u = np.log(u)
    log_optimal = log_g + beta / alpha * (log_u + log_g)
    log_n = np.log(n)
    limited = (log_n > log_optimal).astype(np.float64)
    base = np.exp(np.minimum(log_n, log_optimal))
    extra_n = np.maximum(n / base - 1.0, 0.0)
    extra_d = np.maximum(d / u - 1.0, 0.0)
    fade_n, fade_d = np.exp(-extra_n / size_star), np.exp(-extra_d / data_star)
    grown_n = 1.0 - size_star * np.expm1(-extra_n / size_star)
    grown_d = 1.0 - data_star * np.expm1(-extra_d / data_star)
    log_size, log_data = np.log(base * grown_n), np.log(u * grown_d)
    size, data = np.exp(-alpha * log_size), np.exp(-beta * log_data)
    # d value / d log of the effective size, then down the chain to U_N and to log G.
    by_size, by_data = -alpha * a * size, -beta * b * data
    by_base = by_size * (1.0 - fade_n * (n / base) / grown_n) * limited  # per d log U_N
    by_g = by_base * (1.0 + beta / alpha)
    by_ratio = by_base * (log_u + log_g)  # per d(beta/alpha)
    by_alpha = by_g * (1.0 / alpha - log_g) / total - by_ratio * beta / alpha**2
    by_beta = by_g * (-1.0 / beta - log_g) / total + by_ratio / alpha
    return floor + a * size + b * data, (
        np.ones((1, 1)),
        size + by_g / (total * a),
        data - by_g / (total * b),
        -log_size * a * size + by_alpha,
        -log_data * b * data + by_beta,
        by_data * (1.0 - fade_d - extra_d / data_star * fade_d) / grown_d,
        by_size * (1.0 - fade_n - extra_n / size_star * fade_n) / grown_n,
    )


def _design(rng: np.random.Generator, count: int) -> tuple[Array, ...]:
    unique = np.exp(rng.uniform(np.log(1e8), np.log(1e11), count))
    epochs = np.exp(rng.uniform(0.0, np.log(200.0), count)) * (rng.random(count) < 0.7)
    size = np.exp(rng.uniform(np.log(1e7), np.log(1e10), count))
    return size, unique * np.maximum(epochs, 1.0), unique


LAW = Law(
    name="muennighoff",
    formula="L = E + A/N'^alpha + B/D'^beta, D' = U + U R_D* (1 - exp(-(D/U - 1)/R_D*)), N' alike",
    paper="Muennighoff et al. 2023 (arXiv:2305.16264), eqs. 5-7",
    inputs=(
        Input(name="N", unit="parameters", span=(1e7, 1e10)),
        Input(name="D", unit="tokens, repeats included", span=(1e8, 1e12)),
        Input(name="U", unit="unique tokens", span=(1e8, 1e11)),
    ),
    output=Input(name="L", unit="nats/token", span=(1, 6)),
    parameters=(
        coefficient("E", "nats/token", example=1.87),
        Parameter(
            name="A", unit="nats/token * parameters^alpha", start=(50, 5000), example=521.0,
            low=1e-6, high=1e12, scale="log",
        ),
        Parameter(
            name="B", unit="nats/token * tokens^beta", start=(100, 20000), example=1488.0,
            low=1e-6, high=1e12, scale="log",
        ),
        exponent("alpha", example=0.353, start=(0.2, 0.6)),
        exponent("beta", example=0.353, start=(0.2, 0.6)),
        Parameter(
            name="R_D*", unit="repetitions", start=(1.0, 100.0), example=15.4, low=1e-3, high=1e7,
            scale="log",
        ),
        Parameter(
            name="R_N*", unit="repetitions", start=(0.5, 50.0), example=5.3, low=1e-3, high=1e7,
            scale="log",
        ),
    ),
    evaluate=_evaluate,
    note="R_D* and R_N* trade off; with few epochs R_D* is unbounded above.",
    design=_design,
)  # fmt: skip
