"""Laws of batches, sequences and schedules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from search_spaces.errors import InfeasibleGenome
from search_spaces.gpt.heads import members
from search_spaces.repairing import replaced

if TYPE_CHECKING:
    from search_spaces.domains import ScalarDomain
    from search_spaces.genome import Genome
    from search_spaces.space import Space


def scalar(space: Space, name: str) -> ScalarDomain:
    """Return the domain of a gene that is one number."""
    return space.gene(name).domain  # type: ignore[return-value]


def _is_power_of_two(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0


@dataclass(frozen=True, slots=True)
class RampsDouble:
    """Sequences and batches start at a fraction and double until they are whole."""

    law: str = (
        "batch_ramp and sequence_ramp are powers of 2, and sequence_ramp divides context_length"
    )

    def broken(self, genome: Genome, space: Space) -> str | None:
        """Name the ramp that does not double up to the whole."""
        del space
        p, context = genome.protocol, genome.architecture.context_length
        if not _is_power_of_two(p.batch_ramp):
            return f"batch_ramp is {p.batch_ramp}"
        if not _is_power_of_two(p.sequence_ramp) or context % p.sequence_ramp:
            return f"sequence_ramp is {p.sequence_ramp} with context_length {context}"
        return None

    def mend(self, genome: Genome, space: Space, free: frozenset[str]) -> Genome:
        """Take the nearest allowed ramps, gentler ones first."""
        context = genome.architecture.context_length
        changes = {}
        for name, divides in (("batch_ramp", 0), ("sequence_ramp", context)):
            ramp = getattr(genome.protocol, name)
            options = [
                v
                for v in (members(scalar(space, name)) if name in free else [ramp])
                if _is_power_of_two(v) and divides % v == 0
            ]
            if not options:
                raise InfeasibleGenome(
                    self.law,
                    f"{name} has no such value (context_length {context})",
                    f"Allow {name} = 1, or a context_length that is a multiple of it.",
                )
            changes[name] = min(options, key=lambda v: (v > ramp, abs(v - ramp)))
        return replaced(genome, changes)


@dataclass(frozen=True, slots=True)
class BatchHoldsSequence:
    """The smallest batch of the ramp holds one sequence of the full length."""

    law: str = "batch_tokens >= batch_ramp * context_length"

    def broken(self, genome: Genome, space: Space) -> str | None:
        """Give the three numbers."""
        del space
        p, context = genome.protocol, genome.architecture.context_length
        if p.batch_tokens >= p.batch_ramp * context:
            return None
        return (
            f"batch_tokens is {p.batch_tokens}, batch_ramp {p.batch_ramp}, context_length {context}"
        )

    def mend(self, genome: Genome, space: Space, free: frozenset[str]) -> Genome:
        """Take a larger batch, or else a gentler ramp."""
        p, context = genome.protocol, genome.architecture.context_length
        ramps = sorted(members(scalar(space, "batch_ramp")), reverse=True)
        ramps = [r for r in ramps if r < p.batch_ramp] if "batch_ramp" in free else []
        for ramp in (p.batch_ramp, *ramps):
            batch = (
                scalar(space, "batch_tokens").at_least(max(p.batch_tokens, ramp * context))
                if "batch_tokens" in free
                else p.batch_tokens
            )
            if batch is not None and batch >= ramp * context:  # type: ignore[operator]
                return replaced(genome, {"batch_tokens": batch, "batch_ramp": ramp})
        raise InfeasibleGenome(
            self.law,
            f"{self.broken(genome, space)}",
            "Allow larger batch_tokens or a smaller batch_ramp, or shorten context_length.",
        )


@dataclass(frozen=True, slots=True)
class WarmupBeforeDecay:
    """A warmup-stable-decay schedule warms up before it decays."""

    law: str = "warmup_fraction + decay_fraction <= 1 where schedule is 'wsd'"

    def broken(self, genome: Genome, space: Space) -> str | None:
        """Give both shares."""
        del space
        p = genome.protocol
        if p.schedule != "wsd" or p.warmup_fraction + p.decay_fraction <= 1:
            return None
        return f"warmup_fraction is {p.warmup_fraction}, decay_fraction {p.decay_fraction}"

    def mend(self, genome: Genome, space: Space, free: frozenset[str]) -> Genome:
        """Shorten the decay, or else the warm-up."""
        p = genome.protocol
        for name, other in (
            ("decay_fraction", p.warmup_fraction),
            ("warmup_fraction", p.decay_fraction),
        ):
            # a hair less than the rest, so that rounding cannot exceed it
            shorter = scalar(space, name).at_most(1 - other - 1e-5) if name in free else None
            if shorter is not None:
                return replaced(genome, {name: shorter})
        raise InfeasibleGenome(
            self.law, f"{self.broken(genome, space)}", "Lower the bounds of either share."
        )
