"""Metadata and times: what goes in comes out."""

import collections
import datetime as dt
import math

import numpy as np
import pytest

import engram
from conftest import vectors

ZERO = np.zeros(4, np.float32)
UTC = dt.timezone.utc


def round_trip(store, metadata):
    return store.get(store.insert(ZERO, metadata)).metadata


VALUES = [
    None, True, False, 0, 1, -1, 2**63 - 1, -(2**63), 0.0, -2.5, 1e308, 5e-324, "", "text", "snö ☃ 🎈",
    "with\0zero", b"", b"\x00\xff bytes", dt.datetime(1970, 1, 1, tzinfo=UTC),
    dt.datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
    dt.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    dt.datetime(1, 1, 1, tzinfo=UTC), dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    [], [1, "two", None, [3.0, b"4"]], {}, {"a": {"b": {"c": [True]}}},
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_every_type_comes_back_as_it_went_in(store, value):
    found = round_trip(store, {"value": value, "list": [value], "map": {"key": value}})
    assert found == {"value": value, "list": [value], "map": {"key": value}}
    assert type(found["value"]) is type(value)


def test_all_types_survive_a_reopening(path, store):
    metadata = {f"value {i}": value for i, value in enumerate(VALUES)}
    pattern = store.insert(ZERO, metadata)
    store.close()
    with engram.open(path) as again:
        assert again.get(pattern).metadata == metadata


def test_no_metadata_is_an_empty_dict(store):
    assert round_trip(store, None) == {}
    assert round_trip(store, {}) == {}


def test_infinite_floats_and_nan_are_kept(store):
    found = round_trip(store, {"inf": math.inf, "minus": -math.inf, "nan": math.nan})
    assert found["inf"] == math.inf and found["minus"] == -math.inf and math.isnan(found["nan"])


def test_kin_of_the_types_are_taken(store):
    found = round_trip(store, {
        "tuple": (1, 2), "bytearray": bytearray(b"ab"), "view": memoryview(b"cd"),
        "ordered": collections.OrderedDict(x=1), "int": np.int64(-3), "unsigned": np.uint8(7),
        "float": np.float32(0.5), "bool": np.bool_(True), "str": np.str_("s"),
        "zone": dt.datetime(2024, 1, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2)))})
    assert found == {
        "tuple": [1, 2], "bytearray": b"ab", "view": b"cd", "ordered": {"x": 1}, "int": -3,
        "unsigned": 7, "float": 0.5, "bool": True, "str": "s",
        "zone": dt.datetime(2024, 1, 1, tzinfo=UTC)}


@pytest.mark.parametrize("metadata, kind, message", [
    ([], TypeError, "metadata is a list, expected a dict"),
    ({1: 2}, TypeError, "metadata has a key that is a int, expected a str"),
    ({"a": {"b": [object()]}}, TypeError, "metadata['a']['b'][0] is a object, expected None, bool"),
    ({"a": {1, 2}}, TypeError, "metadata['a'] is a set"),
    ({"a": np.zeros(2)}, TypeError, "metadata['a'] is a numpy.ndarray"),
    ({"a": 1j}, TypeError, "metadata['a'] is a complex"),
    ({"a": dt.date(2024, 1, 1)}, TypeError, "metadata['a'] is a datetime.date"),
    ({"a": 2**63}, engram.InvalidArgumentError, "metadata['a'] is an int of more than 64 bits"),
    ({"a": [0, -(2**63) - 1]}, engram.InvalidArgumentError, "metadata['a'][1] is an int of more"),
    ({"a": dt.datetime(2024, 1, 1)}, engram.InvalidArgumentError, "without a time zone"),
], ids=lambda case: str(case)[:40])
def test_what_cannot_be_stored_is_refused_with_its_place(store, metadata, kind, message):
    with pytest.raises(kind) as caught:
        store.insert(ZERO, metadata)
    assert message in str(caught.value)
    assert len(store) == 0


def test_metadata_without_end_is_refused(store):
    endless = {}
    endless["self"] = endless
    with pytest.raises(engram.InvalidArgumentError, match="32 levels"):
        store.insert(ZERO, endless)
    chain = []
    chain.append(chain)
    with pytest.raises(engram.InvalidArgumentError, match="32 levels"):
        store.insert(ZERO, {"chain": chain})
    deep = {}
    for _ in range(40):
        deep = {"in": deep}
    with pytest.raises(engram.InvalidArgumentError):
        store.insert(ZERO, deep)


def test_too_much_metadata_is_refused(store):
    with pytest.raises(engram.InvalidArgumentError):
        store.insert(ZERO, {"text": "x" * (1 << 20)})


def test_times_of_patterns(store):
    zone = dt.timezone(dt.timedelta(hours=-7))
    given = dt.datetime(1965, 3, 4, 5, 6, 7, 89, tzinfo=zone)
    before = dt.datetime.now(UTC)
    pattern = store.get(store.insert(ZERO, timestamp=given))
    assert pattern.timestamp == given and pattern.timestamp.tzinfo is UTC
    assert before - dt.timedelta(minutes=1) < pattern.inserted_at
    unset = store.get(store.insert(ZERO))
    assert abs(unset.timestamp - before) < dt.timedelta(minutes=1)
    with pytest.raises(engram.InvalidArgumentError, match="timestamp is a datetime without a time zone"):
        store.insert(ZERO, timestamp=dt.datetime(2024, 1, 1))
    with pytest.raises(TypeError, match="timestamp is a float, expected a datetime.datetime"):
        store.insert(ZERO, timestamp=1.5)


def test_a_batch_brings_metadata_times_and_types_by_row(store):
    times = [dt.datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2)] + [None]
    result = store.insert_batch(
        vectors(3), metadata=[{"n": 0}, None, {"n": 2}], timestamp=times, type=[5, 6, 7])
    found = [store.get(int(i)) for i in result.ids]
    assert [p.metadata for p in found] == [{"n": 0}, {}, {"n": 2}]
    assert [p.timestamp for p in found[:2]] == times[:2]
    assert [p.type for p in found] == [5, 6, 7]
    once = store.insert_batch(vectors(2), timestamp=times[0], type=np.uint8(9))
    assert [(store.get(int(i)).timestamp, store.get(int(i)).type) for i in once.ids] == [
        (times[0], 9)] * 2


def test_a_batch_with_a_wrong_number_of_anything_stores_nothing(store):
    rows = vectors(3)
    for keywords, kind, message in [
            ({"metadata": [{}]}, ValueError, "metadata has 1 items, expected 3"),
            ({"metadata": {"a": 1}}, TypeError, "metadata is a dict, expected a sequence of 3"),
            ({"metadata": [{}, {}, 3]}, TypeError, r"metadata\[2\] is a int, expected a dict"),
            ({"timestamp": [None]}, ValueError, "timestamp has 1 items, expected 3"),
            ({"type": [1, 2]}, ValueError, "type has 2 items, expected 3"),
            ({"type": [1, 2, -3]}, engram.InvalidArgumentError, r"type\[2\] is -3, allowed is 0 to")]:
        with pytest.raises(kind, match=message):
            store.insert_batch(rows, **keywords)
    assert len(store) == 0
