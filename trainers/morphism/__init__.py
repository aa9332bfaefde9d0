"""Morphisms: changes of architecture that carry weights and optimizer state."""
