"""Repair: from any genome to a feasible one, by fixed rules, without chance."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search_spaces.domains import PerLayer
from search_spaces.errors import InfeasibleGenome, SpaceError
from search_spaces.genome import Genome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from search_spaces.space import Space

ROUNDS = 4
"""Passes over the constraints before they are said to contradict each other."""


@dataclass(frozen=True, slots=True)
class Repair:
    """A feasible genome, and what had to change for it, one line a gene."""

    genome: Genome
    changes: tuple[str, ...]


def replaced(genome: Genome, values: Mapping[str, Any]) -> Genome:
    """Return the genome with some fields of either half replaced."""
    if not values:
        return genome
    fields = genome.architecture.__dataclass_fields__
    architecture = {name: value for name, value in values.items() if name in fields}
    protocol = {name: value for name, value in values.items() if name not in fields}
    return Genome(
        dataclasses.replace(genome.architecture, **architecture)
        if architecture
        else genome.architecture,
        dataclasses.replace(genome.protocol, **protocol) if protocol else genome.protocol,
    )


def repair(space: Space, genome: Genome, *, free: frozenset[str] | None) -> Repair:
    """Mend within `free`; where that is impossible, with all genes (the changes say so)."""
    allowed = space.names if free is None else free
    try:
        mended = mend(space, genome, allowed)
    except InfeasibleGenome:
        if allowed >= space.names:
            raise
        mended = mend(space, genome, space.names)
    return Repair(mended, () if mended == genome else _changes(space, genome, mended, allowed))


def check(space: Space, genome: Genome) -> None:
    """Raise InfeasibleGenome with the first law that the genome breaks."""
    for name, value in space.constants.items():
        found = getattr(genome.architecture, name)
        if found != value:
            raise InfeasibleGenome(
                f"constant {name!r} is {value} in this run", f"got {found}", "Repair the genome."
            )
    for gene in space.genes:
        value = space.gene_value(genome, gene.name)
        if not gene.domain.contains(value):
            raise InfeasibleGenome(
                f"gene {gene.name!r} lies in {gene.domain.to_json()}",
                f"got {value!r}",
                "Repair the genome, or widen the domain.",
            )
        if isinstance(gene.domain, PerLayer):
            length = space.gene_value(genome, gene.domain.length)
            if len(value) != length:
                raise InfeasibleGenome(
                    f"gene {gene.name!r} has {gene.domain.length} = {length} values",
                    f"got {len(value)}",
                    "Repair the genome.",
                )
        if not space.is_active(genome, gene.name) and value != space.canonical[gene.name]:
            raise InfeasibleGenome(
                f"gene {gene.name!r} keeps {space.canonical[gene.name]!r} while it is not active",
                f"got {value!r}",
                "Repair the genome.",
            )
    for constraint in space.constraints:
        facts = constraint.broken(genome, space)
        if facts is not None:
            raise InfeasibleGenome(constraint.law, facts, "Repair the genome, or relax the law.")


def mend(space: Space, genome: Genome, free: frozenset[str]) -> Genome:
    """Mend by changes of `free` genes only (clipping aside); raises InfeasibleGenome."""
    genome = _into_domains(space, genome)
    for _ in range(ROUNDS):
        broken = False
        for constraint in space.constraints:
            if constraint.broken(genome, space) is not None:
                genome = _into_domains(space, constraint.mend(genome, space, free))
                broken = True
        if not broken:
            return genome
    laws = [(c.law, c.broken(genome, space)) for c in space.constraints]
    law, facts = next(((law, f) for law, f in laws if f is not None), ("", None))
    if facts is None:
        return genome
    raise InfeasibleGenome(
        law, f"{facts} after {ROUNDS} rounds of repair", "Relax this law or one it conflicts with."
    )


def _into_domains(space: Space, genome: Genome) -> Genome:
    """Set constants, clip every gene, fit vectors to their lengths, reset inactive genes."""
    changes: dict[str, Any] = {
        name: value
        for name, value in space.constants.items()
        if getattr(genome.architecture, name) != value
    }
    for gene in space.genes:
        value = getattr(getattr(genome, gene.half), gene.name)
        try:
            fitting = gene.domain.clip(value)
        except (SpaceError, TypeError) as error:
            raise InfeasibleGenome(
                f"gene {gene.name!r} lies in {gene.domain.to_json()}",
                f"got {value!r}",
                "Give a value of the right type.",
            ) from error
        # equal numbers of another type (1.0 for 1, True for 1) are replaced too, in vectors as well
        if isinstance(fitting, tuple) or fitting != value or type(fitting) is not type(value):
            changes[gene.name] = fitting
    if changes:
        genome = replaced(genome, changes)
        changes = {}
    for gene in space.genes:
        value = getattr(getattr(genome, gene.half), gene.name)
        if isinstance(gene.domain, PerLayer):
            length = getattr(getattr(genome, gene.half), gene.domain.length)
            if len(value) != length:
                changes[gene.name] = fit_length(value, length, space.canonical[gene.name])
        elif not space.is_active(genome, gene.name) and value != space.canonical[gene.name]:
            changes[gene.name] = space.canonical[gene.name]
    return replaced(genome, changes)


def fit_length(value: tuple[Any, ...], length: int, otherwise: tuple[Any, ...]) -> tuple[Any, ...]:
    """Cut a vector at the end, or repeat its last value (the canonical one if it is empty)."""
    last = value[-1:] or otherwise[:1]
    return value[:length] + last * (length - len(value))


def _changes(space: Space, before: Genome, after: Genome, free: frozenset[str]) -> tuple[str, ...]:
    lines = []
    for name in (*space.constants, *space.by_name):
        old, new = (_field(genome, name) for genome in (before, after))
        if old != new or type(old) is not type(new):
            bound = "" if name in free or name in space.constants else " (not free)"
            lines.append(f"{name}: {old!r} -> {new!r}{bound}")
    return tuple(lines)


def _field(genome: Genome, name: str) -> Any:
    half = genome.architecture if hasattr(genome.architecture, name) else genome.protocol
    return getattr(half, name)
