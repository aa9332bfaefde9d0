"""Kernels are found, or references stand in and say so once."""

import ctypes
import os
import subprocess
import sys

import pytest

import cuda_ext
from cuda_ext import loading

USE_TWICE = """
import sys, cuda_ext
assert "torch" not in sys.modules, "importing cuda_ext must load nothing"
import torch
from cuda_ext.ops import grouped_attribution
assert "torch._dynamo" not in sys.modules, "only torch.compile needs the compiler"
x = torch.ones(1, 2, 4)
for _ in range(2):
    assert grouped_attribution(x, x, 2).signed.tolist() == [[4.0, 4.0]]
print(cuda_ext.status().cpu_level)
"""


def run(code, **environment):
    result = subprocess.run(
        [sys.executable, "-W", "always", "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result


def fresh_status():
    """What a new process would find; nothing is kept."""
    return loading._load.__wrapped__()


def test_without_libraries_references_serve_with_one_warning(tmp_path):
    result = run(USE_TWICE, MASGA_KERNEL_DIRECTORY=str(tmp_path))
    assert result.stdout.strip() == "reference"
    assert result.stderr.count("RuntimeWarning: Kernels for cpu do not serve") == 1
    assert "masga_cpu.so was not built" in result.stderr
    assert "pip install" in result.stderr


def test_the_instruction_set_can_be_lowered():
    if not cuda_ext.status().cpu.loaded:
        pytest.skip("no compiled library")
    result = run(USE_TWICE, MASGA_CPU_LEVEL="baseline")
    assert result.stdout.strip() == "baseline"
    assert "RuntimeWarning" not in result.stderr


def test_a_broken_library_is_reported_not_raised(tmp_path, monkeypatch):
    (tmp_path / "masga_cpu.so").write_bytes(b"not a library")
    monkeypatch.setenv("MASGA_KERNEL_DIRECTORY", str(tmp_path))
    status = fresh_status()
    assert status.cpu_level == "reference"
    assert not status.cpu.loaded
    assert "cannot be loaded" in status.cpu.reason


def test_references_can_be_asked_for(monkeypatch):
    monkeypatch.setenv("MASGA_KERNELS", "reference")
    status = fresh_status()
    assert status.cpu_level == "reference"
    assert status.cpu.reason == "MASGA_KERNELS=reference asks for the references"


def test_no_gpu_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    (tmp_path / "masga_cuda.so").touch()
    monkeypatch.setenv("MASGA_KERNEL_DIRECTORY", str(tmp_path))
    assert fresh_status().cuda.reason == "torch sees no CUDA device"


def test_status_of_this_process():
    status = cuda_ext.status()
    assert status is cuda_ext.status()
    if not status.cpu.loaded:
        pytest.skip(f"no compiled library: {status.cpu.reason}")
    assert status.cpu.path == loading.library_path("cpu")
    assert status.cpu_level in ("baseline", "avx2", "avx512")


def test_the_cuda_library_is_whole_and_chooses_its_level():
    """Every symbol is found and the machine code of Hopper is in it: no GPU is needed to see that."""
    import torch  # noqa: F401 - what the library is linked to

    path = loading.library_path("cuda")
    if path is None:
        pytest.skip("no compiled CUDA library")
    level = ctypes.CDLL(str(path), mode=os.RTLD_NOW).masga_cuda_level
    level.restype = ctypes.c_char_p
    assert level() in (b"ampere", b"hopper")
    assert b"attention_hopper_kernel" in path.read_bytes()
