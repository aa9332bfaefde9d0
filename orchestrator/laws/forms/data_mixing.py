"""Data mixing law (Ye et al. 2024, arXiv:2403.16952, eq. 1), for any number of domains."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter, coefficient


# L(r) = c + exp(sum_j t_j r_j); the paper's factor k is e^(shift of all t) on the simplex
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    inside = sum((t * share for t, share in zip(p[1:], x, strict=True)), start=np.zeros((1, 1)))
    part = np.exp(inside)
    return p[0] + part, (np.ones((1, 1)), *(part * share for share in x))


def build(domains: int) -> Law:
    """Make the law for mixtures of `domains` domains, with inputs r1, r2, ...

    Raises:
        ValueError: Fewer than two domains.
    """
    if domains < 2:
        message = f"`domains >= 2` must hold, but got {domains}."
        raise ValueError(message)

    def design(rng: np.random.Generator, count: int) -> tuple[Array, ...]:
        return tuple(rng.dirichlet(np.ones(domains), count).T)

    return Law(
        name="data_mixing",
        formula="L = c + exp(sum_j t_j r_j), sum_j r_j = 1",
        paper="Ye et al. 2024 (arXiv:2403.16952), eq. 1",
        inputs=tuple(
            Input(name=f"r{j + 1}", unit="share of tokens", span=(0, 1), positive=False)
            for j in range(domains)
        ),
        output=Input(name="L", unit="nats/token", span=(1, 6)),
        parameters=(
            coefficient("c", "nats/token", example=2.0),
            *(
                Parameter(name=f"t{j + 1}", unit="1", start=(-3.0, 2.0), example=0.4 - 0.9 * j)
                for j in range(domains)
            ),
        ),
        evaluate=_evaluate,
        noise=0.001,
        design=design,
        note="data_mixing:5 is the law for five domains.",
    )


LAW = build(3)
