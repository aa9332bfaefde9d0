#!/usr/bin/env bash
# Build the CUDA kernels with nvcc and g++ alone, check them against float64 references, time them, and
# run the checks under compute-sanitizer where it is installed. Needs nvcc, g++, torch and a CUDA GPU; none
# for --build-only with ARCH.
#
#   benchmarks/gpu_kernels.sh [--build-only|--check-only]   PYTHON=python3 OUT=build/gpu_kernels ARCH=sm_90
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
out=${OUT:-build/gpu_kernels}
arch=${ARCH:-$("$python" -c "import torch; print('sm_%d%d' % torch.cuda.get_device_capability())")}
mkdir -p "$out"
levels=(ampere)
hopper=()
if [[ $arch == sm_90 ]]; then
  levels+=(hopper)
  hopper=(-DMASGA_HOPPER)
fi

torch=$("$python" -c "import importlib.util, pathlib; print(pathlib.Path(importlib.util.find_spec('torch').origin).parent)")
common=(-O3 -fPIC -fvisibility=hidden -Icuda_ext/include)
# 0x020a000000000000: the Stable ABI of torch 2.10.
bindings=(-std=c++20 -isystem "$torch/include" -DTORCH_TARGET_VERSION=0x020a000000000000)

echo "== building for $arch with $(nvcc --version | grep release)"
compile() { "$@" 2>> "$out/ptxas.log" || { cat "$out/ptxas.log" >&2; exit 1; }; }
: > "$out/ptxas.log"
cuda=(nvcc -std=c++17 -Xptxas=-v -O3 -Xcompiler=-fPIC,-fvisibility=hidden -Icuda_ext/include -c)
compile "${cuda[@]}" "-arch=$arch" "${hopper[@]}" cuda_ext/csrc/cuda_kernels.cu -o "$out/cuda_kernels.o"
objects=("$out/cuda_kernels.o" "$out/cuda_bindings.o")
if [[ $arch == sm_90 ]]; then
  compile "${cuda[@]}" -gencode=arch=compute_90a,code=sm_90a cuda_ext/csrc/cuda_hopper.cu -o "$out/cuda_hopper.o"
  objects+=("$out/cuda_hopper.o")
fi
g++ "${common[@]}" "${bindings[@]}" -c cuda_ext/csrc/cuda_bindings.cpp -o "$out/cuda_bindings.o"
nvcc -shared "${objects[@]}" -o "$out/masga_cuda.so" \
  -L"$torch/lib" -ltorch_cpu -ldl
"$python" benchmarks/kernels_gpu.py --resources "$out/ptxas.log"  # ends here if one spills
if [[ ${1:-} == --build-only ]]; then exit 0; fi

export MASGA_KERNEL_DIRECTORY=$out PYTHONPATH=.
failed=()
attempt() {  # one check that fails does not keep the others, or the times, from being seen
  echo "== $1"
  "${@:2}" || failed+=("$1")
}
for level in "${levels[@]}"; do
  MASGA_CUDA_LEVEL=$level attempt "checking, $level" "$python" benchmarks/kernels_gpu.py --check
done
if [[ ${1:-} != --check-only ]]; then
  for level in "${levels[@]}"; do
    MASGA_CUDA_LEVEL=$level attempt "timing attention statistics, $level" \
      "$python" benchmarks/kernels_gpu.py --time attention
  done
  attempt "timing attribution" "$python" benchmarks/kernels_gpu.py --time attribution
  attempt "timing taps" "$python" benchmarks/kernels_gpu.py --time taps
fi
if command -v compute-sanitizer > /dev/null; then  # last, since it takes longest
  # torch's own copies of partly filled buffers are no business of initcheck's: kernels of ours alone.
  export PYTORCH_NO_CUDA_MEMORY_CACHING=1
  sanitizer=(compute-sanitizer --error-exitcode 9 --kernel-regex kns=masga)
  for level in "${levels[@]}"; do
    for tool in memcheck racecheck initcheck; do
      MASGA_CUDA_LEVEL=$level attempt "compute-sanitizer $tool, $level" \
        "${sanitizer[@]}" --tool "$tool" "$python" benchmarks/kernels_gpu.py --check --small
    done
  done
else
  echo "compute-sanitizer: not installed"
fi
if (( ${#failed[@]} )); then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
