"""Genes, genomes and the spaces they are drawn from. Imports numpy only."""

from __future__ import annotations

from search_spaces.constraints import Constraint, Rule
from search_spaces.domains import Choice, Domain, Integer, PerLayer, Real, Simplex
from search_spaces.errors import InfeasibleGenome, SpaceError, SpaceNotFound
from search_spaces.genes import ActiveWhen, Gene, Within
from search_spaces.genome import Genome, genome_from_json, genome_to_json
from search_spaces.limits import Limits
from search_spaces.loading import load_space
from search_spaces.repairing import Repair
from search_spaces.space import Space

__all__ = [
    "ActiveWhen",
    "Choice",
    "Constraint",
    "Domain",
    "Gene",
    "Genome",
    "InfeasibleGenome",
    "Integer",
    "Limits",
    "PerLayer",
    "Real",
    "Repair",
    "Rule",
    "Simplex",
    "Space",
    "SpaceError",
    "SpaceNotFound",
    "Within",
    "genome_from_json",
    "genome_to_json",
    "load_space",
]
