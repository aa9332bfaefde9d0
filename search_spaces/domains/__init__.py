"""Domains: the set of values that one gene may take, one file a kind.

A domain is a frozen value. The annotation of a dataclass field is the search space of that gene:
`learning_rate: Annotated[float, Real(1e-4, 1e-2, log=True)]`.

`Real`, `Integer` and `Choice` are scalar and share one interface: `contains`, `clip` (nearest
member), `to_unit` / `from_unit` (one coordinate of the unit cube; exact round trip of members that
`clip` leaves alone), `sample`, `perturb` (a step of `scale` times the domain's width or
log-width), `distance` in [0, 1], `at_most` / `at_least`, `is_fixed` and `to_json`.
`PerLayer` repeats a scalar domain for each layer; `Simplex` holds shares.
"""

from __future__ import annotations

from search_spaces.domains.choice import Choice
from search_spaces.domains.integer import Integer
from search_spaces.domains.per_layer import PerLayer
from search_spaces.domains.real import Real
from search_spaces.domains.simplex import Simplex

ScalarDomain = Real | Integer | Choice
Domain = ScalarDomain | PerLayer | Simplex

__all__ = ["Choice", "Domain", "Integer", "PerLayer", "Real", "ScalarDomain", "Simplex"]
