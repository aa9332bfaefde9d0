"""Declare an operator of namespace `masga` to torch: schema, fake, reference as default kernel.

Compiled libraries add kernels for their device on top; whatever has none runs the reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from cuda_ext.loading import ensure_loaded

if TYPE_CHECKING:
    from collections.abc import Callable

_LIBRARY = torch.library.Library("masga", "DEF")

# Under torch.compile the kernels are loaded while tracing, and the call leaves no trace: what
# `torch.compiler.assume_constant_result` says, too, which imports the compiler first (2 seconds).
prepare: Callable[[torch.device], None] = ensure_loaded
prepare._dynamo_marked_constant = True  # type: ignore[attr-defined]  # noqa: SLF001


def declare(schema: str, *, fake: Callable[..., Any], reference: Callable[..., Any]) -> None:
    """Declare `masga::<schema>`.

    Args:
        schema: In torch's function schema language, name first.
        fake: Shapes and dtypes of the outputs, from tensors without data.
        reference: The plain PyTorch kernel for every device.
    """
    name = schema[: schema.index("(")]
    _LIBRARY.define(schema, tags=(torch.Tag.pt2_compliant_tag,))
    _LIBRARY.impl(name, reference, "CompositeExplicitAutograd")
    torch.library.register_fake(f"masga::{name}", fake, lib=_LIBRARY)
