"""What another trainer does otherwise than a protocol says: told, gene by gene, never in silence.

An architecture is expressed exactly or not at all. A protocol is a recipe: where a trainer has no
such thing as a gene, the export takes the nearest that it has and says so, in the file and on the
terminal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.export.script.facts import unexpressed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from search_spaces.genome import Genome


@dataclass(frozen=True, slots=True)
class Departure:
    """One gene that is not followed."""

    gene: str
    value: object
    instead: str

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.gene} = {self.value}: {self.instead}"


def departures(
    genome: Genome,
    *,
    optimizers: Mapping[str, str],
    schedules: Mapping[str, str],
    has_multipliers: bool,
) -> tuple[Departure, ...]:
    """Return what of a protocol a trainer does otherwise.

    Args:
        genome: What is exported.
        optimizers: What stands for each optimizer that the trainer does not have.
        schedules: The same of schedules.
        has_multipliers: Whether parameters may have learning rates of their own.
    """
    p = genome.protocol
    found = [
        Departure(gene, value, table[value])
        for gene, value, table in (
            ("optimizer", p.optimizer, optimizers),
            ("schedule", p.schedule, schedules),
        )
        if value in table
    ]
    plain = [
        ("batch_ramp", p.batch_ramp, 1, "the whole batch from the start"),
        ("sequence_ramp", p.sequence_ramp, 1, "whole sequences from the start"),
        ("dropout", p.dropout, 0.0, "no dropout"),
    ]
    if not has_multipliers:
        for kind in ("attention", "ffn", "embedding"):
            gene = f"{kind}_lr_multiplier"
            plain.append((gene, getattr(p, gene), 1.0, "one learning rate for all"))
    found += [Departure(g, value, said) for g, value, usual, said in plain if value != usual]
    if len(p.data_mix) > 1:
        found.append(Departure("data_mix", p.data_mix, "sources as large as they are"))
    found += [
        Departure(gene, value, f"as with {nearest}") for gene, value, nearest in unexpressed(genome)
    ]
    return tuple(found)
