#!/usr/bin/env bash
# Makes crates/engine/src/gpu/kernels/kernels.ptx anew. Needs neither a GPU nor a toolkit:
# NVRTC and ptxas come from PyPI (84 MB). CUDA 12.2's, so that drivers from 535 on can read it.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m pip install --quiet --no-deps --target "$tools" \
  nvidia-cuda-nvrtc-cu12==12.2.140 nvidia-cuda-nvcc-cu12==12.2.140
python3 scripts/gpu_kernels.py "$tools"
