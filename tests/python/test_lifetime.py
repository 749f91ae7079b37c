"""Who outlives whom: closing, references, forks, the end of the interpreter."""

import datetime as dt
import gc
import sys

import numpy as np
import pytest

import engram
from conftest import SMALL, run_python, vectors

ONE = np.ones(4, np.float32)
NOW = dt.datetime.now(dt.timezone.utc)


def uses(store, snapshot=None):
    """Every call that works on the store."""
    batch = engram.WriteBatch()
    batch.insert(ONE)
    return [
        lambda: store.insert(ONE), lambda: store.insert_batch(vectors(2)),
        lambda: store.update(1, type=2), lambda: store.erase(1), lambda: store.write(batch),
        lambda: store.get(1), lambda: store.contains(1), lambda: 1 in store, lambda: store.ids(),
        lambda: store.patterns(), lambda: iter(store), lambda: len(store),
        lambda: store.snapshot(), lambda: store.search(ONE), lambda: store.search(vectors(2)),
        lambda: store.search_hits(ONE), lambda: store.flush(), lambda: store.wait_durable(1),
        lambda: store.checkpoint(), lambda: store.run_maintenance(0), lambda: store.stats(),
        lambda: store.analyze(), lambda: store.snapshot_at(1),
        lambda: store.create_named_snapshot("n"), lambda: store.open_named_snapshot("n"),
        lambda: store.drop_named_snapshot("n"), lambda: store.named_snapshots(),
        lambda: store.erase_matching(type=1), lambda: store.prune_before(NOW),
        lambda: store.erase_forever([1]), lambda: store.compact(),
        lambda: store.rebalance()]


def test_a_closed_store_raises_and_does_not_crash(store):
    store.insert(ONE)
    store.close()
    assert store.closed
    for use in uses(store):
        with pytest.raises(engram.ClosedError, match="the store is closed"):
            use()
    assert (store.dim, store.metric, store.m) == (4, "l2", 16) and "closed" in repr(store)
    store.close()
    with store:  # closes again, which does nothing
        pass


def test_every_method_is_among_those_that_were_tried():
    tried = {"insert", "insert_batch", "update", "erase", "write", "get", "contains", "ids", "patterns",
             "snapshot", "search", "search_hits", "flush", "wait_durable", "checkpoint",
             "run_maintenance", "stats", "analyze", "snapshot_at", "create_named_snapshot",
             "open_named_snapshot", "drop_named_snapshot", "named_snapshots", "erase_matching",
             "prune_before", "erase_forever", "compact", "rebalance", "close"}
    methods = {name for name in dir(engram.Store)
               if not name.startswith("_") and callable(getattr(engram.Store, name))}
    assert methods == tried


def test_a_with_closes_also_when_an_error_passes(path):
    with pytest.raises(ZeroDivisionError):
        with engram.create(path, dim=4, **SMALL) as store:
            kept = store.snapshot()
            1 / 0
    assert store.closed and kept.closed
    engram.open(path).close()


def test_closing_ends_snapshots_and_iterators(store):
    store.insert_batch(vectors(1000))
    snapshot, patterns = store.snapshot(), store.patterns()
    next(patterns)
    store.close()
    assert snapshot.closed and snapshot.lsn > 0
    with pytest.raises(engram.ClosedError):
        for _ in patterns:
            pass
    snapshot.close()


def test_a_closed_snapshot_raises(store):
    store.insert(ONE)
    with store.snapshot() as snapshot:
        pass
    snapshot.close()
    assert "closed" in repr(snapshot)
    for use in (lambda: store.get(1, snapshot=snapshot), lambda: store.contains(1, snapshot),
                lambda: store.ids(snapshot), lambda: store.patterns(snapshot=snapshot),
                lambda: store.search(ONE, snapshot=snapshot),
                lambda: store.search_hits(vectors(2), snapshot=snapshot),
                lambda: store.create_named_snapshot("n", snapshot)):
        with pytest.raises(engram.ClosedError, match="the snapshot is closed"):
            use()


def test_an_iterator_ends_with_a_given_snapshot(store):
    store.insert_batch(vectors(1000))
    snapshot = store.snapshot()
    patterns = store.patterns(snapshot=snapshot)
    next(patterns)
    snapshot.close()
    with pytest.raises(engram.ClosedError):
        list(patterns)


def test_the_last_reference_closes(path):
    store = engram.create(path, dim=4, **SMALL)
    store.insert(ONE)
    del store
    with engram.open(path) as store:
        assert len(store) == 1 and store.stats().replayed_commits == 0


def test_snapshots_and_iterators_keep_their_store(path):
    store = engram.create(path, dim=4, **SMALL)
    store.insert(ONE)
    snapshot, patterns = store.snapshot(), store.patterns()
    del store
    gc.collect()
    assert snapshot.store.search(ONE, snapshot=snapshot).ids.tolist() == [1]
    del snapshot
    with pytest.raises(engram.BusyError):
        engram.open(path)
    assert next(patterns).id == 1
    del patterns
    gc.collect()
    engram.open(path).close()


def test_an_iterator_left_on_its_way_lets_its_snapshot_go(store):
    store.insert_batch(vectors(300))
    patterns = store.patterns()
    next(patterns)
    assert store.stats().snapshots == 1
    del patterns
    assert store.stats().snapshots == 0
    assert sum(1 for _ in store.patterns()) == 300
    assert store.stats().snapshots == 0


def test_arrays_outlive_everything_they_came_from(path):
    with engram.create(path, dim=4, **SMALL) as store:
        result = store.insert_batch(vectors(100))
        vector, ids, found = store.get(1).vector, store.ids(), store.search(vectors(3), k=2)
        hit = store.search_hits(ONE, k=1, include_vector=True).hits[0].vector
        batch_ids = result.ids
    before = [a.copy() for a in (vector, ids, found.ids, found.distances, hit, batch_ids)]
    held = [vector[1:], ids[::2], found.ids.T, found.distances[0], hit, batch_ids]
    del store, result, found
    gc.collect()
    junk = [np.full(1000, 7, np.float32) for _ in range(100)]
    assert vector.tolist() == before[0].tolist() == vectors(1)[0].tolist()
    assert ids.tolist() == before[1].tolist() and hit.tolist() == before[4].tolist()
    assert held[2].T.tolist() == before[2].tolist() and batch_ids.tolist() == list(range(1, 101))
    assert len(junk) == 100


def test_what_comes_out_is_the_callers_own(store):
    store.insert(ONE, {"list": [1]})
    pattern = store.get(1)
    pattern.vector[:] = 5
    pattern.metadata["list"].append(2)
    assert pattern.vector.tolist() == [5] * 4 and pattern.metadata == {"list": [1, 2]}
    assert store.get(1).vector.tolist() == [1] * 4 and store.get(1).metadata == {"list": [1]}


def test_no_call_keeps_a_reference(store):
    row, rows, metadata = ONE.copy(), vectors(3), {"key": ["value"]}
    store.insert(row, metadata)
    snapshot = store.snapshot()

    def work():
        store.insert(row, metadata)
        store.insert_batch(rows, metadata=[metadata] * 3)
        store.search(row), store.search(rows), store.search_hits(rows, snapshot=snapshot)
        store.get(1, snapshot=snapshot), store.update(1, vector=row, metadata=metadata)
        for call in (lambda: store.insert(row[::2]), lambda: store.insert(row, {"x": object()}),
                     lambda: store.search(rows.T)):
            with pytest.raises((TypeError, ValueError)):
                call()

    work()
    watched = (row, rows, metadata, metadata["key"], snapshot, store)
    before = [sys.getrefcount(o) for o in watched]
    for _ in range(20):
        work()
    gc.collect()
    assert [sys.getrefcount(o) for o in watched] == before


def test_results_are_freed(store):
    store.insert_batch(vectors(10))
    base = store.get(1).vector.base  # the capsule that owns the memory
    assert sys.getrefcount(base) == 2
    found = store.search(vectors(2), k=3)
    ids = found.ids
    assert sys.getrefcount(ids) == 3  # the variable, the tuple, the argument
    del found
    assert sys.getrefcount(ids) == 2


def test_a_forked_child_leaves_the_store_to_its_parent(path):
    run_python("""
import os, sys, warnings
import numpy as np
import engram
row = np.ones(4, np.float32)
store = engram.create(sys.argv[1], dim=4, journal_bytes=1 << 18)
store.insert(row)
snapshot = store.snapshot()
child = os.fork()
if child == 0:
    for use in (lambda: store.insert(row), lambda: store.search(row), lambda: len(store),
                lambda: store.get(1, snapshot=snapshot), lambda: store.snapshot()):
        try:
            use()
            os._exit(3)
        except engram.NotSupportedError:
            pass
    snapshot.close()
    store.close()
    del store, snapshot
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
store.insert(row)
assert store.search(row, snapshot=snapshot).ids.tolist() == [1] and len(store) == 2
store.close()
with engram.open(sys.argv[1]) as again:
    assert len(again) == 2 and again.stats().replayed_commits == 0
""", path)


def test_a_store_left_open_is_closed_with_the_interpreter(path):
    out = run_python("""
import sys, threading
import numpy as np
import engram
row = np.ones(4, np.float32)
store = engram.create(sys.argv[1], dim=4, journal_bytes=1 << 18, log=print)
snapshot, patterns = store.snapshot(), store.patterns()
def work():
    while True:
        store.insert(row, durability="none")
        store.search(row)
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
while len(store) < 50:
    pass
sys.cycle = [store, snapshot]  # not even the modules let it go
sys.cycle.append(sys.cycle)
""", path)
    assert out == ""
    with engram.open(path) as store:
        assert len(store) >= 50 and store.stats().replayed_commits == 0
