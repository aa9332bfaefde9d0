"""Fits: losses, starts, the batched optimizer, identifiability and the bootstrap."""
