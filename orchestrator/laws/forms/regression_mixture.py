"""Regression on mixtures (RegMix: Liu et al. 2024, arXiv:2407.01492), for any number of domains."""

from __future__ import annotations

import numpy as np

from orchestrator.laws.law import Array, Evaluation, Input, Law, Parameter


# L(r) = sum_j w_j r_j on the simplex (an intercept would be one more w)
def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
    value = sum((w * share for w, share in zip(p, x, strict=True)), start=np.zeros((1, 1)))
    return value, x


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
        name="regression_mixture",
        formula="L = sum_j w_j r_j, sum_j r_j = 1",
        paper="Liu et al. 2024 (arXiv:2407.01492), linear regression variant",
        inputs=tuple(
            Input(name=f"r{j + 1}", unit="share of tokens", span=(0, 1), positive=False)
            for j in range(domains)
        ),
        output=Input(name="L", unit="nats/token", span=(1, 10)),
        parameters=tuple(
            Parameter(
                name=f"w{j + 1}", unit="nats/token", start=(1.0, 8.0), example=3.0 + j, linear=True
            )
            for j in range(domains)
        ),
        evaluate=_evaluate,
        residual="identity",
        noise=0.01,
        design=design,
        note="regression_mixture:17 is the law for seventeen domains.",
    )


LAW = build(3)
