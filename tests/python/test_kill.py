"""A Python process that is killed: what it acknowledged is there when the next one opens the store."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import engram
from conftest import HANG_SECONDS, vectors

# Says each id once insert() or insert_batch() has returned.
WRITER = """
import sys
import numpy as np
import engram
path, durability = sys.argv[1:]
store = engram.open(path, create_if_missing=True, dim=4, durability=durability,
                    journal_bytes=1 << 18, log_segment_bytes=1 << 16, checkpoint_log_bytes=1 << 16)
random = np.random.default_rng(len(store))
while True:
    rows = random.standard_normal((7, 4)).astype(np.float32)
    ids = [store.insert(rows[0], {"sum": float(rows[0].sum())})]
    ids += store.insert_batch(rows[1:], metadata=[{"sum": float(r.sum())} for r in rows[1:]]).ids.tolist()
    print(*ids, flush=True)
"""


@pytest.mark.parametrize("durability", ["sync", "none"])
def test_acknowledged_inserts_survive_sigkill(path, durability):
    acknowledged = set()
    for life in range(4):
        child = subprocess.Popen([sys.executable, "-B", "-c", WRITER, path, durability],
                                 stdout=subprocess.PIPE, text=True)
        try:
            for _ in range(5 + 20 * life):
                line = child.stdout.readline()
                assert line, "the writer ended by itself"
                acknowledged.update(map(int, line.split()))
        finally:
            os.kill(child.pid, signal.SIGKILL)
            # What it said before it died counts, too; a torn line does not.
            rest = child.communicate(timeout=HANG_SECONDS)[0]
        for line in rest.splitlines(keepends=True):
            if line.endswith("\n"):
                acknowledged.update(map(int, line.split()))
        assert child.returncode == -signal.SIGKILL
        with engram.open(path) as store:
            found = {p.id: p for p in store.patterns()}
            assert acknowledged <= found.keys()
            for pattern in found.values():
                assert pattern.metadata == {"sum": float(pattern.vector.sum())}
            nearest = store.search(np.stack([p.vector for p in found.values()]), k=1, exact=True)
            assert not nearest.distances.any()
            acknowledged.add(store.insert(vectors(1)[0], {"sum": float(vectors(1)[0].sum())}))
    assert len(acknowledged) > 500
