#!/usr/bin/env bash
# Build the CUDA kernels with nvcc and g++ alone, check them against float64 references, time them, and
# run the checks under compute-sanitizer where it is installed. Needs a CUDA GPU, nvcc, g++ and torch.
#
#   benchmarks/gpu_kernels.sh [--check-only]        PYTHON=python3 OUT=build/gpu_kernels ARCH=native
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
out=${OUT:-build/gpu_kernels}
arch=${ARCH:-native}
mkdir -p "$out"

torch=$("$python" -c "import importlib.util, pathlib; print(pathlib.Path(importlib.util.find_spec('torch').origin).parent)")
common=(-O3 -fPIC -fvisibility=hidden -Icuda_ext/include)
# 0x020a000000000000: the Stable ABI of torch 2.10.
bindings=(-std=c++20 -isystem "$torch/include" -DTORCH_TARGET_VERSION=0x020a000000000000)

echo "== building for $arch with $(nvcc --version | grep release)"
nvcc -std=c++17 "-arch=$arch" -Xptxas=-v -O3 -Xcompiler=-fPIC,-fvisibility=hidden -Icuda_ext/include \
  -c cuda_ext/csrc/cuda_kernels.cu -o "$out/cuda_kernels.o" 2> "$out/ptxas.log"
g++ "${common[@]}" "${bindings[@]}" -c cuda_ext/csrc/cuda_bindings.cpp -o "$out/cuda_bindings.o"
nvcc -shared "$out/cuda_kernels.o" "$out/cuda_bindings.o" -o "$out/masga_cuda.so" \
  -L"$torch/lib" -ltorch_cpu -ldl
"$python" benchmarks/kernels_gpu.py --resources "$out/ptxas.log"

export MASGA_KERNEL_DIRECTORY=$out PYTHONPATH=.
echo "== checking"
"$python" benchmarks/kernels_gpu.py --check
if command -v compute-sanitizer > /dev/null; then
  for tool in memcheck racecheck initcheck; do
    echo "== compute-sanitizer $tool"
    # torch's own copies of partly filled buffers are no business of initcheck's: kernels of ours alone.
    PYTORCH_NO_CUDA_MEMORY_CACHING=1 compute-sanitizer --tool "$tool" --error-exitcode 9 \
      --kernel-regex kns=masga "$python" benchmarks/kernels_gpu.py --check --small
  done
else
  echo "compute-sanitizer: not installed"
fi
if [[ ${1:-} != --check-only ]]; then
  echo "== timing"
  "$python" benchmarks/kernels_gpu.py --time
fi
