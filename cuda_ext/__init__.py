"""Fused attribution and attention-statistics operators, each with a plain PyTorch reference."""

from cuda_ext.loading import KernelLibrary, KernelStatus, status

__all__ = ["KernelLibrary", "KernelStatus", "status"]
