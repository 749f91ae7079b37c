"""Snapshots of the past and with a name."""

import datetime as dt

import numpy as np
import pytest

import engram
from conftest import SMALL, Clock, vectors

ONE = np.ones(4, np.float32)


def test_the_past_is_read_by_commit_and_by_time(path):
    clock = Clock()
    with engram.create(path, dim=4, history=3600, clock=clock, **SMALL) as store:
        start, first = clock.now, store.insert(ONE)
        lsn = store.stats().last_lsn
        clock.wait(10)
        store.erase(first)
        second = store.insert(ONE)
        for when in (lsn, np.int64(lsn), start, start + dt.timedelta(seconds=9),
                     start.astimezone(dt.timezone(dt.timedelta(hours=5)))):
            with store.snapshot_at(when) as then:
                assert then.lsn == lsn and then.store is store
                assert store.ids(then).tolist() == [first]
                assert store.search(ONE, snapshot=then).ids.tolist() == [first]
        assert store.ids().tolist() == [second]
        for early in (clock.now + dt.timedelta(microseconds=1), 1000):
            with pytest.raises(engram.InvalidArgumentError):
                store.snapshot_at(early)
        for late in (start - dt.timedelta(days=1), dt.datetime.min.replace(tzinfo=dt.timezone.utc)):
            with pytest.raises(engram.SnapshotExpiredError, match="not kept"):
                store.snapshot_at(late)
        for wrong, kind, message in [
                ("now", TypeError, "when is a str, expected an int or a datetime.datetime"),
                (True, TypeError, "when is a bool, expected an int"), (False, TypeError, "when is a bool"),
                (None, TypeError, "when is a NoneType"), (-1, engram.InvalidArgumentError, "when is -1"),
                (dt.datetime(2024, 1, 1), engram.InvalidArgumentError, "without a time zone")]:
            with pytest.raises(kind, match=message):
                store.snapshot_at(wrong)
        assert store.stats().snapshots == 0


def test_a_name_keeps_a_state_over_closing(path):
    clock = Clock()
    with engram.create(path, dim=4, clock=clock, **SMALL) as store:
        pattern = store.insert(ONE)
        with store.snapshot() as before:
            store.erase(pattern)
            clock.wait(5)
            named = store.create_named_snapshot("vorher \u00fc", before, durability="sync")
        assert (named.name, named.lsn, named.taken_at) == ("vorher \u00fc", before.lsn, clock.now)
        assert store.create_named_snapshot("after").lsn > named.lsn
        assert [n.name for n in store.named_snapshots()] == ["after", "vorher \u00fc"]
        with pytest.raises(engram.AlreadyExistsError):
            store.create_named_snapshot("after")
        for wrong in ("", "x" * 256):
            with pytest.raises(engram.InvalidArgumentError, match="bytes, allowed is 1 to 255"):
                store.create_named_snapshot(wrong)
    clock.wait(60)
    with engram.open(path, clock=clock) as store:
        stats = store.stats()
        assert stats.named_snapshots == 2
        assert stats.oldest_named_snapshot_age == dt.timedelta(seconds=60)
        snapshot = store.open_named_snapshot("vorher \u00fc")
        assert store.get(pattern, snapshot=snapshot).vector.tolist() == ONE.tolist()
        assert pattern not in store and pattern not in store.ids(store.open_named_snapshot("after"))
        store.drop_named_snapshot("vorher \u00fc")
        assert store.contains(pattern, snapshot)  # until it is closed
        for call in (store.open_named_snapshot, store.drop_named_snapshot):
            with pytest.raises(engram.NotFoundError):
                call("vorher \u00fc")
            with pytest.raises(TypeError, match="name is a bytes, expected a str"):
                call(b"after")
        assert repr(store.named_snapshots()[0]).startswith("engram.NamedSnapshot(name='after', lsn=")
    assert snapshot.closed  # with its store


def test_names_that_are_no_text_come_back(store):
    name = "\udcff\x00"  # a byte that is not UTF-8, as os.fsdecode() shows it, and a zero
    store.create_named_snapshot(name)
    assert [n.name for n in store.named_snapshots()] == [name]
    store.open_named_snapshot(name).close()
    store.drop_named_snapshot(name)
    assert store.named_snapshots() == []


def test_an_old_snapshot_gives_way(path):
    with engram.create(path, dim=4, max_snapshot_age=1e-6, background_threads=0, **SMALL) as store:
        store.insert_batch(vectors(50))
        with store.snapshot() as old:
            store.erase_matching(type=0)
            assert store.stats().oldest_snapshot_age > dt.timedelta(0)
            store.compact()
            for read in (lambda: store.get(1, snapshot=old), lambda: store.ids(old),
                         lambda: store.create_named_snapshot("old", old)):
                with pytest.raises(engram.SnapshotExpiredError):
                    read()
            assert store.stats().expired_snapshots == 1


def test_a_snapshot_of_another_store_gets_no_name(store, tmp_path):
    with engram.create(tmp_path / "other", dim=4, **SMALL) as other, other.snapshot() as foreign:
        with pytest.raises(engram.InvalidArgumentError, match="another store"):
            store.create_named_snapshot("n", foreign)


def test_a_past_goes_on_where_it_is_kept(path):
    clock = Clock()
    with engram.create(path, dim=4, history=3600, clock=clock, **SMALL) as store:
        pattern = store.insert(ONE)
        then = store.get(pattern).version
        clock.wait(5)
        store.erase(pattern)
    clock.wait(10_000)
    with engram.open(path, clock=clock, keep_history=True) as store, store.snapshot_at(then) as past:
        assert store.ids(past).tolist() == [pattern] and pattern not in store
    with engram.open(path, clock=clock, keep_history=False) as store:
        with pytest.raises(engram.SnapshotExpiredError):
            store.snapshot_at(then)
