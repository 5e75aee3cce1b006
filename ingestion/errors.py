"""Errors, worded for the person who has to fix them."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping

# EFBIG is a limit on the size of one file (`ulimit -f`): one more kind of "no room".
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_ROOM_WORDS = ("no space left", "disk quota exceeded", "file too large", "out of disk")


class MovielensError(Exception):
    """A failure that the user can act on; printed without a traceback.

    Args:
        message: What happened, to which file, table or row, and what was kept.
        remedy: The command or setting that fixes it.
    """

    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class SettingsError(MovielensError):
    """A setting or an argument that cannot work."""

    exit_code = 2


class NewerLayout(SettingsError):
    """A warehouse or a published file that a newer version wrote in a layout of its own."""


class SourceError(SettingsError):
    """A landing zone that cannot be listed or holds nothing to load."""


class AuditError(MovielensError):
    """A test failed on the candidate, so nothing was published."""

    exit_code = 3


class BrokenModels(MovielensError):
    """Models could not be built; the published marts are untouched.

    Args:
        messages: By model, what the database said.
        remedy: Where the whole of it is.
    """

    def __init__(self, messages: Mapping[str, str], remedy: str) -> None:
        said = "".join(f"\n  {name}: {message}" for name, message in messages.items())
        super().__init__(
            f"{len(messages)} models could not be built; the published marts are untouched:{said}",
            remedy,
        )
        self.models = list(messages)


class RejectedError(MovielensError):
    """No file could be loaded, so there is nothing to build."""

    exit_code = 4


class BusyError(MovielensError):
    """Another run holds the lock of this home, or the lease of this warehouse."""

    exit_code = 75


class LeaseLost(BusyError):
    """Another run has taken over the warehouse that this one was writing to."""


class DamagedWarehouse(MovielensError):
    """The file of the warehouse is damaged; it can be rebuilt from the landing zone."""


class GaveUp(OSError):
    """A file could not be opened, and the store's client has given up retrying."""


class RefusedFile(Exception):
    """A file refused as a whole; the load continues with the others.

    Args:
        reason: Why, in words: what was expected and what was found.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def chain(error: BaseException) -> Iterator[BaseException]:
    """Walks an exception and its causes.

    Yields:
        The exception, then its cause or context, and so on.
    """
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def is_no_room(error: BaseException) -> bool:
    """Checks whether a write failed because the disk is full.

    Args:
        error: Raised by Python or by DuckDB.

    Returns:
        True for a full disk, an exhausted quota and a file-size limit.
    """
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return True
    return any(words in str(error).lower() for words in _NO_ROOM_WORDS)
