"""Plain PyTorch references: what a kernel must equal, and what serves without one."""

from cuda_ext.reference.attention_statistics import attention_statistics
from cuda_ext.reference.attribution_tap import attribution_tap
from cuda_ext.reference.embedding_attribution import embedding_attribution
from cuda_ext.reference.grouped_attribution import accumulate_attribution, grouped_attribution

__all__ = [
    "accumulate_attribution",
    "attention_statistics",
    "attribution_tap",
    "embedding_attribution",
    "grouped_attribution",
]
