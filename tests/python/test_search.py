"""Searches: shapes and types of what comes out, against NumPy's own arithmetic."""

import datetime as dt

import numpy as np
import pytest

import engram
from conftest import SMALL, vectors


@pytest.fixture
def filled(store):
    store.insert_batch(vectors(50), metadata=[{"row": i} for i in range(50)]).raise_for_failures()
    return store


def distances_of(metric, rows, query):
    if metric == "l2":
        return ((rows - query) ** 2).sum(axis=1)
    if metric == "ip":
        return 1 - rows @ query
    return 1 - rows @ query / np.linalg.norm(rows, axis=1) / np.linalg.norm(query)


@pytest.mark.parametrize("metric", ["l2", "cosine", "ip"])
def test_distances_are_those_of_the_metric(path, metric):
    rows, queries = vectors(300, 17), vectors(4, 17, seed=2)
    with engram.create(path, dim=17, metric=metric, **SMALL) as store:
        store.insert_batch(rows).raise_for_failures()
        assert store.metric == metric and store.dim == 17 and store.m == 16
        ids, distances = store.search(queries, k=10, exact=True)
    for query, found, at in zip(queries, ids, distances):
        truth = distances_of(metric, rows, query)
        nearest = np.argsort(truth)[:10]
        assert found.tolist() == (nearest + 1).tolist()
        np.testing.assert_allclose(at, truth[nearest], rtol=1e-4, atol=1e-5)


def test_one_query_gets_arrays_of_one_axis(filled):
    found = filled.search(vectors(50)[7], k=3)
    ids, distances = found
    assert isinstance(found, tuple) and len(found) == 2
    assert ids is found.ids and distances is found.distances
    assert ids.shape == (3,) and ids.dtype == np.uint64 and ids.flags.c_contiguous
    assert distances.shape == (3,) and distances.dtype == np.float32
    assert ids[0] == 8 and distances[0] == 0 and (np.diff(distances) >= 0).all()
    assert ids.flags.writeable and ids.flags.owndata
    assert (found.partial, found.exhausted, found.exact, found.degraded) == (False, False, True, False)
    assert "ids=" in repr(found)


def test_many_queries_get_the_same_as_one_by_one(filled):
    queries = vectors(20, seed=3)
    ids, distances = filled.search(queries, k=5)
    assert ids.shape == distances.shape == (20, 5)
    for i, query in enumerate(queries):
        one = filled.search(query, k=5)
        assert one.ids.tolist() == ids[i].tolist() and one.distances.tolist() == distances[i].tolist()


def test_fewer_than_k_are_shown_as_such(store):
    store.insert_batch(vectors(3))
    ids, distances = store.search(vectors(1)[0], k=10)
    assert sorted(ids.tolist()) == [1, 2, 3] and distances.shape == (3,)
    ids, distances = store.search(vectors(2), k=10)
    assert ids.shape == (2, 10) and sorted(ids[0, :3].tolist()) == [1, 2, 3]
    assert (ids[:, 3:] == 0).all() and np.isinf(distances[:, 3:]).all()
    assert np.isfinite(distances[:, :3]).all()


def test_an_empty_store_says_so(store):
    for search in (store.search, store.search_hits):
        with pytest.raises(engram.EmptyIndexError):
            search(vectors(1)[0])
        with pytest.raises(engram.EmptyIndexError, match="query 0: "):
            search(vectors(2))


def test_hits_bring_what_was_asked_for(filled):
    rows = vectors(50)
    result = filled.search_hits(rows[4], k=2, include_vector=True, include_metadata=True)
    assert isinstance(result, engram.SearchResult) and len(result.hits) == 2
    hit = result.hits[0]
    assert (hit.id, hit.distance, hit.metadata) == (5, 0.0, {"row": 4})
    assert hit.vector.tolist() == rows[4].tolist() and hit.vector.dtype == np.float32
    assert (result.partial, result.exhausted, result.exact, result.degraded) == (
        False, False, True, False)
    assert result.lsn == filled.stats().last_lsn and result.compared == 50 and result.hops == 0
    plain = filled.search_hits(rows[4], k=1).hits[0]
    assert plain.vector is None and plain.metadata is None
    several = filled.search_hits(rows[:3], k=1)
    assert [r.hits[0].id for r in several] == [1, 2, 3]
    assert repr(plain) == "engram.Hit(id=5, distance=0.0, vector=None, metadata=None)"


@pytest.mark.parametrize("keywords, kind, message", [
    ({"k": 0}, engram.InvalidArgumentError, "k is 0, allowed is 1 to 1000000"),
    ({"k": -1}, engram.InvalidArgumentError, "k is -1, allowed is 0 to"),
    ({"k": 10**9}, engram.InvalidArgumentError, "k is 1000000000, allowed is 1 to 1000000"),
    ({"k": 2**70}, engram.InvalidArgumentError, "k is 1180591620717411303424, allowed is"),
    ({"k": 2.0}, TypeError, "k is a float, expected an int"),
    ({"k": None}, TypeError, "k is a NoneType, expected an int"),
    ({"k": 10, "ef": 5}, engram.InvalidArgumentError, "ef is 5, allowed is k, here 10"),
    ({"ef": "100"}, TypeError, "ef is a str, expected an int"),
    ({"exact": 1}, TypeError, "exact is a int, expected a bool"),
    ({"timeout": -1}, engram.InvalidArgumentError, "timeout is -1, expected seconds"),
    ({"timeout": float("nan")}, engram.InvalidArgumentError, "timeout is nan, expected seconds"),
    ({"timeout": 1e300}, engram.InvalidArgumentError,
     "timeout is 1e[+]300, too large: expected at most 9200000000000 seconds"),
    ({"timeout": "1"}, TypeError, "timeout is a str, expected seconds"),
    ({"snapshot": 3}, TypeError, "snapshot is a int, expected an engram.Snapshot"),
    ({"nothing": 3}, TypeError, "nothing"),
])
def test_bad_arguments_are_named(filled, keywords, kind, message):
    for query in (vectors(1)[0], vectors(2)):
        for search in (filled.search, filled.search_hits):
            with pytest.raises(kind, match=message):
                search(query, **keywords)


def test_a_walk_ends_where_it_is_told_to(path):
    rows = vectors(2000, 8)
    with engram.create(path, dim=8, **SMALL) as store:
        store.insert_batch(rows).raise_for_failures()
        walked = store.search(rows[:5], k=3)
        assert not walked.exact and (walked.ids[:, 0] == np.arange(1, 6)).all()
        assert store.search(rows[:5], k=3, exact=True).exact
        stopped = store.search(rows[:5], k=3, ef=200, max_compared=30)
        assert stopped.exhausted and not stopped.partial
        for timeout in (0, dt.timedelta(0)):
            with pytest.raises(engram.SearchTimeoutError) as caught:
                store.search(rows[0], timeout=timeout)
            assert isinstance(caught.value, TimeoutError)
            with pytest.raises(engram.SearchTimeoutError, match="query 0: "):
                store.search(rows[:2], timeout=timeout)
        assert store.search(rows[0], k=1, timeout=60).ids[0] == 1


def test_snapshots_see_what_was(filled):
    rows = vectors(50)
    with filled.snapshot() as before:
        assert before.lsn == filled.stats().last_lsn and before.store is filled
        filled.erase(8)
        filled.update(9, metadata={"new": True})
        added = filled.insert(rows[7] + 10)
        assert filled.search(rows[7], k=1, snapshot=before).ids[0] == 8
        assert filled.search(rows[7], k=1).ids[0] != 8
        assert filled.search_hits(rows[8], k=1, snapshot=before,
                                  include_metadata=True).hits[0].metadata == {"row": 8}
        assert filled.get(8, snapshot=before).vector.tolist() == rows[7].tolist()
        assert filled.get(9, snapshot=before).metadata == {"row": 8}
        assert filled.contains(8, before) and not filled.contains(8)
        assert not filled.contains(added, snapshot=before) and added in filled
        assert filled.ids(before).tolist() == list(range(1, 51))
        assert [p.id for p in filled.patterns(snapshot=before)] == list(range(1, 51))
        assert filled.stats().snapshots == 1
    assert filled.stats().snapshots == 0


def test_a_snapshot_of_another_store_is_refused(filled, tmp_path):
    with engram.create(tmp_path / "other", dim=4, **SMALL) as other, other.snapshot() as foreign:
        for call in (lambda: filled.search(vectors(1), snapshot=foreign),
                     lambda: filled.get(1, snapshot=foreign), lambda: filled.ids(foreign),
                     lambda: filled.contains(1, foreign),
                     lambda: filled.patterns(snapshot=foreign)):
            with pytest.raises(engram.InvalidArgumentError, match="of another store"):
                call()


def test_iterating_sees_one_state(filled):
    ids = filled.ids()
    assert ids.dtype == np.uint64 and ids.tolist() == list(filled) == list(range(1, 51))
    patterns = filled.patterns()
    seen = [next(patterns).id]
    filled.erase(2)
    filled.insert_batch(vectors(200))
    seen += [p.id for p in patterns]
    assert seen == list(range(1, 51))
    assert len(filled) == 249
    first = next(filled.patterns(include_vector=False, include_metadata=False))
    assert first.vector is None and first.metadata is None and first.id == 1


def test_analyze_tells_of_the_graph(path):
    with engram.create(path, dim=8, **SMALL) as store:
        store.insert_batch(vectors(1000, 8)).raise_for_failures()
        report = store.analyze(sample=50, k=5)
        assert report.count == 1000 and report.sampled == 50 and report.unreachable == 0
        assert 0.9 < report.recall <= 1 and report.levels[0].nodes == 1000
        assert report.out_degrees.sum() == 1000 and report.out_degrees.dtype == np.uint64
        assert report.recall_low <= report.recall <= report.recall_high
        assert len(report.hubs) == 10 and report.hubs[0].in_links == report.most_in_links
        assert 0.01 <= report.hub_share < 1 and report.hanging == report.in_degrees[:2].sum()
        assert report.levels[0].unreached == 0 and report.dead_share == 0 == report.free_slots
        space = report.space
        assert space.live_node_bytes + space.free_node_bytes < space.node_bytes
        assert space.page_file_bytes + space.journal_bytes + space.log_bytes + space.metadata_bytes == (
            report.bytes_on_disk)
        with pytest.raises(engram.InvalidArgumentError, match="sample is 1000000"):
            store.analyze(sample=10**6)


def test_analyze_counts_copies(path):
    with engram.create(path, dim=2, **SMALL) as store:
        store.insert_batch(np.array([[0, 1], [-0.0, 1], [1, 1], [2, 2], [1, 1], [1, 1]],
                                    np.float32)).raise_for_failures()
        report = store.analyze(sample=0)
        assert (report.duplicates, report.duplicated_vectors, report.largest_heap) == (3, 2, 3)
