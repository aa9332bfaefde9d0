"""The CUDA kernels' own source run on the host, tensor-core layouts included, so that no GPU is needed.

Timing, memory traffic and races between real threads it cannot show: benchmarks/gpu_kernels.sh does.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

import cuda_ext

HERE = Path(__file__).parent / "cuda_on_host"


def test_cuda_kernels_equal_plain_loops(tmp_path):
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("no nvcc, which knows where CUDA's headers are")
    program = tmp_path / "program"
    built = subprocess.run(
        [
            nvcc, "-x", "c++", "-std=c++17", "-O1", "-Xcompiler=-w", f"-I{HERE}",
            f"-I{Path(cuda_ext.__file__).parent / 'include'}", HERE / "program.cpp", "-o", program,
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    result = subprocess.run([program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
