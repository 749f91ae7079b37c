"""Writes, batches, options and upkeep."""

import datetime as dt

import numpy as np
import pytest

import engram
from conftest import SMALL, vectors

ONE = np.ones(4, np.float32)


def test_a_pattern_comes_back(store):
    pattern = store.get(store.insert(ONE, {"a": 1}, type=3))
    assert (pattern.id, pattern.metadata, pattern.type) == (1, {"a": 1}, 3)
    assert pattern.version == store.stats().last_lsn > 0
    assert pattern.vector.tolist() == ONE.tolist() and pattern.vector.dtype == np.float32
    assert repr(pattern).startswith("engram.Pattern(id=1, vector=array(")
    bare = store.get(1, include_vector=False, include_metadata=False)
    assert bare.vector is None and bare.metadata is None


def test_updates_replace_what_they_name(store):
    pattern = store.insert(ONE, {"a": 1}, type=3)
    store.update(pattern, type=4)
    assert store.get(pattern).metadata == {"a": 1} and store.get(pattern).type == 4
    store.update(pattern, metadata={})
    assert store.get(pattern).metadata == {} and store.get(pattern).type == 4
    store.update(pattern, vector=ONE * 2, timestamp=dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc))
    found = store.get(pattern)
    assert found.vector.tolist() == [2, 2, 2, 2] and found.timestamp.year == 2024
    assert found.version == store.stats().last_lsn


def test_an_erased_pattern_is_gone(store):
    pattern = store.insert(ONE)
    assert pattern in store and len(store) == 1
    store.erase(pattern)
    assert pattern not in store and len(store) == 0 and not store
    for call in (store.get, store.erase, lambda i: store.update(i, type=1)):
        with pytest.raises(engram.NotFoundError):
            call(pattern)


def test_ids_of_the_callers_own_ascend(store):
    assert store.insert(ONE, id=10) == 10
    for used in (10, 3):
        with pytest.raises(engram.AlreadyExistsError):
            store.insert(ONE, id=used)
    for wrong in (0, 2**62 + 1, 2**64):
        with pytest.raises(engram.InvalidArgumentError, match=f"id is {wrong}, allowed"):
            store.insert(ONE, id=wrong)
    assert store.insert(ONE, id=np.uint64(20)) == 20 and store.insert(ONE) == 21


def test_a_batch_stores_the_good_ones(store):
    store.insert(ONE, id=5)
    result = store.insert_batch(vectors(3), ids=[4, 6, 7])
    assert result.ids.tolist() == [0, 6, 7] and result.ids.dtype == np.uint64
    assert [f.position for f in result.failures] == [0]
    assert isinstance(result.failures[0].error, engram.AlreadyExistsError)
    assert result.lsn == store.stats().last_lsn
    with pytest.raises(engram.AlreadyExistsError):
        result.raise_for_failures()


def test_a_write_batch_is_all_or_nothing(store):
    first = store.insert(ONE)
    batch = engram.WriteBatch()
    batch.insert(ONE * 2, {"b": True}, type=2)
    batch.update(first, metadata={"new": 1})
    batch.insert(ONE * 3, id=100)
    assert len(batch) == 3
    done = store.write(batch)
    assert done.ids.tolist() == [2, 100] and done.lsn == store.stats().last_lsn
    assert store.get(first).metadata == {"new": 1} and store.get(2).type == 2
    batch.clear()
    batch.erase(first)
    batch.erase(999)
    with pytest.raises(engram.NotFoundError):
        store.write(batch)
    assert first in store
    with pytest.raises(engram.InvalidArgumentError, match="holds no operation"):
        store.write(engram.WriteBatch())
    with pytest.raises(TypeError):
        store.write([])


@pytest.mark.parametrize("durability", ["sync", "interval", "none"])
def test_each_write_takes_its_durability(store, durability):
    store.insert(ONE, durability=durability)
    store.insert_batch(vectors(2), durability=durability)
    store.update(1, type=1, durability=durability)
    store.erase(2, durability=durability)
    batch = engram.WriteBatch()
    batch.insert(ONE)
    done = store.write(batch, durability=durability)
    if durability == "sync":
        assert store.stats().durable_lsn == done.lsn
    store.wait_durable(done.lsn)
    assert store.stats().durable_lsn == done.lsn
    with pytest.raises(engram.InvalidArgumentError):
        store.wait_durable(done.lsn + 1)
    for call in (lambda d: store.insert(ONE, durability=d),
                 lambda d: store.insert_batch(vectors(1), durability=d),
                 lambda d: store.update(1, durability=d), lambda d: store.erase(1, durability=d),
                 lambda d: store.write(batch, durability=d)):
        with pytest.raises(engram.InvalidArgumentError, match="durability is 'never', allowed is 'sync'"):
            call("never")


def test_upkeep(store):
    store.insert(ONE, durability="none")
    store.flush()
    assert store.stats().durable_lsn == store.stats().last_lsn > 0
    assert store.stats().checkpoint_lsn < store.stats().last_lsn
    store.checkpoint()
    assert store.stats().checkpoint_lsn == store.stats().last_lsn
    store.run_maintenance(0.01)
    store.run_maintenance(dt.timedelta(milliseconds=10))
    stats = store.stats()
    assert (stats.count, stats.dim, stats.metric, stats.m, stats.next_id) == (1, 4, "l2", 16, 2)
    assert repr(stats).startswith("engram.Stats(count=1, dead=0, free_slots=")
    with pytest.raises(AttributeError):
        stats.count = 5


def test_options_reach_the_store(path):
    options = dict(
        ef=50, seed=7, indexed_fields=["a", "b"], journal_bytes=1 << 20, max_elements=3,
        keep_pruned=True, durability="interval", sync_interval=0.5, log_segment_bytes=1 << 20,
        checkpoint_log_bytes=1 << 20, dirty_page_bytes=1 << 20, checkpoint_interval=3600,
        residency="resident", handle_sigbus=False, memory_budget_bytes=1 << 30,
        metadata_buffer_bytes=1 << 20, scrub_bytes_per_second=0, audit_interval=7200,
        background_threads=0,
        search_threads=2, checkpoint_on_close=False, check_permissions=True, history=60,
        keep_history=True, max_snapshot_age=dt.timedelta(days=1), max_named_snapshots=1, max_age=1e9,
        max_age_by_type={3: 1, np.int8(4): dt.timedelta(1)}, sweep_interval=1,
        clock=lambda: dt.datetime.now(dt.timezone.utc),
        log=lambda level, text: None)
    with engram.create(path, 4, "ip", 8, 64, **options) as store:
        assert (store.dim, store.metric, store.m, store.path, store.read_only) == (4, "ip", 8, path, False)
        store.insert_batch(vectors(3)).raise_for_failures()
        with pytest.raises(engram.IndexFullError):
            store.insert(ONE)
        assert store.stats().journal_bytes == 1 << 20
        store.create_named_snapshot("one")
        with pytest.raises(engram.IndexFullError):
            store.create_named_snapshot("two")
        store.erase(1)
        assert store.stats().durable_lsn < store.stats().last_lsn  # durability
    with engram.open(path, dim=4, metric="ip", m=8, indexed_fields=["a", "b"],
                     sync_interval=dt.timedelta(seconds=1)) as store:
        assert store.stats().replayed_commits > 0  # checkpoint_on_close


@pytest.mark.parametrize("keywords, kind, message", [
    ({"dim": 0}, engram.InvalidArgumentError, ""),
    ({"dim": 20000}, engram.InvalidArgumentError, "dimensions is 20000"),
    ({"dim": "4"}, TypeError, "dim is a str, expected an int"),
    ({"metric": "euclid"}, engram.InvalidArgumentError,
     "metric is 'euclid', allowed is 'l2', 'cosine', 'ip'"),
    ({"metric": 1}, TypeError, "metric is a int, expected a str"),
    ({"m": 1}, engram.InvalidArgumentError, "m is 1, allowed is 2 to 128"),
    ({"ef": 2**40}, engram.InvalidArgumentError, "ef is 1099511627776, allowed is 0 to 4294967295"),
    ({"keep_pruned": "yes"}, TypeError, "keep_pruned is a str, expected a bool"),
    ({"durability": "often"}, engram.InvalidArgumentError, "durability is 'often'"),
    ({"sync_interval": 0}, engram.InvalidArgumentError, "sync_interval"),
    ({"indexed_fields": "name"}, TypeError, "indexed_fields is a str, expected a list of str"),
    ({"indexed_fields": ["a", "a"]}, engram.InvalidArgumentError, "twice"),
    ({"log": 3}, TypeError, "log is a int, expected a callable"),
    ({"residency": "disk"}, engram.InvalidArgumentError,
     "residency is 'disk', allowed is 'auto', 'resident', 'mapped'"),
    ({"max_age": -1}, engram.InvalidArgumentError, "max_age is -1, expected seconds"),
    ({"max_age": 1e12}, engram.InvalidArgumentError, "max_age, in microseconds, is"),
    ({"keep_history": 1}, TypeError, "keep_history is a int, expected a bool"),
    ({"history": "long"}, TypeError, "history is a str, expected seconds"),
    ({"history": 1e30}, engram.InvalidArgumentError,
     "history is 1e[+]30, too large: expected at most 9200000000000 seconds"),
    ({"max_snapshot_age": 1e10}, engram.InvalidArgumentError,
     "max_snapshot_age, in microseconds, is"),
    ({"max_named_snapshots": 65537}, engram.InvalidArgumentError, "max_named_snapshots is 65537"),
    ({"sweep_interval": 0}, engram.InvalidArgumentError, "sweep_interval"),
    ({"max_age_by_type": [1]}, TypeError, "max_age_by_type is a list, expected a dict"),
    ({"max_age_by_type": {"a": 1}}, TypeError, "a type in max_age_by_type is a str"),
    ({"max_age_by_type": {7: None}}, TypeError, r"max_age_by_type\[7\] is a NoneType"),
    ({"max_age_by_type": {7: 1e12}}, engram.InvalidArgumentError, r"max_age_by_type\[7\]"),
    ({"clock": 3}, TypeError, "clock is a int, expected a callable"),
    ({"colour": 3}, TypeError, "colour"),
])
def test_bad_options_are_named(path, keywords, kind, message):
    with pytest.raises(kind, match=message):
        engram.create(path, **{"dim": 4, **SMALL, **keywords})
    with pytest.raises(engram.NotFoundError):
        engram.open(path)


@pytest.mark.parametrize("residency", ["resident", "mapped"])
def test_a_store_is_held_as_it_was_asked_to_be(path, residency):
    rows = vectors(2000)
    with engram.create(path, dim=4, residency=residency, **SMALL) as store:
        store.insert_batch(rows).raise_for_failures()
        assert store.stats().residency == residency
    with engram.open(path, residency=residency) as store:
        assert store.stats().residency == residency
        assert store.search(rows[:50], k=1).ids.ravel().tolist() == list(range(1, 51))


def test_create_and_open_keep_to_their_words(path, tmp_path):
    with pytest.raises(engram.NotFoundError):
        engram.open(path)
    engram.create(path, dim=4, **SMALL).close()
    with pytest.raises(engram.AlreadyExistsError):
        engram.create(path, dim=4, **SMALL)
    with engram.open(tmp_path / "store") as store:
        assert store.ids().shape == (0,)
    with engram.open(path.encode()) as store:
        assert len(store) == 0
    with engram.open(path + "2", create_if_missing=True, dim=3) as store:
        assert store.dim == 3
    with pytest.raises(engram.DimensionMismatchError):
        engram.open(path, dim=5)
    with pytest.raises(engram.InvalidArgumentError):
        engram.open(path, metric="ip")
    with pytest.raises(TypeError):
        engram.open(3.5)


def test_a_store_for_reading_is_not_written(path, store):
    store.insert(ONE)
    store.close()
    with engram.open(path, read_only=True) as one, engram.open(path, True) as two:
        assert one.read_only and one.search(ONE).ids.tolist() == two.search(ONE).ids.tolist() == [1]
        with pytest.raises(engram.ReadOnlyError):
            one.insert(ONE)
        with pytest.raises(engram.ReadOnlyError):
            one.insert_batch(vectors(1))
