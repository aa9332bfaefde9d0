"""Morphisms: changes of architecture that carry weights and optimizer state."""

from trainers.morphism.morph import morph
from trainers.morphism.record import MorphRecord

__all__ = ["MorphRecord", "morph"]
