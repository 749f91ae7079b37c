#!/usr/bin/env bash
# Installs the Debian packages that are missing; asks apt for nothing where none is. Uses sudo when not root.
# usage: tools/install-deps.sh [build | quickstart | all]
#   build       what compiles the library, the engram program and the Python module
#   quickstart  also manual pages, for the quickstart to read
#   all         what compiles everything, tests and benchmarks too (default)
set -euo pipefail

# dpkg-dev and file find out what a Debian package depends on.
build=(
  build-essential cmake ninja-build pkg-config dpkg-dev file
  librocksdb-dev liburing-dev libflatbuffers-dev flatbuffers-compiler libxxhash-dev libxsimd-dev
  libcli11-dev nlohmann-json3-dev zlib1g-dev
  pybind11-dev python3-dev python3-numpy
)
# The cross compiler and the emulator run the NEON kernels where there are none; doxygen makes the API reference.
tests=(
  libgtest-dev libgmock-dev clang libclang-rt-14-dev python3 python3-pytest doxygen
  g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
)
# hnswlib and FAISS are what the benchmarks compare with, gnuplot draws that; nothing else needs them. FAISS is
# linked with any BLAS; its HNSW indexes never call it.
benchmarks=(
  libbenchmark-dev libhnswlib-dev libfaiss-dev libblas-dev liblapack-dev gnuplot-nox
)

case "${1:-all}" in
  build) wanted=("${build[@]}") ;;
  quickstart) wanted=("${build[@]}" manpages manpages-dev) ;;
  all) wanted=("${build[@]}" "${tests[@]}" "${benchmarks[@]}") ;;
  *) echo "usage: tools/install-deps.sh [build | quickstart | all]" >&2; exit 2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "install-deps: not root and no sudo; missing packages: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi

echo "installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# env: sudo would drop the variable.
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y)
if ! { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 30 "$log" >&2
  exit 1
fi
