"""The adapter for ann-benchmarks (tools/bench/engram_ann_benchmarks.py), as its runner drives it."""

import numpy as np
import pytest

import engram_ann_benchmarks
from conftest import vectors


def truth(metric, rows, queries, k):
    if metric == "angular":
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    squares = (rows**2).sum(axis=1)
    return np.argsort(squares - 2 * queries @ rows.T, axis=1)[:, :k]


def recall(found, expected):
    return np.mean([len(set(f) & set(e)) / len(e) for f, e in zip(found, expected)])


@pytest.mark.parametrize("metric", ["euclidean", "angular"])
def test_the_adapter_reaches_a_recall(metric):
    rows, queries = vectors(3000, 16), vectors(100, 16, seed=2)
    expected = truth(metric, rows, queries, 10)
    algorithm = engram_ann_benchmarks.Engram(metric, {"M": 16, "efConstruction": 100})
    try:
        before = algorithm.get_memory_usage()
        algorithm.fit(rows.astype(np.float64))  # as some of its data sets come
        assert algorithm.get_memory_usage() > before > 0
        recalls = []
        for ef in (10, 200):
            algorithm.set_query_arguments(ef)
            single = [algorithm.query(query, 10) for query in queries]
            algorithm.batch_query(queries, 10)
            batch = algorithm.get_batch_results()
            assert np.array_equal(single, batch)
            recalls.append(recall(single, expected))
        assert 0.5 < recalls[0] < recalls[1] and recalls[1] > 0.99
        assert str(algorithm) == "Engram(M=16, efConstruction=100, ef=200)"
    finally:
        algorithm.done()


def test_other_distances_are_refused():
    with pytest.raises(ValueError, match="hamming"):
        engram_ann_benchmarks.Engram("hamming", {"M": 16, "efConstruction": 100})
