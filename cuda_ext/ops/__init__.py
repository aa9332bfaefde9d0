"""One documented Python function an operator."""

from cuda_ext.ops.attention_statistics import AttentionStatistics, attention_statistics
from cuda_ext.ops.attribution_tap import attribution_tap
from cuda_ext.ops.embedding_attribution import embedding_attribution
from cuda_ext.ops.grouped_attribution import Attribution, grouped_attribution

__all__ = [
    "AttentionStatistics",
    "Attribution",
    "attention_statistics",
    "attribution_tap",
    "embedding_attribution",
    "grouped_attribution",
]
