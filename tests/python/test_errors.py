"""Exceptions by code."""

import inspect
import os
import pathlib
import re

import pytest

import engram
from conftest import SMALL, run_python

HEADER = pathlib.Path(__file__).parents[2] / "api/include/engram/status.h"


def errors():
    return [c for _, c in inspect.getmembers(engram, inspect.isclass) if issubclass(c, engram.Error)]


def test_every_code_of_the_library_has_a_class_and_the_same_number():
    codes = dict(re.findall(r"\bk(\w+)\s*=\s*(\d+),", HEADER.read_text()))
    del codes["Ok"]
    in_python = {code.name.replace("_", "").lower(): code.value for code in engram.Code}
    assert in_python == {name.lower(): int(number) for name, number in codes.items()}
    leaves = [c for c in errors() if c not in (engram.Error, engram.ClosedError)]
    assert {c.code for c in leaves} == set(engram.Code) and len(leaves) == len(engram.Code)


def test_errors_are_kin_of_pythons_own():
    for ours, pythons in [
            (engram.InvalidArgumentError, ValueError), (engram.DimensionMismatchError, ValueError),
            (engram.InvalidVectorError, ValueError), (engram.ClosedError, engram.InvalidArgumentError),
            (engram.NotFoundError, KeyError), (engram.EmptyIndexError, LookupError),
            (engram.SearchTimeoutError, TimeoutError), (engram.NoSpaceError, OSError),
            (engram.IoError, OSError)]:
        assert issubclass(ours, pythons) and issubclass(ours, engram.Error)
        assert str(ours("the reason")) == "the reason"


def test_an_error_has_its_code_and_its_reason(store):
    with pytest.raises(KeyError) as caught:
        store.get(77)
    assert type(caught.value) is engram.NotFoundError
    assert caught.value.code is engram.Code.NOT_FOUND == 6
    assert "77" in str(caught.value) and not str(caught.value).startswith("'")


def test_a_store_that_another_has_is_busy(path, store):
    with pytest.raises(engram.BusyError):
        engram.open(path)


def test_damage_is_told(path, store):
    store.close()
    with open(os.path.join(path, "graph.engram"), "r+b") as file:
        file.write(b"\xff" * 16384)
    with pytest.raises(engram.CorruptedIndexError):
        engram.open(path)


def test_a_path_that_cannot_be_is_an_error_of_the_system(tmp_path):
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(engram.IoError) as caught:
        engram.create(tmp_path / "file" / "store", dim=4, **SMALL)
    assert isinstance(caught.value, OSError) and "file" in str(caught.value)
    with pytest.raises(ValueError):
        engram.create("with\0zero", dim=4)


def test_a_name_that_is_no_text_is_shown_escaped(tmp_path):
    name = os.fsencode(tmp_path) + b"/\xff"
    with pytest.raises(engram.NotFoundError) as caught:
        engram.open(name)
    assert "\udcff" in str(caught.value)
    with engram.create(os.fsdecode(name), dim=4, **SMALL) as store:
        assert store.path == os.fsdecode(name) and "\udcff" in repr(store)


def test_a_write_that_fails_makes_the_store_read_only(path):
    # In a process of its own, in which no file may grow.
    run_python("""
import resource, signal, sys
import numpy as np
import engram
row = np.ones(4, np.float32)
store = engram.create(sys.argv[1], dim=4, journal_bytes=1 << 18, background_threads=0)
first = store.insert(row)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
try:
    store.insert(row)
    raise SystemExit("inserted")
except (engram.IoError, engram.NoSpaceError, engram.ReadOnlyError) as error:
    assert error.code in (engram.Code.IO_ERROR, engram.Code.NO_SPACE, engram.Code.READ_ONLY)
assert store.search(row).ids.tolist() == [first]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
try:
    store.close()
except engram.Error:
    pass
with engram.open(sys.argv[1]) as again:
    assert first in again
""", path)
