"""One documented Python function an operator."""

from cuda_ext.ops.attribution_tap import attribution_tap

__all__ = ["attribution_tap"]
