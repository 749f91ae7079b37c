"""Expiry, erasing by what patterns are and for ever, compaction, rebalancing, and their callbacks."""

import contextlib
import datetime as dt
import pathlib
import sys
import threading

import numpy as np
import pytest

import engram
from conftest import SMALL, Clock, run_python, vectors

ONE = np.ones(4, np.float32)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def timed(path, clock):
    """A store whose clock the test moves, without threads of its own."""
    with engram.create(path, dim=4, clock=clock, background_threads=0, **SMALL) as made:
        yield made


@contextlib.contextmanager
def shown():
    """What sys.unraisablehook is told meanwhile."""
    told, before = [], sys.unraisablehook
    sys.unraisablehook = lambda what: told.append(what.exc_value)
    try:
        yield told
    finally:
        sys.unraisablehook = before


# --- Expiry ---


def test_a_ttl_ends_a_pattern(timed, clock):
    goes = timed.insert(ONE, ttl=10)
    stays = timed.insert(ONE)
    assert timed.get(goes).expires_at == clock.now + dt.timedelta(seconds=10)
    assert timed.get(stays).expires_at is None
    clock.wait(9)
    assert goes in timed
    clock.wait(1)
    assert goes not in timed and timed.search(ONE).ids.tolist() == [stays]
    while timed.stats().expired == 0:
        timed.run_maintenance(0.01)
    assert len(timed) == 1


def test_an_update_moves_a_ttl_and_takes_it_away(timed, clock):
    pattern = timed.insert(ONE, ttl=dt.timedelta(seconds=10))
    clock.wait(5)
    timed.update(pattern, type=1)
    assert timed.get(pattern).expires_at == clock.now + dt.timedelta(seconds=5)
    timed.update(pattern, ttl=20)
    assert timed.get(pattern).expires_at == clock.now + dt.timedelta(seconds=20)
    timed.update(pattern, ttl=1e-9)  # short, but not for ever
    assert timed.get(pattern).expires_at == clock.now + dt.timedelta(microseconds=1)
    timed.update(pattern, ttl=0)
    assert timed.get(pattern).expires_at is None


def test_batches_take_ttls(timed, clock):
    one = timed.insert_batch(vectors(2), ttl=5).ids
    each = timed.insert_batch(vectors(3), ttl=[1, None, dt.timedelta(seconds=3)]).ids
    batch = engram.WriteBatch()
    batch.insert(ONE, ttl=7)
    batch.update(int(one[0]), ttl=8)
    last = timed.write(batch).ids
    after = [timed.get(int(i)).expires_at for i in (*one, *each, *last)]
    assert [at and (at - clock.now).total_seconds() for at in after] == [8, 5, 1, None, 3, 7]


@pytest.mark.parametrize("ttl, kind, message", [
    (0, engram.InvalidArgumentError, "ttl is 0"), (-1, engram.InvalidArgumentError, "ttl is -1"),
    (float("nan"), engram.InvalidArgumentError, "ttl is nan"),
    (1e12, engram.InvalidArgumentError, "ttl is"), ("1", TypeError, "ttl is a str"),
    (dt.datetime.now(), TypeError, "ttl is a datetime.datetime, expected seconds")])
def test_bad_ttls_are_named(store, ttl, kind, message):
    with pytest.raises(kind, match=message):
        store.insert(ONE, ttl=ttl)
    assert len(store) == 0


def test_bad_ttls_of_a_batch_are_named(store):
    with pytest.raises(ValueError, match="ttl has 3 items, expected 2"):
        store.insert_batch(vectors(2), ttl=[1, 2, 3])
    with pytest.raises(TypeError, match=r"ttl\[1\] is a str"):
        store.insert_batch(vectors(2), ttl=[1, "2"])
    failed = store.insert_batch(vectors(2), ttl=[1, 0]).failures
    assert [f.position for f in failed] == [1] and "ttl is 0" in str(failed[0].error)


def test_ages_end_patterns(path, clock):
    with engram.create(path, dim=4, clock=clock, max_age=100, max_age_by_type={7: 1000},
                       background_threads=0, **SMALL) as store:
        def put(age, type=0):
            return store.insert(ONE, timestamp=clock.now - dt.timedelta(seconds=age), type=type)
        old, young, other = put(200), put(50), put(200, type=7)
        assert store.ids().tolist() == [young, other] and old not in store


# --- Erasing ---


def test_a_filter_erases_what_it_means(timed, clock):
    ids = [timed.insert(ONE, timestamp=clock.now - dt.timedelta(seconds=i), type=i % 2)
           for i in range(10)]
    assert timed.erase_matching(type=1, from_=clock.now - dt.timedelta(seconds=5),
                                before=clock.now - dt.timedelta(seconds=1)) == 2
    assert timed.ids().tolist() == [i for i in ids if i not in (ids[3], ids[5])]
    assert timed.erase_matching(type=0, durability="none") == 5
    assert timed.prune_before(clock.now - dt.timedelta(seconds=6), durability="none") == 2
    assert timed.ids().tolist() == [ids[1]]
    with pytest.raises(engram.InvalidArgumentError, match="the filter says nothing"):
        timed.erase_matching()
    with pytest.raises(engram.InvalidArgumentError, match="from now"):
        timed.prune_before(clock.now + dt.timedelta(seconds=1))
    for call, message in [
            (lambda: timed.erase_matching(type="a"), "type is a str"),
            (lambda: timed.erase_matching(from_=1), "from_ is a int, expected a datetime.datetime"),
            (lambda: timed.erase_matching(before="x"), "before is a str"),
            (lambda: timed.prune_before(5.0), "time is a float")]:
        with pytest.raises(TypeError, match=message):
            call()


def files_with(path, bytes_):
    return [f.name for f in pathlib.Path(path).rglob("*") if f.is_file() and bytes_ in f.read_bytes()]


def test_nothing_is_left_of_what_is_erased_for_ever(path, store):
    rows = vectors(3)
    ids = [store.insert(row, {"text": f"a secret of number {i}"}) for i, row in enumerate(rows)]
    store.checkpoint()
    store.erase(ids[1])
    with store.snapshot_at(store.stats().last_lsn) as snapshot:
        assert files_with(path, rows[0].tobytes()) and files_with(path, b"secret of number 1")
        report = store.erase_forever(np.array(ids[:2]))
        assert (report.patterns, report.versions) == (1, 2) and report.metadata_bytes > 0
        assert report.journal_bytes == SMALL["journal_bytes"]
        assert store.ids(snapshot).tolist() == [ids[2]]
    for i, row in enumerate(rows):
        assert bool(files_with(path, row.tobytes())) == (i == 2)
        assert bool(files_with(path, f"secret of number {i}".encode())) == (i == 2)


def test_bad_ids_to_erase_for_ever_are_named(store):
    kept = store.insert(ONE)
    for ids, kind, message in [
            ([], engram.InvalidArgumentError, ""), ([kept, 77], engram.NotFoundError, "77"),
            (kept, ValueError, r"ids has shape \(\), expected \(n,\)"),
            ([[kept]], ValueError, r"ids has shape \(1, 1\)"), ([1.5], TypeError, "ids has dtype"),
            ([-1], ValueError, "negative"), (None, (TypeError, ValueError), "ids")]:
        with pytest.raises(kind, match=message):
            store.erase_forever(ids)
    assert kept in store


# --- Compaction ---


@pytest.fixture
def sparse(store):
    """A store of which the first three quarters were erased; the ids of the rest."""
    ids = store.insert_batch(vectors(2000), type=[int(i < 1500) for i in range(2000)]).ids
    store.erase_matching(type=1)
    return store, ids[1500:].tolist()


def test_compaction_gives_back_and_tells(sparse):
    store, stay = sparse
    told = []
    report = store.compact(progress=told.append)
    assert report.reclaimed >= 1500 and 0 < report.moved <= report.reclaimed and report.held == 0
    assert report.gave_way is False and report.bytes_after > 0 and report.bytes_before > 0
    stats = store.stats()
    assert stats.moved == report.moved and stats.dead == 0 and stats.sweep_rounds > 0
    assert stats.reclaimed >= report.reclaimed and 0 <= stats.sweep_progress <= 1
    assert store.ids().tolist() == stay
    phases = [at.phase for at in told]
    assert set(phases) == {"sweeping", "moving", "returning", "metadata"}
    assert phases[0] == "sweeping" and phases[-1] == "metadata"
    assert all(0 <= at.done <= at.total for at in told)
    assert repr(told[0]).startswith("engram.CompactProgress(phase='sweeping', done=")
    told.clear()
    store.compact(progress=told.append, metadata=False)
    assert "metadata" not in [at.phase for at in told]


@pytest.mark.parametrize("answer", [False, 0, "", []])
def test_what_is_false_cancels(sparse, answer):
    store, stay = sparse
    calls = []
    with pytest.raises(engram.CancelledError):
        store.compact(progress=lambda at: calls.append(at) or answer)
    assert len(calls) == 1 and store.ids().tolist() == stay
    assert store.compact(progress=lambda at: True).held == 0


class NoTruth:
    def __bool__(self):
        raise ZeroDivisionError("no truth")


@pytest.mark.parametrize("fail, kind", [
    (lambda at: 1 / 0, ZeroDivisionError), (lambda at: sys.exit(3), SystemExit),
    (lambda at: NoTruth(), ZeroDivisionError), (lambda: None, TypeError)])
def test_what_progress_raises_cancels_and_is_raised(sparse, fail, kind):
    store, stay = sparse
    with shown() as told, pytest.raises(kind):
        store.compact(progress=fail)
    assert not told and store.ids().tolist() == stay
    assert store.compact().held == 0


def test_progress_may_use_the_store_but_not_wait_for_itself(sparse):
    store, stay = sparse
    errors, counts = [], []

    def progress(at):
        counts.append(len(store))
        assert store.search(ONE, k=1).ids.shape == (1,)
        for use in (store.compact, store.rebalance, lambda: store.erase_forever([1]), store.close):
            with pytest.raises(engram.InvalidArgumentError, match="the progress callback must not"):
                use()
            errors.append(use)

    store.compact(progress=progress)
    assert set(counts) == {len(stay)} and len(errors) == 4 * len(counts)
    assert not store.closed and store.ids().tolist() == stay


def test_progress_may_compact_another_store(sparse, tmp_path):
    store, _ = sparse
    with engram.create(tmp_path / "other", dim=4, **SMALL) as other:
        def inner(at):
            with pytest.raises(engram.InvalidArgumentError):
                store.close()
            with pytest.raises(engram.InvalidArgumentError):
                other.close()

        reports = []
        store.compact(progress=lambda at: reports.append(other.compact(progress=inner)))
        assert reports
    assert not store.closed


def test_closing_ends_a_compaction_that_uses_the_store(sparse):
    store, _ = sparse
    inside, closing = threading.Event(), threading.Event()

    def close():
        inside.wait()
        closing.set()
        store.close()

    def progress(at):
        inside.set()
        closing.wait()
        while True:  # until the store is closing
            len(store)

    thread = threading.Thread(target=close)
    thread.start()
    with pytest.raises(engram.ClosedError):
        store.compact(progress=progress)
    thread.join()
    assert store.closed


def test_bad_arguments_of_compaction_are_named(store):
    for call, message in [(lambda: store.compact(progress=3), "progress is a int, expected a callable"),
                          (lambda: store.compact(metadata=1), "metadata is a int, expected a bool"),
                          (lambda: store.compact(print), "")]:
        with pytest.raises(TypeError, match=message):
            call()


# --- Rebalancing ---


def test_rebalancing_reports_and_tells(sparse):
    store, stay = sparse
    told = []
    report = store.rebalance(worst_share=1, sample=50, progress=told.append)
    assert report.looked_at == len(stay) and report.relinked <= report.bad <= len(stay)
    for health in (report.before, report.after):
        assert isinstance(health, engram.GraphHealth)
        assert health.count == len(stay) and health.sampled == 50
        assert health.mean_links_out >= health.mean_links_in > 2 and health.least_links_in >= 1
        assert 0 <= health.one_link_in < len(stay)
        assert 0.9 < health.finds_itself <= 1 and 0.9 < health.recall <= 1
        assert 0 <= health.recall_error < 0.1
    assert all(0 <= at.relinked <= at.done <= at.total for at in told)
    assert told[-1].done == told[-1].total and told[-1].relinked == report.relinked
    assert repr(told[0]).startswith("engram.RebalanceProgress(done=")
    assert "before=engram.GraphHealth(count=500," in repr(report)
    assert store.ids().tolist() == stay
    none = store.rebalance(worst_share=0, sample=0)
    assert none.relinked == 0 and none.after.sampled == 0
    assert store.rebalance().before.sampled == 100


def test_a_rebalancing_is_cancelled(sparse):
    store, stay = sparse
    calls = []
    with pytest.raises(engram.CancelledError, match="rebalancing was cancelled"):
        store.rebalance(progress=lambda at: calls.append(at) or len(calls) < 3)
    assert len(calls) == 3
    for fail, kind in [(lambda at: 1 / 0, ZeroDivisionError), (lambda at: NoTruth(), ZeroDivisionError),
                       (lambda: None, TypeError)]:
        with shown() as told, pytest.raises(kind):
            store.rebalance(progress=fail)
        assert not told
    assert store.rebalance(progress=lambda at: None).looked_at == len(stay)


def test_progress_of_a_rebalancing_may_use_the_store_but_not_wait_for_itself(sparse):
    store, stay = sparse
    added = []

    def progress(at):
        if not added:
            added.append(store.insert(ONE))
        assert store.search(ONE, k=1).ids.tolist() == added
        for use in (store.compact, store.rebalance, lambda: store.erase_forever([1]), store.close):
            with pytest.raises(engram.InvalidArgumentError, match="the progress callback must not"):
                use()

    store.rebalance(progress=progress)
    assert not store.closed and store.ids().tolist() == stay + added


def test_others_run_while_a_store_is_rebalanced(sparse):
    store, _ = sparse
    inside, inserted = threading.Event(), []

    def work():
        inside.wait()
        inserted.append(store.insert(ONE))

    thread = threading.Thread(target=work)
    thread.start()

    def progress(at):
        inside.set()
        thread.join()

    store.rebalance(progress=progress)
    assert inserted and inserted[0] in store


def test_bad_arguments_of_rebalancing_are_named(path, store):
    for keywords, kind, message in [
            ({"worst_share": "a"}, TypeError, "worst_share is a str, expected a number"),
            ({"worst_share": None}, TypeError, "worst_share is a NoneType"),
            ({"worst_share": 1.5}, engram.InvalidArgumentError, "worst_share is 1.5"),
            ({"worst_share": float("nan")}, engram.InvalidArgumentError, "worst_share is nan"),
            ({"sample": 1.0}, TypeError, "sample is a float, expected an int"),
            ({"sample": 100_001}, engram.InvalidArgumentError, "sample is 100001"),
            ({"progress": 3}, TypeError, "progress is a int, expected a callable")]:
        with pytest.raises(kind, match=message):
            store.rebalance(**keywords)
    assert store.rebalance(worst_share=np.float32(1), sample=np.int8(3)).looked_at == 0
    store.close()
    with engram.open(path, read_only=True) as reader, pytest.raises(engram.ReadOnlyError):
        reader.rebalance()


# --- The clock ---


def test_the_clock_says_when(timed, clock):
    pattern = timed.get(timed.insert(ONE))
    assert pattern.timestamp == pattern.inserted_at == clock.now


def test_a_clock_that_fails_at_opening_is_raised(path):
    def fails():
        raise ZeroDivisionError("no time")

    for wrong, kind, message in [
            (fails, ZeroDivisionError, "no time"),
            (lambda: 5, TypeError, "what the clock returned is a int, expected a datetime.datetime"),
            (dt.datetime.now, engram.InvalidArgumentError, "without a time zone")]:
        with pytest.raises(kind, match=message):
            engram.create(path, dim=4, clock=wrong, **SMALL)
    with pytest.raises(engram.NotFoundError):
        engram.open(path)


@pytest.mark.parametrize("answer", [
    lambda: 1 / 0, lambda: None, lambda: dt.datetime(2050, 1, 1), lambda: sys.exit(3)])
def test_where_the_clock_fails_later_time_stands_still(path, answer):
    start = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)
    say = [lambda: start]
    with engram.create(path, dim=4, clock=lambda: say[0](), background_threads=0, **SMALL) as store:
        first = store.insert(ONE, ttl=60)
        say[0] = answer
        with shown() as told:
            second = store.insert(ONE)
            assert store.get(second).timestamp == start
            assert store.ids().tolist() == [first, second]  # nothing expired
        assert told and all(isinstance(
            e, (ZeroDivisionError, TypeError, engram.InvalidArgumentError, SystemExit)) for e in told)
        say[0] = lambda: start + dt.timedelta(seconds=61)
        assert store.ids().tolist() == [second]


def test_the_clock_must_not_call_the_store(path):
    stores, errors = [], []

    def clock():
        for use in (lambda: len(stores[0]), lambda: stores[0].close(), lambda: engram.open("none")):
            try:
                if stores:
                    use()
            except engram.InvalidArgumentError as error:
                errors.append(str(error))
        return dt.datetime.now(dt.timezone.utc)

    with engram.create(path, dim=4, clock=clock, background_threads=0, **SMALL) as store:
        stores.append(store)
        store.insert(ONE)
        found = set(errors)
        stores.clear()
    assert found == {"the clock callback must not " + what
                     for what in ("call the store", "close the store", "open a store")}


def test_threads_of_all_kinds_ask_the_clock(path):
    # A process of its own: a thread that waits for the GIL with a lock that another wants hangs.
    out = run_python("""
import datetime as dt, sys, threading
import numpy as np
import engram
asked = set()
def clock():
    asked.add(threading.get_ident())
    return dt.datetime.now(dt.timezone.utc)
rows = np.random.default_rng(1).random((2000, 8), np.float32)
store = engram.create(sys.argv[1], dim=8, journal_bytes=1 << 18, clock=clock, max_age=0.2,
                      history=0.1, sweep_interval=1, search_threads=2, durability="none")
done = []
def work(seed):
    for i in range(5):
        store.insert_batch(rows[seed * 500:][:500], ttl=0.05).raise_for_failures()
        store.snapshot_at(dt.datetime.now(dt.timezone.utc) - dt.timedelta(microseconds=1)).close()
        try:
            store.search(rows[:20], k=5)
        except engram.EmptyIndexError:
            pass
        with store.snapshot() as snapshot:
            store.ids(snapshot)
    done.append(seed)
threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
for thread in threads:
    thread.start()
store.compact(progress=lambda at: None)
for thread in threads:
    thread.join()
store.close()
print(sorted(done), len(asked) > len(threads) + 1)
""", path)
    assert out == "[0, 1, 2, 3] True\n"


def test_a_store_with_a_clock_is_closed_with_the_interpreter(path):
    out = run_python("""
import datetime as dt, sys, threading
import numpy as np
import engram
store = engram.create(sys.argv[1], dim=4, journal_bytes=1 << 18, max_age=0.01,
                      clock=lambda: dt.datetime.now(dt.timezone.utc))
row = np.ones(4, np.float32)
def work():
    while True:
        store.insert(row, durability="none")
for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
def compact():
    while True:
        store.compact(progress=lambda at: None)
threading.Thread(target=compact, daemon=True).start()
while store.stats().next_id < 200:
    pass
sys.cycle = [store]
sys.cycle.append(sys.cycle)
""", path)
    assert out == ""
    with engram.open(path) as store:
        assert store.stats().next_id >= 200 and store.stats().replayed_commits == 0
