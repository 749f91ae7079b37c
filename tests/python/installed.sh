#!/usr/bin/env bash
# Uses the Python module from an installed tree that was moved: import, insert, search.
# usage: installed.sh PYTHON PREFIX PYTHON_DIR VERSION WORK
set -euo pipefail
python=$1 prefix=$2 python_dir=$3 version=$4 work=$5

rm -rf "$work"
mkdir -p "$work"
cp -a "$prefix" "$work/moved"
cd "$work"
env -u LD_LIBRARY_PATH PYTHONPATH="$work/moved/$python_dir" "$python" - "$version" "$work" <<'EOF'
import sys

import engram
import numpy as np

version, work = sys.argv[1:]
assert engram.__version__ == version, engram.__version__
assert engram.__file__.startswith(f"{work}/moved/"), engram.__file__
libraries = {line.split()[-1] for line in open("/proc/self/maps") if "libengram.so" in line}
assert all(name.startswith(f"{work}/moved/") for name in libraries) and libraries, libraries
vectors = np.eye(4, dtype=np.float32)
with engram.create(f"{work}/store", dim=4) as store:
    store.insert_batch(vectors).raise_for_failures()
with engram.open(f"{work}/store", read_only=True) as store:
    ids, distances = store.search(vectors, k=1)
    assert ids.tolist() == [[1], [2], [3], [4]] and not distances.any(), (ids, distances)
EOF
