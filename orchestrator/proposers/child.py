"""A child genome: the donor with some coordinates proposed by someone else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from search_spaces.coordinates import coordinates, from_coordinates, to_coordinates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from search_spaces.genome import Genome
    from search_spaces.space import Space


def child_of(
    space: Space, donor: Genome, proposed: Mapping[str, Any], *, free: frozenset[str]
) -> Genome:
    """Return the donor with the proposed coordinates of its free genes, repaired within them.

    Args:
        space: The space of the genome.
        donor: Gives the genes that are not free, and those without a proposal.
        proposed: Values by coordinate; those of genes that are not free are ignored.
        free: Names of the genes that may change.

    Raises:
        InfeasibleGenome: Changes of free genes alone cannot make it feasible.
    """
    names = {coordinate.name for coordinate in coordinates(space) if coordinate.gene in free}
    values = {name: value for name, value in proposed.items() if name in names}
    return space.repair_within(from_coordinates(space, values, base=donor), free)


def held(space: Space, donor: Genome, *, free: frozenset[str]) -> dict[str, Any]:
    """Return the donor's coordinates of genes that are not free."""
    owner = {coordinate.name: coordinate.gene for coordinate in coordinates(space)}
    values = to_coordinates(space, donor)
    return {name: value for name, value in values.items() if owner[name] not in free}
