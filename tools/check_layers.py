#!/usr/bin/env python3
"""Proves that includes point down only, and that each third-party library has one home.

usage: check_layers.py [ROOT]    exit 0: clean; 1: a line for each offence.
"""
import pathlib
import re
import sys

# Folder -> (floor, folders it may name besides its own). The longest matching prefix counts.
MAY_NAME = {
    "api/include/engram": set(),
    "storage/base": {"api/include/engram"},
    "storage": {"storage/base", "api/include/engram"},
    "wal": {"storage/base", "api/include/engram"},
    "index": {"storage", "storage/base", "api/include/engram"},
    "engine": {"index", "wal", "storage", "storage/base", "api/include/engram"},
    "api/src": {"engine", "storage/base", "api/include/engram"},
    "api/c": {"api/include/engram"},  # a binding: sees what every program sees
    "api/python": {"api/include/engram"},  # the same
    "tools": {"engine", "storage", "storage/base", "wal", "api/include/engram"},
}
# Headers with a suffix that are of the standard library, of C. Only the header for C needs them.
C_HEADERS = {"stdbool.h", "stddef.h", "stdint.h"}
C_API = "api/include/engram/c.h"
# Header prefix -> files that may include it.
HOMES = {
    r"rocksdb/": [r"storage/meta_.*", r"storage/rocksdb_.*"],
    r"flatbuffers/|.*_generated\.h": [r".*_codec\.(cc|h)"],
    r"liburing": [r"storage/base/uring.*"],
    r"xsimd/": [r"index/distance_.*"],
    r"xxhash": [r"storage/base/checksum\.cc"],
    r"pybind11/": [r"api/python/.*"],
    r"CLI/": [r"tools/engram/.*"],
    r"nlohmann/": [r"tools/.*"],
    r"gtest/|gmock/": [r"tests/.*"],
    r"benchmark/": [r"tools/bench/.*"],
    r"hnswlib/": [r"tools/bench/peers/hnswlib_peer\.cc"],
    r"faiss/|omp\.h": [r"tools/bench/peers/faiss_peer\.cc"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def folder_of(path):
    parts = [f for f in MAY_NAME if path == f or path.startswith(f + "/")]
    return max(parts, key=len) if parts else None


def check(root):
    offences = []
    for file in sorted(root.rglob("*")):
        if file.suffix not in (".h", ".c", ".cc", ".inc"):
            continue
        name = file.relative_to(root).as_posix()
        if name.startswith("build/") or name.startswith("."):
            continue
        home = folder_of(name)
        for number, line in enumerate(file.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            target = match.group(2)
            where = f"{name}:{number}"
            for header, allowed in HOMES.items():
                if re.match(header, target) and not any(re.fullmatch(a, name) for a in allowed):
                    offences.append(f"{where}: {target} may be included only by {', '.join(allowed)}")
            if home is None:
                continue  # tests may include everything
            inner = "api/include/" + target if target.startswith("engram/") else target
            floor = folder_of(inner)
            if name == C_API and target in C_HEADERS:
                continue
            if name == C_API or (inner == C_API and home == "api/include/engram"):
                offences.append(f"{where}: {C_API} stands alone ({target})")
                continue
            if floor is None:
                if home == "api/include/engram" and match.group(1) == '"':
                    offences.append(f"{where}: a public header includes {target}")
                if home == "api/include/engram" and ("/" in target or target.endswith(".h")):
                    offences.append(f"{where}: a public header includes {target}, which is not of the standard library")
                continue
            if floor != home and floor not in MAY_NAME[home]:
                offences.append(f"{where}: {home} may not name {floor} ({target})")
    return offences


if __name__ == "__main__":
    found = check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "."))
    print("\n".join(found) if found else "layers: clean")
    sys.exit(1 if found else 0)
