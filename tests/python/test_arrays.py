"""Arrays in: without a copy, or a message that says what was found and what is expected."""

import array
import sys

import numpy as np
import pytest

import engram
from conftest import SMALL, vectors

ROW = np.arange(4, dtype=np.float32)
ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)
WIDE = np.arange(48, dtype=np.float32).reshape(6, 8)
BYTES = np.arange(64, dtype=np.uint8)

# Argument, exception, part of its message. `NAME` stands for the argument's name.
WRONG_FOR_ALL = [
    (ROW.astype(np.float64), TypeError,
     "NAME has dtype float64, expected float32: NAME.astype(numpy.float32) converts it"),
    (ROW.astype(">f4"), TypeError, "NAME has dtype >f4, expected float32"),
    (ROW.astype(np.int32), TypeError, "NAME has dtype int32, expected float32"),
    (ROW.astype(np.complex64), TypeError, "NAME has dtype complex64, expected float32"),
    (ROW.astype(bool), TypeError, "NAME has dtype bool, expected float32"),
    (ROW.astype(object), TypeError, "NAME has dtype object, expected float32"),
    (ROW.astype(str), TypeError, "NAME has dtype <U32, expected float32"),
    (np.array(1, np.float32), ValueError, "NAME has shape (), expected "),
    (np.zeros((1, 1, 4), np.float32), ValueError, "NAME has shape (1, 1, 4), expected "),
    ("text", TypeError, "NAME is a str, expected a numpy.ndarray of float32 with shape "),
    (None, TypeError, "NAME is a NoneType, expected a numpy.ndarray of float32"),
    (3.5, TypeError, "NAME is a float, expected a numpy.ndarray of float32"),
    (b"abcdefghabcdefgh", TypeError, "NAME has dtype |S"),
    ({1: 2}, TypeError, "NAME is a dict, expected a numpy.ndarray"),
    ([[1, 2], [3]], ValueError, "NAME cannot be made a numpy.ndarray of float32 with shape "),
    ([1, "x", 2, 3], ValueError, "NAME cannot be made a numpy.ndarray of float32"),
    ([1, None, 2, object()], TypeError, None),
]
WRONG_VECTOR = [
    (np.zeros(0, np.float32), engram.DimensionMismatchError, "NAME has shape (0,), expected (4,)"),
    (np.zeros(3, np.float32), engram.DimensionMismatchError, "NAME has shape (3,), expected (4,)"),
    (ROWS, ValueError, "NAME has shape (3, 4), expected (4,)"),
    (WIDE[0, ::2], ValueError, "NAME is not in C order (shape (4,), strides (8,)), expected C-contig"),
    (ROW[::-1], ValueError, "NAME is not in C order (shape (4,), strides (-4,))"),
    (np.broadcast_to(np.float32(1), 4), ValueError, "NAME is not in C order (shape (4,), strides (0,))"),
    (BYTES[1:17].view(np.float32), ValueError, "NAME does not begin at a multiple of 4 bytes"),
]
WRONG_ROWS = [
    (ROW, ValueError, "NAME has shape (4,), expected (n, 4)"),
    ([], ValueError, "NAME has shape (0,), expected (n, 4)"),
    (np.zeros((0, 0), np.float32), engram.DimensionMismatchError,
     "NAME has shape (0, 0), expected (n, 4)"),
    (np.zeros((2, 3), np.float32), engram.DimensionMismatchError,
     "NAME has shape (2, 3), expected (n, 4)"),
    (np.asfortranarray(ROWS), ValueError,
     "NAME is not in C order (shape (3, 4), strides (4, 12)), expected C-contiguous memory: "
     "numpy.ascontiguousarray(NAME) makes a copy that is"),
    (WIDE[:, :4], ValueError, "NAME is not in C order (shape (6, 4), strides (32, 4))"),
    (WIDE[::2, ::2], ValueError, "NAME is not in C order (shape (3, 4), strides (64, 8))"),
    (BYTES[1:33].view(np.float32).reshape(2, 4), ValueError, "NAME does not begin at a multiple"),
]


def check(call, name, cases):
    for value, kind, message in cases:
        with pytest.raises((TypeError, ValueError)) as caught:
            call(value)
        if message is None:
            continue
        assert isinstance(caught.value, kind), (value, caught.value)
        assert message.replace("NAME", name) in str(caught.value), value


def test_bad_vectors_are_refused_by_every_call_that_takes_one(store):
    wrong = WRONG_FOR_ALL + WRONG_VECTOR
    pattern = store.insert(ROW)
    version = store.get(pattern).version
    check(store.insert, "vector", wrong)
    check(lambda v: store.update(pattern, vector=v), "vector", [w for w in wrong if w[0] is not None])
    assert len(store) == 1 and store.get(pattern).version == version


def test_bad_rows_are_refused(store):
    check(store.insert_batch, "vectors", WRONG_FOR_ALL + WRONG_ROWS)
    assert len(store) == 0


def test_bad_queries_are_refused(store):
    store.insert_batch(ROWS)
    def either(cases):
        return [(value, kind, message.replace("expected (n, 4)", "expected (4,) or (n, 4)")
                 .replace("expected (4,)", "expected (4,) or (n, 4)").replace(
                     "(4,) or (n, 4) or (n, 4)", "(4,) or (n, 4)"))
                for value, kind, message in cases
                if not (isinstance(value, np.ndarray) and (value is ROW or value is ROWS))]
    for search in (store.search, store.search_hits):
        check(search, "query", WRONG_FOR_ALL + either(WRONG_VECTOR) + either(WRONG_ROWS[2:]))


def test_bad_vectors_do_not_enter_a_batch(store):
    batch = engram.WriteBatch()
    check(batch.insert, "vector", WRONG_FOR_ALL)
    assert len(batch) == 0
    batch.insert(np.zeros(3, np.float32))
    with pytest.raises(engram.DimensionMismatchError, match="operation 0"):
        store.write(batch)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_components_that_are_no_numbers_are_refused(store, bad):
    rows = vectors(5)
    rows[3, 1] = bad
    with pytest.raises(engram.InvalidVectorError):
        store.insert(rows[3])
    result = store.insert_batch(rows)
    assert [f.position for f in result.failures] == [3]
    assert isinstance(result.failures[0].error, engram.InvalidVectorError)
    assert result.ids.tolist() == [1, 2, 3, 0, 4]
    with pytest.raises(engram.InvalidVectorError):
        result.raise_for_failures()
    with pytest.raises(engram.InvalidVectorError):
        store.search(rows[3])
    for search in (store.search, store.search_hits):
        with pytest.raises(engram.InvalidVectorError, match="query 3: "):
            search(rows)


def test_a_zero_vector_is_refused_under_cosine(path):
    with engram.create(path, dim=2, metric="cosine", **SMALL) as store:
        with pytest.raises(engram.InvalidVectorError):
            store.insert(np.zeros(2, np.float32))


def test_types_that_float32_holds_exactly_are_copied(store):
    expected = ROWS.tolist()
    for dtype in (np.float16, np.int8, np.uint8, np.int16, np.uint16, ">i2"):
        result = store.insert_batch(ROWS.astype(dtype))
        assert [store.get(int(i)).vector.tolist() for i in result.ids] == expected
        assert store.get(store.insert(WIDE.astype(dtype)[0, ::2])).vector.tolist() == [0, 2, 4, 6]


def test_lists_tuples_and_buffers_are_taken(store):
    for value in ([1, 2, 3, 4.5], (1, 2, 3, 4.5), [np.float64(1), 2, 3, 4.5],
                  array.array("f", [1, 2, 3, 4.5]), memoryview(np.array([1, 2, 3, 4.5], np.float32))):
        assert store.get(store.insert(value)).vector.tolist() == [1, 2, 3, 4.5]
    result = store.insert_batch([ROW, ROW + 1])
    assert store.get(int(result.ids[1])).vector.tolist() == (ROW + 1).tolist()


def test_an_empty_batch_is_a_batch(store):
    result = store.insert_batch(np.zeros((0, 4), np.float32), ids=[], metadata=[])
    assert result.ids.shape == (0,) and result.ids.dtype == np.uint64 and result.failures == []
    store.insert(ROW)
    ids, distances = store.search(np.zeros((0, 4), np.float32), k=7)
    assert ids.shape == (0, 7) and distances.shape == (0, 7)
    assert store.search_hits(np.zeros((0, 4), np.float32)) == []


def test_memory_that_cannot_be_written_is_read_where_it_lies(store):
    rows = np.frombuffer(ROWS.tobytes(), np.float32).reshape(3, 4)
    assert not rows.flags.writeable
    references = sys.getrefcount(rows)
    result = store.insert_batch(rows)
    assert store.get(int(result.ids[2])).vector.tolist() == ROWS[2].tolist()
    assert store.search(rows, k=1).ids.ravel().tolist() == result.ids.tolist()
    assert sys.getrefcount(rows) == references


def test_what_was_inserted_does_not_change_with_the_array(store):
    rows = ROWS.copy()
    batch = engram.WriteBatch()
    batch.insert(rows[0])
    result = store.insert_batch(rows)
    rows[:] = 99
    written = store.write(batch)
    assert store.get(int(result.ids[1])).vector.tolist() == ROWS[1].tolist()
    assert store.get(int(written.ids[0])).vector.tolist() == ROWS[0].tolist()


@pytest.mark.parametrize("ids, kind, message", [
    ([1, 2], ValueError, r"ids has shape \(2,\), expected \(3,\)"),
    ([[1, 2, 3]], ValueError, r"ids has shape \(1, 3\), expected \(3,\)"),
    (7, ValueError, r"ids has shape \(\), expected \(3,\)"),
    ([1.0, 2.0, 3.0], TypeError, "ids has dtype float64, expected uint64"),
    (["a", "b", "c"], TypeError, "ids has dtype <U1, expected uint64"),
    ([3, -1, 5], ValueError, "ids holds a negative number"),
])
def test_bad_ids_are_refused(store, ids, kind, message):
    with pytest.raises(kind, match=message):
        store.insert_batch(ROWS, ids=ids)
    assert len(store) == 0


@pytest.mark.parametrize("dtype", [np.uint64, np.int64, np.uint8, np.int32, ">i8"])
def test_ids_of_any_integer_type_in_any_order_of_memory_are_taken(store, dtype):
    ids = np.arange(12, dtype=dtype)[1::4]
    assert store.insert_batch(ROWS, ids=ids).ids.tolist() == [1, 5, 9]
    assert store.insert_batch(ROWS, ids=[20, 21, 2**62]).ids.tolist() == [20, 21, 2**62]
