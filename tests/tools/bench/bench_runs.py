"""What the tests of the benchmarks' programs share: running one, and making it a set."""
import os
import struct
import subprocess


def run(program, directory, *arguments):
    """Runs it with its temporary files in the directory, and without the machine's own sets."""
    environment = {**os.environ, "ENGRAM_BENCH_DIR": str(directory)}
    environment.pop("ENGRAM_DATA", None)
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, env=environment)


def write_rows(path, rows, kind="f"):
    """As TEXMEX files are: each row behind its length; of floats, or of integers ("i")."""
    path.write_bytes(b"".join(struct.pack(f"<i{len(row)}{kind}", len(row), *row) for row in rows))
