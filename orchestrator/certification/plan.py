"""What a certification trains: arms, all from scratch, over the same tokens with the same seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from orchestrator.randomness import WHOLE_POPULATION, generator
from search_spaces.genome import genome_from_json, genome_to_json

if TYPE_CHECKING:
    from orchestrator.events import JSON
    from search_spaces.genome import Genome

ArmName = Literal["winner", "schedule", "default", "first"]
REFERENCE: ArmName = "default"
"""What the others are compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Consecutive tokens with one genome."""

    tokens: int
    genome: Genome


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One way to train; every arm trains the same tokens in all."""

    name: ArmName
    parts: tuple[Part, ...]
    """One, but for a schedule: where the next begins, the weights are carried over."""

    @property
    def genome(self) -> Genome:
        """The genome at the end."""
        return self.parts[-1].genome


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """An interval of an arm."""

    genome: Genome
    tokens: int
    part: int
    """Number of its part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A certification: each arm is trained once for each replicate, as a member of its own."""

    arms: tuple[Arm, ...]
    seed: int
    """Of the search: all draws of the replicates are keyed by it."""
    replicates: int
    tokens: int
    """That each arm trains."""
    winner_tokens: int
    """That the winner trained in the search."""
    interval_tokens: int
    horizon_tokens: int
    """Tokens of a whole training, the unit of the genomes' schedules; shortened as `tokens` is."""

    @property
    def members(self) -> int:
        """Trainings in all."""
        return len(self.arms) * self.replicates

    @property
    def share(self) -> float:
        """Share of the winner's tokens that each arm trains."""
        return self.tokens / self.winner_tokens

    def member(self, *, replicate: int, arm: int) -> int:
        """Return the number of a training; those of a replicate follow each other."""
        return replicate * len(self.arms) + arm

    def arm_of(self, member: int) -> Arm:
        """Return the arm of a training."""
        return self.arms[member % len(self.arms)]

    def replicate_of(self, member: int) -> int:
        """Return the replicate of a training."""
        return member // len(self.arms)

    def legs(self, arm: Arm) -> tuple[Leg, ...]:
        """Cut an arm into intervals: each part into whole ones and what is left."""
        return tuple(
            Leg(genome=part.genome, tokens=min(self.interval_tokens, part.tokens - done), part=at)
            for at, part in enumerate(arm.parts)
            for done in range(0, part.tokens, self.interval_tokens)
        )

    def data_seed(self, member: int) -> int:
        """Return what keys the data and the dropout masks: all arms of a replicate share it."""
        draw = generator(self.seed, "certify data", self.replicate_of(member), WHOLE_POPULATION)
        return int(draw.integers(0, 2**63))

    def weight_seed(self, member: int, part: int) -> int:
        """Return what draws the weights that a part starts with; arms of a replicate share it."""
        draw = generator(self.seed, "certify weights", self.replicate_of(member), part)
        return int(draw.integers(0, 2**63))

    def to_json(self) -> dict[str, JSON]:
        """Return the plan as plain JSON values."""
        return {
            "arms": [
                {
                    "name": arm.name,
                    "parts": [
                        {"tokens": part.tokens, "genome": genome_to_json(part.genome)}
                        for part in arm.parts
                    ],
                }
                for arm in self.arms
            ],
            "seed": self.seed,
            "replicates": self.replicates,
            "tokens": self.tokens,
            "winner_tokens": self.winner_tokens,
            "interval_tokens": self.interval_tokens,
            "horizon_tokens": self.horizon_tokens,
        }


def plan_from_json(values: dict[str, JSON]) -> Plan:
    """Read what `Plan.to_json` wrote; it comes from a log, whose checksums say that it is whole."""
    arms: list[Arm] = []
    for written in values["arms"]:
        assert written["name"] in get_args(ArmName)
        parts = tuple(
            Part(tokens=part["tokens"], genome=genome_from_json(part["genome"]))
            for part in written["parts"]
        )
        arms.append(Arm(name=written["name"], parts=parts))
    return Plan(**{**values, "arms": tuple(arms)})
