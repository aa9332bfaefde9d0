"""Plain PyTorch references: what a kernel must equal, and what serves without one."""

from cuda_ext.reference.attribution_tap import attribution_tap
from cuda_ext.reference.grouped_attribution import accumulate_attribution, grouped_attribution

__all__ = ["accumulate_attribution", "attribution_tap", "grouped_attribution"]
