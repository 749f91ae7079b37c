"""What the tests of the Python module share."""

import datetime as dt
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import pytest

import engram

# Stores lie in memory where there is room: what a disk does with them, other tests ask.
IN_MEMORY = "/dev/shm"
ROOM_BYTES = 1 << 30
# A small double-write area: a store is made in no time.
SMALL = {"journal_bytes": 256 * 1024}
# Longer than anything here takes: what is silent for so long hangs.
HANG_SECONDS = 120


class Clock:
    """A store's clock that a test moves."""

    def __init__(self):
        self.now = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now += dt.timedelta(seconds=seconds)


def vectors(count, dim=4, seed=1):
    return np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)


def run_python(code, *arguments, **options):
    """Runs `code` in a process of its own; fails with its output where it fails or hangs."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, *map(str, arguments)], capture_output=True, text=True,
        timeout=HANG_SECONDS, **options)
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def has_room(directory):
    return os.access(directory, os.W_OK) and shutil.disk_usage(directory).free > ROOM_BYTES


@pytest.fixture
def tmp_path():
    """As pytest's own, but gone when the test ends."""
    root = IN_MEMORY if has_room(IN_MEMORY) else None
    with tempfile.TemporaryDirectory(prefix="engram-python-", dir=root) as directory:
        yield pathlib.Path(directory)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "store")


@pytest.fixture
def store(path):
    """An empty store of 4 dimensions."""
    with engram.create(path, dim=4, **SMALL) as made:
        yield made
