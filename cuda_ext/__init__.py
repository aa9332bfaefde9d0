"""Fused attribution and attention-statistics operators, each with a plain PyTorch reference."""
