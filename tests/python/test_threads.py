"""Threads: the GIL is free while the store works, and closing waits for who is inside."""

import os
import threading

import numpy as np
import pytest

import engram
from conftest import HANG_SECONDS, SMALL, run_python, vectors

ONE = np.ones(4, np.float32)


def run_threads(*targets):
    """Runs each in a thread; raises what one of them raised."""
    raised = []

    def guarded(target):
        try:
            target()
        except BaseException as error:  # noqa: BLE001: it is raised again below
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(t,), daemon=True) for t in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_SECONDS)
        assert not thread.is_alive(), "a thread hangs"
    if raised:
        raise raised[0]


# A page that is not there: who reads it stops until another thread brings it. The kernel says when
# somebody stopped. So a call is held inside the store for as long as a test likes; if it kept the
# GIL, that other thread could never run, and the process would hang (run_python notices).
HELD_CALL = """
import ctypes, fcntl, mmap, os, struct, sys, threading
import numpy as np
import engram

SYS_USERFAULTFD, USER_MODE_ONLY = 323, 1
UFFDIO_API, UFFDIO_REGISTER, UFFDIO_ZEROPAGE = 0xc018aa3f, 0xc020aa00, 0xc020aa04
PAGE = mmap.PAGESIZE
libc = ctypes.CDLL(None, use_errno=True)
faults = libc.syscall(SYS_USERFAULTFD, os.O_CLOEXEC | USER_MODE_ONLY)
if faults < 0:
    raise OSError(ctypes.get_errno(), "userfaultfd")
fcntl.ioctl(faults, UFFDIO_API, struct.pack("QQQ", 0xaa, 0, 0))
memory = mmap.mmap(-1, PAGE)
address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
fcntl.ioctl(faults, UFFDIO_REGISTER, bytearray(struct.pack("QQQQ", address, PAGE, 1, 0)))

store = engram.create(sys.argv[1], dim=4, metric="l2", journal_bytes=1 << 18)
store.insert(np.ones(4, np.float32))
absent = np.frombuffer(memory, np.float32, 8).reshape(2, 4)
call = eval("lambda: " + sys.argv[2])
answer = []
thread = threading.Thread(target=lambda: answer.append(call()))
thread.start()
os.read(faults, 32)  # the call reads the vector now, inside the store
assert thread.is_alive() and not answer
# Python runs on, and the store serves other threads.
assert store.search(np.ones(4, np.float32), k=1).ids.tolist() == [1]
assert store.insert(np.full(4, 2, np.float32)) == 2
assert len(store) == 2
fcntl.ioctl(faults, UFFDIO_ZEROPAGE, bytearray(struct.pack("QQQq", address, PAGE, 0, 0)))
thread.join()
assert len(answer) == 1
store.close()
"""


@pytest.mark.parametrize("call", [
    "store.search(absent[0])", "store.search(absent)", "store.search_hits(absent[0])",
    "store.search_hits(absent)", "store.insert(absent[0])", "store.insert_batch(absent)",
    "store.update(1, vector=absent[0])"])
def test_the_gil_is_free_while_a_call_is_held_inside_the_store(path, call):
    run_python(HELD_CALL, path, call)


# Opening reads a file that is a pipe: until another thread opens its other end, it waits.
def test_the_gil_is_free_while_a_store_opens(path):
    engram.create(path, dim=4, **SMALL).close()
    run_python("""
import os, sys, threading
import engram
lock = os.path.join(sys.argv[1], "LOCK")
os.remove(lock)
os.mkfifo(lock, 0o600)
def open_it():
    try:
        engram.open(sys.argv[1], read_only=True)
    except engram.Error:
        pass
thread = threading.Thread(target=open_it)
thread.start()
os.close(os.open(lock, os.O_WRONLY))  # waits until the pipe is opened for reading
thread.join()
""", path)


def test_searches_run_while_one_inserts(store):
    rows = vectors(3000, seed=5)
    done = threading.Event()
    seen = []

    def insert():
        try:
            for i in range(0, len(rows), 50):
                store.insert_batch(rows[i:i + 50], durability="none").raise_for_failures()
        finally:
            done.set()

    def search():
        count = 0
        while not done.is_set() or count == 0:
            stored = len(store)
            if stored == 0:
                continue
            ids, distances = store.search(rows[:stored][-3:], k=5)
            assert (distances[:, 0] == 0).all() and (ids[:, 0] >= 1).all()
            with store.snapshot() as snapshot:
                size = len(store.ids(snapshot))
                assert size >= stored and size % 50 == 0  # commits, wholly
                found = store.search(rows[0], k=3, snapshot=snapshot, exact=True)
                assert (found.ids <= size).all()
            count += 1
        seen.append(count)

    run_threads(insert, search, search)
    assert len(seen) == 2 and len(store) == 3000


def test_closing_waits_for_calls_and_refuses_new_ones(path):
    for _ in range(20):
        store = engram.create(path, dim=4, **SMALL) if not os.path.exists(path) else engram.open(path)
        started = threading.Barrier(5)

        def work(store=store, started=started):
            snapshot = store.snapshot()
            patterns = store.patterns()
            started.wait()
            try:
                while True:
                    store.insert(ONE, durability="none")
                    store.search(vectors(3), snapshot=snapshot)
                    next(patterns, None)
                    store.snapshot().close()
            except engram.ClosedError:
                pass

        def close(store=store, started=started):
            started.wait()
            store.close()
            assert store.closed

        run_threads(work, work, work, close, close)
        assert store.closed


def test_one_iterator_serves_several_threads(store):
    store.insert_batch(vectors(2000))
    patterns = store.patterns(include_vector=False)
    taken = []

    def take():
        taken.extend([p.id for p in patterns])

    run_threads(take, take, take)
    assert sorted(taken) == list(range(1, 2001))


def test_a_batch_is_not_changed_while_it_is_written(store):
    batch = engram.WriteBatch()
    for row in vectors(2000):
        batch.insert(row)
    written, refused = [], []

    def write():
        for _ in range(5):
            try:
                written.append(len(store.write(batch, durability="none").ids))
            except engram.BusyError as error:
                refused.append(error)

    def change():
        for _ in range(2000):
            try:
                batch.erase(1)
                return
            except engram.BusyError as error:
                refused.append(error)

    run_threads(write, write)
    assert set(written) == {2000} and len(written) + len(refused) == 10
    run_threads(change)
    assert len(batch) == 2001
