"""Engram: an embedded, durable store for vectors with metadata, searched by similarity.

    import engram
    import numpy as np

    with engram.create("colours", dim=3, metric="cosine") as store:
        store.insert(np.array([1, 0.5, 0], np.float32), {"name": "orange"})
        ids, distances = store.search(np.array([0.9, 0.6, 0.1], np.float32), k=5)

What insert() acknowledged is there after any crash. docs/python.md has more, and a table for who
knows hnswlib.
"""

from . import _core, _errors
from ._core import (
    BatchResult, CommitResult, CompactProgress, CompactReport, EraseForeverReport, Failure,
    FeatureEncoder, GraphHealth, GraphReport, Hit, HubReport, LevelReport, NamedSnapshot, Neighbors,
    Pattern, RebalanceProgress, RebalanceReport, SearchResult, Snapshot, SpaceReport, Stats, Store,
    WriteBatch, __version__)
from ._errors import (
    AlreadyExistsError, BusyError, CancelledError, ClosedError, Code, CorruptedIndexError,
    DimensionMismatchError, EmptyIndexError, Error, IndexFullError, InvalidArgumentError,
    InvalidVectorError, IoError, NoSpaceError, NotFoundError, NotSupportedError, ReadOnlyError,
    SearchTimeoutError, SnapshotExpiredError)

__all__ = [
    "create", "open",
    "BatchResult", "CommitResult", "CompactProgress", "CompactReport", "EraseForeverReport",
    "Failure", "FeatureEncoder", "GraphHealth", "GraphReport", "Hit", "HubReport", "LevelReport",
    "NamedSnapshot", "Neighbors", "Pattern", "RebalanceProgress", "RebalanceReport", "SearchResult",
    "Snapshot", "SpaceReport", "Stats", "Store", "WriteBatch",
    "AlreadyExistsError", "BusyError", "CancelledError", "ClosedError", "Code",
    "CorruptedIndexError", "DimensionMismatchError", "EmptyIndexError", "Error", "IndexFullError",
    "InvalidArgumentError", "InvalidVectorError", "IoError", "NoSpaceError", "NotFoundError",
    "NotSupportedError", "ReadOnlyError", "SearchTimeoutError", "SnapshotExpiredError",
    "__version__",
]

_OPTIONS_DOC = """
    For each open:

    ef              candidates looked at by a search that says nothing else, 1 to 65,536; 100.
    max_elements    the most live patterns the store takes, then IndexFullError; 2**32 - 2.
    keep_pruned     fill links up with near nodes that the diversity heuristic left out; False.
    durability      what a write promises that says nothing else: 'sync' (on disk when it returns),
                    'interval' (within sync_interval), 'none' (with flush() or a checkpoint). A
                    killed process loses nothing acknowledged in any case. 'sync'.
    sync_interval   seconds, 0.001 to 3,600; 1.
    log_segment_bytes      size of a log file, 64 KiB to 1 GiB; 64 MiB.
    checkpoint_log_bytes   a checkpoint starts when the log holds this or a quarter of the page
                    file, whichever is more; 256 MiB.
    dirty_page_bytes       ... when so much is changed in memory; 0: no limit.
    checkpoint_interval    ... when the last is so many seconds old; 0: never by time.
    residency       how pages are held: 'resident' (all in memory: the fastest search), 'mapped' (read
                    as they are needed: opens at once, may be larger than memory;
                    NotSupportedError on a file system that cannot) or 'auto' (resident while they
                    fit memory_budget_bytes). 'auto'.
    handle_sigbus   catch the signal for a page of a mapped store that cannot be read any more, so
                    that calls raise IoError; with False the process ends. True.
    memory_budget_bytes    the most memory pages may take; 0: three quarters of the machine's.
                    Inserts that need more raise IndexFullError (resident) or wait for a checkpoint
                    (mapped).
    metadata_buffer_bytes  memory of the metadata store's write buffers; 16 MiB.
    scrub_bytes_per_second how much of the page file is read and checked in the background, up to
                    1 TiB; 8 MiB; 0: nothing is.
    audit_interval  seconds from one look at every link of the graph, in the background, to the
                    next; up to 366 days; 3,600; 0: none.
    background_threads     1: the store checkpoints, syncs and reclaims by itself; 0: it makes no
                    threads and the program calls run_maintenance(). 1.
    search_threads  threads of one batch of searches, exact search or large insert, 1 to 256; 0: one
                    a core, at most 16.
    checkpoint_on_close    close() makes a checkpoint, so that the next open replays nothing;
                    True.
    check_permissions      refuse a directory that others may write to; True.
    history         seconds for which the states of the past stay readable by Store.snapshot_at(), up
                    to ten years; what ended meanwhile keeps its place. 0: not at all.
    keep_history    where `history` is 0, a store that keeps states of the past goes on keeping them,
                    for up to ten years, and does not give them up; one that keeps none begins
                    nothing: for programs that open a store of another. False.
    max_snapshot_age       a Snapshot that is open for so many seconds gives way when what it holds
                    back is wanted: reads then raise SnapshotExpiredError. Named ones do not. 0:
                    never.
    max_named_snapshots    the most of them, 0 to 65,536; 64.
    max_age         patterns expire when their own time is so many seconds ago: reads do not return
                    them any more, and the store ends them. 0: they do not.
    max_age_by_type dict of types and seconds, which count for patterns of these types instead.
    sweep_interval  seconds after which a sweep for what the dead leave begins, however few they
                    are; whole ones from 1; 60.
    clock           called as clock() from any thread, at each write and, where patterns expire, each
                    search: returns what time it is, a datetime with a time zone. For patterns that
                    come without a time, commits and expiry; None: the system's. Called once when
                    opening, which raises what it raises; where it fails later, that is shown
                    (sys.unraisablehook) and the time that it gave last is taken again. Must not
                    call the store.
    log             called as log(level, text) from any thread, with the levels of the module
                    logging: logging.getLogger("engram").log fits. Must not call the store.

    None takes the default. Times are numbers or datetime.timedelta.
"""


def create(
        path, dim, metric="l2", m=16, ef_construction=200, *, ef=None, seed=None,
        indexed_fields=None, journal_bytes=None, max_elements=None, keep_pruned=None,
        durability=None, sync_interval=None, log_segment_bytes=None, checkpoint_log_bytes=None,
        dirty_page_bytes=None, checkpoint_interval=None, residency=None, handle_sigbus=None,
        memory_budget_bytes=None, metadata_buffer_bytes=None, scrub_bytes_per_second=None,
        audit_interval=None, background_threads=None, search_threads=None, checkpoint_on_close=None,
        check_permissions=None, history=None, keep_history=None, max_snapshot_age=None,
        max_named_snapshots=None, max_age=None, max_age_by_type=None, sweep_interval=None, clock=None,
        log=None):
    """Makes an empty store in the directory `path`, which may not hold one, and returns the Store.

    Fixed for ever:

    dim             components of a vector, 1 to 16,384.
    metric          'l2' (squared Euclidean), 'cosine' (1 - cos) or 'ip' (1 - inner product).
    m               links a node keeps above level 0, twice as many at level 0; 2 to 128.
    seed            int of everything that is random.
    indexed_fields  list of names of metadata fields that get an index, at most 64.
    journal_bytes   size of the double-write area on disk, 256 KiB to 4 GiB; 128 MiB.

    Kept where later opens say nothing else:

    ef_construction candidates looked at by an insert, 1 to 65,536: more make better links, slower.
    """
    options = {**locals()}
    del options["path"]
    return _core.open_store(path, {**options, "error_if_exists": True}, False)


def open(  # noqa: A001
        path, read_only=False, *, dim=None, metric=None, m=None, indexed_fields=None,
        create_if_missing=False, seed=None, journal_bytes=None, ef_construction=None, ef=None,
        max_elements=None, keep_pruned=None,
        durability=None, sync_interval=None, log_segment_bytes=None, checkpoint_log_bytes=None,
        dirty_page_bytes=None, checkpoint_interval=None, residency=None, handle_sigbus=None,
        memory_budget_bytes=None, metadata_buffer_bytes=None, scrub_bytes_per_second=None,
        audit_interval=None, background_threads=None, search_threads=None, checkpoint_on_close=None,
        check_permissions=None, history=None, keep_history=None, max_snapshot_age=None,
        max_named_snapshots=None, max_age=None, max_age_by_type=None, sweep_interval=None, clock=None,
        log=None):
    """Opens the store in the directory `path` and returns the Store.

    read_only       open it together with other readers, without writing a byte; it must have been
                    closed cleanly (NotSupportedError otherwise: open it for writing once). Else one
                    process at a time has it (BusyError).
    dim, metric, m, indexed_fields
                    checked against the store where given.
    create_if_missing
                    make it where there is none; then `dim` must be given.
    seed, journal_bytes
                    used where it is made, as in create().
    ef_construction candidates looked at by an insert, 1 to 65,536; as at creation.
    """
    options = {**locals()}
    del options["path"], options["read_only"]
    return _core.open_store(path, options, read_only)


create.__doc__ += _OPTIONS_DOC + """
    Raises AlreadyExistsError, InvalidArgumentError, NoSpaceError, IoError.
    """
open.__doc__ += _OPTIONS_DOC + """
    Raises NotFoundError, BusyError, DimensionMismatchError, InvalidArgumentError,
    CorruptedIndexError, NotSupportedError (a newer format), NoSpaceError, IoError.
    """

# They are of this package, whatever file they come from.
for _name in __all__:
    if isinstance(globals()[_name], type):
        globals()[_name].__module__ = __name__
del _name
