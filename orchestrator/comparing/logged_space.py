"""The search space as the log describes it: what is needed to compare genomes, from any space.

The space's own code is not asked: it may be a user's file that has changed or gone since. Values
are those of the logged genomes, so lists stand where genomes have tuples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import Clause, UserError
from search_spaces.domains import Choice, Integer, Real, Simplex
from search_spaces.errors import SpaceError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.events import JSON
    from search_spaces.domains import ScalarDomain

LENGTH = "num_layers"
"""The gene that gives per-layer genes their length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedGene:
    """A gene of a logged space; of a per-layer gene, `domain` is that of one layer."""

    name: str
    half: str
    domain: ScalarDomain | Simplex
    is_per_layer: bool
    active_when: tuple[str, tuple[JSON, ...]] | None
    """(gene, values): it counts only where that gene of its half has one of these values."""

    def values(self, genomes: Iterable[dict[str, JSON]]) -> list[JSON]:
        """Return its value in each logged genome, or None where it does not count."""
        halves = [genome[self.half] for genome in genomes]
        if self.active_when is None:
            return [half[self.name] for half in halves]
        decider, allowed = self.active_when
        return [half[self.name] if half[decider] in allowed else None for half in halves]


def logged_genes(space: dict[str, JSON], *, where: str) -> tuple[LoggedGene, ...]:
    """Read the genes of a logged space, fixed ones included.

    Raises:
        UserError: The log describes its space in another way than this version does.
    """
    try:
        return tuple(_gene(described) for described in space["genes"])
    except (KeyError, TypeError, ValueError) as error:
        what = f"has no {error}" if isinstance(error, KeyError) else f"does not: {error}"
        raise UserError(
            where=f"{where}, its space",
            law="the log describes every gene by name, half and domain",
            found=Clause(f"it {what}"),
            remedy="It was written by another version of masga: compare it with that version.",
        ) from error


def _gene(described: dict[str, JSON]) -> LoggedGene:
    condition = described.get("active_when")
    when = None
    if condition is not None:
        ((gene, values),) = condition.items()
        when = str(gene), tuple(values)
    return LoggedGene(
        name=described["name"],
        half=described["half"],
        domain=_domain(described["domain"]),
        is_per_layer=described.get("per_layer", False),
        active_when=when,
    )


def _domain(form: dict[str, JSON]) -> ScalarDomain | Simplex:
    try:
        match form:
            case {"real": [low, high]}:
                return Real(low, high, log=form.get("log", False))
            case {"integer": [low, high]}:
                return Integer(low, high, step=form.get("step", 1), log=form.get("log", False))
            case {"choice": [*values]}:
                return Choice(tuple(tuple(v) if isinstance(v, list) else v for v in values))
            case {"simplex": size}:
                return Simplex(size)
    except SpaceError as error:
        raise ValueError(str(error)) from error
    raise ValueError(f"the domain {form} is of no known kind")
