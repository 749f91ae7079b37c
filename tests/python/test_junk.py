"""Calls with arguments that make no sense: each ends with a result or an exception, never the process."""

import datetime as dt
import inspect
import os
import random

import numpy as np
import pytest

import engram
from conftest import SMALL, vectors

SEED = int(os.environ.get("ENGRAM_TEST_SEED", "1"))


class Raises:
    """Whatever is asked of it fails."""

    def _raise(self, *args, **kwargs):
        raise ZeroDivisionError("asked")

    __index__ = __float__ = __array__ = __len__ = __getitem__ = __iter__ = __str__ = __repr__ = _raise
    __fspath__ = utcoffset = total_seconds = item = __hash__ = _raise


class Lies:
    """Says that it is what it is not, and closes a store while it is asked."""

    def __init__(self, store):
        self.store = store

    def __len__(self):
        return 5

    def __getitem__(self, position):
        self.store.close()
        return {} if position < 3 else 1

    def __index__(self):
        self.store.close()
        return 1

    def __float__(self):
        self.store.close()
        return 0.5

    def __array__(self, dtype=None):
        self.store.close()
        return np.ones(4, np.float32)


def junk(store, rng):
    ascending = np.arange(12, dtype=np.float32).reshape(3, 4)
    values = [
        None, True, 0, 1, -1, 3, 2**16, 2**31, 2**32, 2**63, 2**64, -(2**63), 0.5, float("nan"),
        float("inf"), 1j, "", "l2", "sync", "text", b"", b"bytes", [], [1, 2, 3, 4], [[1, 2, 3, 4]],
        [None], ["a"], {}, {"a": 1}, {1: 1}, (), object(), int, len, Ellipsis, np.float32(1), np.int8(3),
        np.array(1), np.zeros(0), np.zeros((0, 4), np.float32), ascending, ascending[0], ascending.T,
        ascending[:, ::2], ascending.astype(np.float64), np.full(4, np.nan, np.float32),
        np.zeros((1, 2, 3)), np.array(["a"]), np.array([object()]), np.ma.masked_array(ascending[0]),
        np.zeros(3, [("x", np.float32)]), np.array([1, 2, 3]), np.datetime64("2024-01-01"),
        dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc), dt.timedelta(1),
        dt.timedelta(-1), dt.timezone.utc, range(5), iter([1]), memoryview(b"abcd" * 4), Raises(),
        Lies(store), store, engram.WriteBatch(), engram.Error("error")]
    return rng.choice(values)


@pytest.mark.parametrize("kind", ["Store", "WriteBatch", "FeatureEncoder"])
def test_junk_ends_in_a_result_or_an_exception(path, kind):
    rng = random.Random(f"{SEED} {kind}")
    cls = getattr(engram, kind)
    names = [n for n in dir(cls) if n != "close" and callable(getattr(cls, n)) and (
        not n.startswith("_") or n in ("__contains__", "__len__", "__iter__", "__init__"))]
    returned = raised = 0
    store = engram.create(path, dim=4, **SMALL)
    store.insert_batch(vectors(5))
    for _ in range(1500):
        if store.closed:
            store = engram.open(path, durability="none", checkpoint_on_close=False)
        thing = {"Store": lambda: store, "WriteBatch": engram.WriteBatch,
                 "FeatureEncoder": lambda: engram.FeatureEncoder(4)}[kind]()
        name = rng.choice(names)
        line = (inspect.getdoc(getattr(cls, name)) or "").split("\n")[0]
        known = [w.split(":")[0] for w in line.partition("(")[2].split(", ")[1:] if ":" in w]
        positional = [junk(store, rng) for _ in range(rng.choice([0, 1, 1, 1, 2, 3]))]
        named = {n: junk(store, rng) for n in rng.sample(known, rng.randrange(len(known) + 1))}
        try:
            getattr(thing, name)(*positional, **named)
            returned += 1
        except SystemError:
            raise  # a mistake of the module
        except Exception:  # noqa: BLE001: any other says what is wrong
            raised += 1
    assert returned > 50 and raised > 50
    store.close()
    with engram.open(path) as again:
        assert all(p.vector.shape == (4,) for p in again.patterns())
