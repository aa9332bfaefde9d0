"""Find and load the compiled kernels, once a process, and say what came of it.

The libraries lie in `lib/` beside this package, in the source tree or in the installed one;
`MASGA_KERNEL_DIRECTORY` names another folder. `MASGA_KERNELS=reference` runs the plain PyTorch
references although kernels are there. `MASGA_CPU_LEVEL` (baseline, avx2, avx512) and
`MASGA_CUDA_LEVEL` (ampere, hopper) lower the instruction set.
"""

from __future__ import annotations

import ctypes
import functools
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

BUILD_HINT = "Install a C++ compiler and run `pip install --no-build-isolation -e .` to build them."


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelLibrary:
    """One compiled library and whether it serves."""

    name: str
    """`cpu` or `cuda`."""
    loaded: bool
    path: Path | None
    """Where it was found; None if it was not."""
    reason: str
    """Why it does not serve; empty where it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelStatus:
    """What runs the operators in this process."""

    cpu: KernelLibrary
    cuda: KernelLibrary
    cpu_level: str
    """Instruction set of the CPU kernels: baseline, avx2, avx512, or reference."""
    cuda_level: str
    """That of the CUDA kernels on the current device: ampere, hopper, or reference."""


def status() -> KernelStatus:
    """Load the kernels if nothing has yet, and tell what serves and why."""
    return _load()


def ensure_loaded(device: torch.device) -> None:
    """Load the kernels; warn, once a device, if references stand in for them there.

    Args:
        device: where the caller's tensors are.
    """
    _warn_if_missing(device)


def library_path(name: str) -> Path | None:
    """Return where `masga_<name>.so` lies, or None."""
    import cuda_ext  # noqa: PLC0415 - its __path__ is known only once the package is imported

    asked = os.environ.get("MASGA_KERNEL_DIRECTORY")
    # An editable install has two homes: the source tree and the folder of the built library.
    folders = [Path(asked)] if asked else [Path(home) / "lib" for home in cuda_ext.__path__]
    return next((path for f in folders if (path := f / f"masga_{name}.so").is_file()), None)


@functools.cache
def _load() -> KernelStatus:
    import torch  # noqa: PLC0415 - `masga --help` must not wait for it

    cpu = _load_one("cpu", "")
    no_gpu = "" if torch.cuda.is_available() else "torch sees no CUDA device"
    cuda = _load_one("cuda", no_gpu)
    return KernelStatus(cpu=cpu, cuda=cuda, cpu_level=_level(cpu), cuda_level=_level(cuda))


def _level(library: KernelLibrary) -> str:
    """Return the instruction set that a library chose."""
    if not library.loaded:
        return "reference"
    function = getattr(ctypes.CDLL(str(library.path)), f"masga_{library.name}_level")
    function.restype = ctypes.c_char_p
    level: bytes = function()
    return level.decode()


def _load_one(name: str, not_wanted: str) -> KernelLibrary:
    import torch  # noqa: PLC0415

    path = library_path(name)
    reason = not_wanted
    if os.environ.get("MASGA_KERNELS") == "reference":
        reason = "MASGA_KERNELS=reference asks for the references"
    elif path is None:
        reason = f"masga_{name}.so was not built" + (f", and {not_wanted}" if not_wanted else "")
    elif not reason:
        try:
            torch.ops.load_library(path)
        except OSError as error:
            reason = f"{path} cannot be loaded: {error}"
    return KernelLibrary(name=name, loaded=not reason, path=path, reason=reason)


@functools.cache
def _warn_if_missing(device: torch.device) -> None:
    # Kept by device: to ask one for its type costs more than all else that a later call does.
    kernels = _load()
    library = {"cpu": kernels.cpu, "cuda": kernels.cuda}.get(device.type)
    if library is None or library.loaded or os.environ.get("MASGA_KERNELS") == "reference":
        return
    warnings.warn(
        f"Kernels for {device.type} do not serve ({library.reason}); plain PyTorch references do, "
        f"several times slower. {BUILD_HINT}",
        RuntimeWarning,
        stacklevel=2,
    )
