"""The exceptions of the package, a class for each code of the library (engram/status.h)."""

import enum


class Code(enum.IntEnum):
    """What went wrong, in classes that a caller handles alike. Its numbers are those of C and C++."""

    INVALID_ARGUMENT = 1
    DIMENSION_MISMATCH = 2
    INVALID_VECTOR = 3
    INDEX_FULL = 4
    EMPTY_INDEX = 5
    NOT_FOUND = 6
    ALREADY_EXISTS = 7
    SEARCH_TIMEOUT = 8
    CANCELLED = 9
    SNAPSHOT_EXPIRED = 10
    CORRUPTED_INDEX = 11
    NO_SPACE = 12
    IO_ERROR = 13
    BUSY = 14
    READ_ONLY = 15
    NOT_SUPPORTED = 16


class Error(Exception):
    """The base of all errors of the store. `code` tells a program what to do next, the text tells a
    person what was found and what was expected."""

    code: Code

    def __str__(self) -> str:  # KeyError would show it in quotes
        return Exception.__str__(self)


class InvalidArgumentError(Error, ValueError):
    """Fix the call: an option, a number or a name is out of range."""

    code = Code.INVALID_ARGUMENT


class ClosedError(InvalidArgumentError):
    """The store or the snapshot was closed."""


class DimensionMismatchError(Error, ValueError):
    """Fix the call: the vector has another number of components."""

    code = Code.DIMENSION_MISMATCH


class InvalidVectorError(Error, ValueError):
    """Fix the data: NaN, infinity, or a zero vector under 'cosine'."""

    code = Code.INVALID_VECTOR


class IndexFullError(Error):
    """Raise max_elements or erase: the store holds all it may hold."""

    code = Code.INDEX_FULL


class EmptyIndexError(Error, LookupError):
    """Nothing to search in: insert first."""

    code = Code.EMPTY_INDEX


class NotFoundError(Error, KeyError):
    """No such pattern, or no store in that directory."""

    code = Code.NOT_FOUND


class AlreadyExistsError(Error):
    """The id was used before, or the directory holds a store already."""

    code = Code.ALREADY_EXISTS


class SearchTimeoutError(Error, TimeoutError):
    """The timeout or max_compared came before the first hit."""

    code = Code.SEARCH_TIMEOUT


class CancelledError(Error):
    """The caller's cancellation was seen."""

    code = Code.CANCELLED


class SnapshotExpiredError(Error):
    """Take a new snapshot."""

    code = Code.SNAPSHOT_EXPIRED


class CorruptedIndexError(Error):
    """Restore a copy: bytes on disk are not what was written. `engram verify DIR` lists them."""

    code = Code.CORRUPTED_INDEX


class NoSpaceError(Error, OSError):
    """Free disk space and call again; nothing was changed."""

    code = Code.NO_SPACE


class IoError(Error, OSError):
    """The system refused a read, a write or an open; the text has its reason."""

    code = Code.IO_ERROR


class BusyError(Error):
    """Another process has the store open, or another thread uses the batch."""

    code = Code.BUSY


class ReadOnlyError(Error):
    """The store is open for reading, or a write or sync failed earlier: open it again."""

    code = Code.READ_ONLY


class NotSupportedError(Error):
    """This build cannot: another format version, or a forked child with its parent's store."""

    code = Code.NOT_SUPPORTED


_CLASSES = {
    cls.code: cls
    for cls in (
        InvalidArgumentError, DimensionMismatchError, InvalidVectorError, IndexFullError,
        EmptyIndexError, NotFoundError, AlreadyExistsError, SearchTimeoutError, CancelledError,
        SnapshotExpiredError, CorruptedIndexError, NoSpaceError, IoError, BusyError, ReadOnlyError,
        NotSupportedError)
}


def error_for(code: int, message: str) -> Error:
    """The exception for a failure of the library. Called by engram._core."""
    return _CLASSES[Code(code)](message)
