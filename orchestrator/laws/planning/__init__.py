"""Compute-optimal planning three ways, ladders, and how far to trust them."""
