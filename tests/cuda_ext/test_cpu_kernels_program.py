"""The torch-free kernels run by themselves under AddressSanitizer and UBSan, every instruction set."""

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

import cuda_ext

HERE = Path(__file__).parent
SOURCES = Path(cuda_ext.__file__).parent
LEVELS = {"baseline": []}
if platform.machine() == "x86_64":
    avx2 = ["-mavx2", "-mfma", "-mf16c"]
    LEVELS["avx2"] = avx2
    LEVELS["avx512"] = [*avx2, "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq"]


def test_kernels_are_right_and_touch_only_their_memory(tmp_path):
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    # Array indices of vectors are in registers; -O1 keeps the checks and the test short.
    flags = [
        "-std=c++20", "-O1", "-g0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
        "-w", f"-I{SOURCES / 'include'}",
    ]  # fmt: skip
    units = [(HERE / "kernels_program.cpp", "program", [])]
    units += [
        (SOURCES / "csrc" / "cpu_kernels.cpp", level, [*options, f"-DMASGA_ISA={level}"])
        for level, options in LEVELS.items()
    ]
    for source, name, options in units:
        built = subprocess.run(
            [compiler, *flags, *options, "-c", source, "-o", tmp_path / f"{name}.o"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert built.returncode == 0, built.stderr
    program = tmp_path / "program"
    linked = subprocess.run(
        [compiler, *flags, *(tmp_path / f"{name}.o" for _, name, _ in units), "-o", program],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if linked.returncode != 0:
        pytest.skip(f"sanitizers cannot be linked here: {linked.stderr.splitlines()[-1]}")
    result = subprocess.run([program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "baseline done" in result.stdout
