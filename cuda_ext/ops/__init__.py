"""One documented Python function an operator."""

from cuda_ext.ops.attribution_tap import attribution_tap
from cuda_ext.ops.grouped_attribution import grouped_attribution

__all__ = ["attribution_tap", "grouped_attribution"]
