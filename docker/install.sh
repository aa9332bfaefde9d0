#!/bin/sh
# Installs MASGA from a source tree into a virtual environment, on a bare Debian 12 or Ubuntu 24.04.
# Both Dockerfiles run it; it can be tried by itself in any clean root:  docker/install.sh SOURCE VENV
#
#   MASGA_EXTRAS            optional dependencies to install (default: cluster,server)
#   CUDA_EXT_CUDA           OFF: no CUDA kernels are looked for
#   CUDA_EXT_REQUIRE_CUDA   ON: fail without the CUDA kernels. nvcc comes as wheels, of the CUDA
#                           that torch brings, and goes again; CUDACXX=... names another one
set -eu
source=$1
venv=$2

export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install --yes --no-install-recommends ca-certificates g++ make python3 python3-dev python3-venv
rm -rf /var/lib/apt/lists/*

python3 -m venv "$venv"
export PIP_CONSTRAINT="$source/constraints.txt" PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# torch first and by itself: the extension is built against it, without build isolation
"$venv/bin/pip" install torch
"$venv/bin/pip" install 'scikit-build-core>=0.12' cmake ninja
tools="cmake ninja scikit-build-core"
if [ "${CUDA_EXT_REQUIRE_CUDA:-OFF}" = ON ] && [ -z "${CUDACXX:-}" ]; then
  # torch pins cuda-toolkit: these are its compiler and headers, in one tree with its libraries
  "$venv/bin/pip" install 'cuda-toolkit[cccl,crt,nvcc,nvvm]'
  tools="$tools nvidia-cuda-cccl nvidia-cuda-crt nvidia-cuda-nvcc nvidia-nvvm"
  CUDACXX=$(find "$venv" -path '*/nvidia/cu*/bin/nvcc')
  export CUDACXX
  lib64=${CUDACXX%/bin/nvcc}/lib64 # where nvcc looks for its libraries; wheels have lib
  ln -s lib "$lib64"
fi
"$venv/bin/pip" install --no-build-isolation "$source[${MASGA_EXTRAS:-cluster,server}]"
# shellcheck disable=SC2086 # a list of words
"$venv/bin/pip" uninstall --yes $tools
rm -f "${lib64:-}"

# What was built is what was asked for, or the build ends here.
"$venv/bin/python" - <<'PYTHON'
import os
import cuda_ext
from cuda_ext.loading import library_path

assert cuda_ext.status().cpu.loaded, cuda_ext.status().cpu.reason
if os.environ.get("CUDA_EXT_REQUIRE_CUDA") == "ON":
    path = library_path("cuda")
    assert path is not None and path.is_file(), "the CUDA kernels were not built"
PYTHON
"$venv/bin/masga" --version
