"""Spaces: which genes there are, what they may be, and the laws between them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from search_spaces import crossing, cube, mutation, repairing
from search_spaces.domains import Domain, PerLayer
from search_spaces.errors import InfeasibleGenome, SpaceError
from search_spaces.genome import Genome, digest_of_json, genome_to_json, is_unwritten
from search_spaces.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from search_spaces.constraints import Constraint
    from search_spaces.genes import Gene, Half
    from search_spaces.repairing import Repair

REDRAWS = 32
"""Draws that a law without repair may refuse before the space is called infeasible."""


@dataclass(frozen=True)
class Space:
    """A set of feasible genomes with ways to draw, vary, compare and mend them.

    Spaces are values: `narrowed`, `with_constants`, `limited`, `centred` and `with_constraint`
    return new ones. All random draws come from the generator that is passed in.
    """

    name: str
    genes: tuple[Gene, ...]
    centre: Genome
    """Holds the run's constants, and the values that default and inactive genes have."""
    constraints: tuple[Constraint, ...]
    limits: Limits = field(default_factory=Limits)

    # --- description ---

    @cached_property
    def by_name(self) -> dict[str, Gene]:
        """The genes by name."""
        return {gene.name: gene for gene in self.genes}

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of all genes."""
        return frozenset(self.by_name)

    @cached_property
    def constants(self) -> dict[str, int]:
        """The constants of the run by name: fields of the genome that are not genes."""
        return {
            constant.name: getattr(half, constant.name)
            for half in (self.centre.architecture, self.centre.protocol)
            for constant in dataclasses.fields(half)
            if constant.name not in self.by_name
        }

    @cached_property
    def canonical(self) -> dict[str, Any]:
        """The centre's values within their domains: what genes are while they are not active."""
        return {
            gene.name: gene.domain.clip(self.gene_value(self.centre, gene.name))
            for gene in self.genes
        }

    def gene_names(self, half: Half) -> frozenset[str]:
        """Return the names of one half's genes."""
        return frozenset(gene.name for gene in self.genes if gene.half == half)

    def gene(self, name: str) -> Gene:
        """Return a gene by name.

        Raises:
            SpaceError: there is no such gene.
        """
        if name not in self.by_name:
            raise SpaceError(
                f"space {self.name!r} has the genes {sorted(self.by_name)}",
                f"got {name!r}",
                "Correct the name.",
            )
        return self.by_name[name]

    def to_json(self) -> dict[str, object]:
        """Describe the space for the event log; everything that decides a draw is in it."""
        return {
            "name": self.name,
            "genes": [gene.to_json() for gene in self.genes if not self._is_unwritten(gene)],
            "constants": self.constants,
            "limits": self.limits.to_json(),
            "laws": [constraint.law for constraint in self.constraints],
            "centre": genome_to_json(self.centre),
        }

    def _is_unwritten(self, gene: Gene) -> bool:
        """Say whether a gene that came later is held at what it was before there was one."""
        value = self.gene_value(self.centre, gene.name)
        held = gene.is_fixed and gene.domain.contains(value)
        return held and is_unwritten(type(getattr(self.centre, gene.half)), gene.name, value)

    @cached_property
    def digest(self) -> str:
        """12 hex of the SHA-256 of `to_json`."""
        return digest_of_json(self.to_json())

    # --- other spaces ---

    def narrowed(self, **domains: Domain) -> Space:
        """Return the space with other domains of some genes; a single-valued `Choice` fixes one.

        A scalar domain given to a per-layer gene is its item's.

        Raises:
            SpaceError: no such gene, or a domain that does not suit it.
        """
        changed = {name: self.gene(name).narrowed(domain) for name, domain in domains.items()}
        genes = tuple(changed.get(gene.name, gene) for gene in self.genes)
        return dataclasses.replace(self, genes=genes)

    def with_constants(self, **constants: int) -> Space:
        """Return the space for another run: `vocab_size`, `context_length`.

        Raises:
            SpaceError: no such constant, or not a positive whole number.
        """
        for name, value in constants.items():
            if name not in self.constants:
                raise SpaceError(
                    f"space {self.name!r} has the constants {sorted(self.constants)}",
                    f"got {name!r}",
                    "Correct the name; genes are fixed by `narrowed`.",
                )
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise SpaceError(
                    f"constant {name!r} is a whole number > 0", f"got {value!r}", "Correct it."
                )
        return dataclasses.replace(self, centre=repairing.replaced(self.centre, constants))

    def limited(self, limits: Limits) -> Space:
        """Return the space with other limits of cost."""
        return dataclasses.replace(self, limits=limits)

    def with_constraint(self, constraint: Constraint) -> Space:
        """Return the space with one more law."""
        return dataclasses.replace(self, constraints=(*self.constraints, constraint))

    def centred(self, **values: Any) -> Space:
        """Return the space with other default values of some genes."""
        for name in values:
            self.gene(name)
        return dataclasses.replace(self, centre=repairing.replaced(self.centre, values))

    # --- genomes ---

    def default(self) -> Genome:
        """Return the centre, repaired.

        Raises:
            InfeasibleGenome: the space's laws and limits contradict each other.
        """
        return self.repair(self.centre).genome

    def sample(self, rng: np.random.Generator) -> Genome:
        """Draw every gene from its domain, then repair.

        Raises:
            InfeasibleGenome: no draw can be repaired.
        """
        for _ in range(REDRAWS - 1):
            try:
                return self.from_unit(rng.random(self.dimensions))
            except InfeasibleGenome:
                continue
        return self.from_unit(rng.random(self.dimensions))

    def mutate(
        self,
        genome: Genome,
        rng: np.random.Generator,
        *,
        free: frozenset[str] | None = None,
        scale: float = mutation.SCALE,
        rate: float = mutation.RATE,
        resample: float = mutation.RESAMPLE,
    ) -> Genome:
        """Return a feasible neighbour (see `search_spaces.mutation`).

        Args:
            genome: The parent.
            rng: Source of all draws.
            free: Genes that may change; None: all. What follows a free gene follows it: vectors
                keep one value a layer, and genes that become inactive take their canonical value.
            scale: Standard deviation of a step, in widths (log-widths) of the gene's domain.
            rate: Probability of each active gene to change; at least one does.
            resample: Probability that a changing gene is drawn anew instead of perturbed.

        Returns:
            A genome that differs from the repaired parent, or that parent where no neighbour is
            feasible (all genes fixed, for example).
        """
        return mutation.mutate(
            self, genome, rng, free=free, scale=scale, rate=rate, resample=resample
        )

    def crossover(
        self,
        a: Genome,
        b: Genome,
        rng: np.random.Generator,
        *,
        free: frozenset[str] | None = None,
    ) -> Genome:
        """Return a feasible mix of both parents (see `search_spaces.crossing`)."""
        return crossing.crossover(self, a, b, rng, free=free)

    def repair(self, genome: Genome, *, free: frozenset[str] | None = None) -> Repair:
        """Return the nearest feasible genome that the laws' repairs lead to, and what changed.

        Raises:
            InfeasibleGenome: there is none.
        """
        return repairing.repair(self, genome, free=free)

    def repair_within(self, genome: Genome, free: frozenset[str]) -> Genome:
        """Repair by changes of `free` genes only.

        Raises:
            InfeasibleGenome: that is impossible.
        """
        return repairing.mend(self, genome, free)

    def check(self, genome: Genome) -> None:
        """Pass a feasible genome.

        Raises:
            InfeasibleGenome: the genome breaks a law; the message says which, and the facts.
        """
        repairing.check(self, genome)

    def is_active(self, genome: Genome, name: str) -> bool:
        """Say whether a gene counts in this genome."""
        gene = self.by_name[name]
        return gene.condition is None or gene.condition.holds(getattr(genome, gene.half))

    def gene_value(self, genome: Genome, name: str) -> Any:
        """Return a gene's value: a bool, int, float, str or tuple of numbers."""
        return getattr(getattr(genome, self.gene(name).half), name)

    def with_genes(self, genome: Genome, values: Mapping[str, Any]) -> Genome:
        """Return the genome with some genes replaced, unrepaired.

        Raises:
            SpaceError: no such gene.
        """
        for name in values:
            self.gene(name)
        return repairing.replaced(genome, values)

    # --- the unit cube and distances ---

    @cached_property
    def max_layers(self) -> dict[str, int]:
        """The greatest length of per-layer vectors, by the gene that gives the length."""
        lengths = {g.domain.length for g in self.genes if isinstance(g.domain, PerLayer)}
        return {name: cube.greatest(self.gene(name)) for name in lengths}

    @cached_property
    def dimensions(self) -> int:
        """The number of coordinates of `to_unit`; fixed genes have none."""
        return cube.dimensions(self)

    def to_unit(self, genome: Genome) -> NDArray[np.float64]:  # (dimensions,), in [0, 1]
        """Map a feasible genome to the unit cube; absent layers and inactive genes are 0.5."""
        return cube.to_unit(self, genome)

    def from_unit(self, x: Sequence[float] | NDArray[np.float64]) -> Genome:
        """Map the unit cube to feasible genomes; undoes `to_unit` exactly.

        Raises:
            SpaceError: the wrong number of coordinates, or not finite.
            InfeasibleGenome: the point cannot be repaired.
        """
        return self.repair(cube.from_unit(self, x)).genome

    def distance(self, a: Genome, b: Genome) -> float:
        """Return a metric in [0, 1] on genomes of this space: the mean over genes.

        Each gene that is not fixed counts its domain's distance; 1 where it is active in one
        genome only; layers that only one genome has count 1. Genes that are active in neither
        count 0, so the distance is 0 iff the genomes are equal.
        """
        return cube.distance(self, a, b)
