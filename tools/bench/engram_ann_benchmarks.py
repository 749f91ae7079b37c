"""Engram for ann-benchmarks (https://github.com/erikbern/ann-benchmarks).

There: copy this file to ann_benchmarks/algorithms/engram/module.py, with a config.yml whose entry
names `constructor: Engram`, `base_args: ["@metric"]`, `arg_groups: [{M: 16, efConstruction: 200}]` and
`query_args: [[10, 20, 40, 80, 160, 320]]`, and an image that has python3-engram installed. The class has
the methods of its BaseANN and needs nothing else of it.
"""

import tempfile

import numpy as np

import engram

_METRICS = {"euclidean": "l2", "angular": "cosine"}


class Engram:
    def __init__(self, metric, method_param):
        if metric not in _METRICS:
            raise ValueError(f"metric is {metric}, allowed is euclidean, angular")
        self._metric = _METRICS[metric]
        self._m = method_param["M"]
        self._ef_construction = method_param["efConstruction"]
        self._ef = None
        self._directory = None
        self._store = None
        self._batch = None

    @property
    def name(self):
        return str(self)

    def __str__(self):
        ef = "" if self._ef is None else f", ef={self._ef}"
        return f"Engram(M={self._m}, efConstruction={self._ef_construction}{ef})"

    def fit(self, X):  # noqa: N803: its name there
        """Rows become patterns with the ids 1, 2, ...: row i is i + 1."""
        self._directory = tempfile.TemporaryDirectory(prefix="engram-ann-")
        self._store = engram.create(
            f"{self._directory.name}/store", X.shape[1], self._metric, self._m,
            self._ef_construction, durability="none")
        self._store.insert_batch(np.ascontiguousarray(X, np.float32)).raise_for_failures()
        self._store.checkpoint()

    def set_query_arguments(self, ef):
        self._ef = ef

    def query(self, v, n):
        query = np.ascontiguousarray(v, np.float32)
        return self._rows(self._store.search(query, n, max(self._ef, n)).ids)

    def batch_query(self, X, n):  # noqa: N803
        queries = np.ascontiguousarray(X, np.float32)
        self._batch = self._store.search(queries, n, max(self._ef, n)).ids

    def get_batch_results(self):
        return self._rows(self._batch)

    @staticmethod
    def _rows(ids):
        return ids.astype(np.int64) - 1  # places without a hit become -1

    def get_memory_usage(self):
        """KiB of this process; the runner takes the difference."""
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * 4096 / 1024

    def done(self):
        if self._store is not None:
            self._store.close()
            self._directory.cleanup()
            self._store = None
