#!/usr/bin/env python3
"""Searches of batches from Python against the same from C++, on one store, in one process.

The other side is the library's own SearchBatch(), called by ctypes through the C API without making
arrays of what it found: what is left is the price of the Python module. Rounds alternate; the ratio is
the median of the rounds' own.

usage: PYTHONPATH=build/release/python python_bench.py [--base FILE.bvecs --query FILE.bvecs]
           [--rows 100000] [--queries 10000] [--k 10] [--ef 100] [--rounds 7] [--json FILE]
Without files, random vectors of 128 dimensions.
"""

import argparse
import ctypes
import json
import pathlib
import statistics
import tempfile
import time

import numpy as np

import engram


def read_vectors(name, limit):
    """TEXMEX files: each row is its dimensions (int32) and its components."""
    raw = np.fromfile(name, np.uint8)
    dim = int(raw[:4].view(np.int32)[0])
    size = 4 + dim * (1 if name.endswith(".bvecs") else 4)
    rows = raw.reshape(-1, size)[:limit, 4:]
    return np.ascontiguousarray(
        rows if name.endswith(".bvecs") else np.ascontiguousarray(rows).view(np.float32), np.float32)


class Native:
    """The store by the C API of the very library that the module is linked with."""

    def __init__(self, path):
        maps = pathlib.Path("/proc/self/maps").read_text().splitlines()
        library = next(line.split()[-1] for line in maps if "libengram.so" in line)
        self.library = ctypes.CDLL(library)
        for name in ("engram_options_create", "engram_search_options_create"):
            getattr(self.library, name).restype = ctypes.c_void_p
        options = ctypes.c_void_p(self.library.engram_options_create())
        self.store = ctypes.c_void_p()
        code = self.library.engram_store_open_read_only(
            path.encode(), options, ctypes.byref(self.store), None)
        assert code == 0, code
        self.library.engram_options_free(options)
        self.options = ctypes.c_void_p(self.library.engram_search_options_create())

    def search(self, queries, k, ef):
        self.library.engram_search_options_set_k(self.options, ctypes.c_size_t(k))
        self.library.engram_search_options_set_ef(self.options, ctypes.c_size_t(ef))
        found = ctypes.c_void_p()
        code = self.library.engram_store_search_batch(
            self.store, ctypes.c_void_p(queries.ctypes.data), ctypes.c_size_t(len(queries)),
            ctypes.c_size_t(queries.shape[1]), self.options, ctypes.byref(found), None)
        assert code == 0, code
        self.library.engram_search_batch_free(found)

    def close(self):
        self.library.engram_search_options_free(self.options)
        self.library.engram_store_free(self.store)


def rate(search, count):
    started = time.perf_counter()
    search()
    return count / (time.perf_counter() - started)


def measure(arguments, path, queries):
    rounds = []
    native = Native(path)
    with engram.open(path, read_only=True) as store:
        sides = {
            "cpp": lambda: native.search(queries, arguments.k, arguments.ef),
            "python": lambda: store.search(queries, arguments.k, arguments.ef)}
        for search in sides.values():
            search()
        for i in range(arguments.rounds):
            order = list(sides) if i % 2 == 0 else list(reversed(sides))
            rounds.append({name: rate(sides[name], len(queries)) for name in order})
        single = statistics.median(
            rate(lambda: store.search(q, arguments.k, arguments.ef), 1) for q in queries[:2000])
    native.close()
    return {
        "cpp_queries_a_second": statistics.median(r["cpp"] for r in rounds),
        "python_queries_a_second": statistics.median(r["python"] for r in rounds),
        "ratio": statistics.median(r["python"] / r["cpp"] for r in rounds),
        "lowest_ratio": min(r["python"] / r["cpp"] for r in rounds),
        "python_one_by_one": single}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--base")
    parser.add_argument("--query")
    parser.add_argument("--json")
    for name, value in (("rows", 100_000), ("queries", 10_000), ("k", 10), ("ef", 100), ("rounds", 7)):
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    random = np.random.default_rng(1)
    base, queries = (
        read_vectors(name, count) if name else random.standard_normal((count, 128), np.float32)
        for name, count in ((arguments.base, arguments.rows), (arguments.query, arguments.queries)))
    with tempfile.TemporaryDirectory(prefix="engram-python-bench-") as directory:
        path = f"{directory}/store"
        with engram.create(path, base.shape[1], durability="none") as store:
            started = time.perf_counter()
            store.insert_batch(base).raise_for_failures()
            inserted = len(base) / (time.perf_counter() - started)
        figures = {"rows": len(base), "queries": len(queries), "dim": base.shape[1],
                   "inserts_a_second": inserted, **measure(arguments, path, queries)}
    for name, value in figures.items():
        print(f"{name:26} {value:,.3f}" if value < 10 else f"{name:26} {value:,.0f}")
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
