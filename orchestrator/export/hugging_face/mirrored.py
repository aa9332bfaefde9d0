"""RMS norms as layer norms: the stream beside its own negative.

A layer norm subtracts the mean and divides by the standard deviation. Of (x, -x) the mean is 0 and
the variance is the mean square of x, so

    layer_norm((x, -x)) with gain (g, 0) = (rms_norm(x) with gain g, 0).

Whoever writes to the stream writes w and -w; whoever reads reads the first half. A tied embedding
(e, -e) reads out the same as e, since the second half is 0 after the last norm.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from search_spaces.gpt.architecture import Architecture

_WRITERS = ("attention.out.weight", "ffn.down.weight")
_HEAD_NORMS = ("query_norm.weight", "key_norm.weight")


def mirrored_architecture(a: Architecture) -> Architecture:
    """Return the architecture with layer norms over a stream of twice the width."""
    return replace(a, d_model=2 * a.d_model, norm="layer")


def mirrored(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a model with RMS norms for the mirrored architecture."""
    result: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.endswith(_HEAD_NORMS):
            result[name] = tensor
        elif name in {"embedding.weight", "position.weight"}:
            result[name] = torch.cat((tensor, -tensor), dim=1)
        elif name.endswith(_WRITERS):
            result[name] = torch.cat((tensor, -tensor), dim=0)
        else:  # readers, and norms over the stream
            result[name] = torch.cat((tensor, torch.zeros_like(tensor)), dim=-1)
            if tensor.ndim == 1:
                bias = name.removesuffix("weight") + "bias"
                result[bias] = torch.zeros_like(result[name])
    return result
