"""Errors of generating and downloading sample data, each with a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingestion.errors import MovielensError, is_no_room


class SampleDataError(MovielensError):
    """Base of every error of the sample data."""


class InvalidRequest(SampleDataError, ValueError):
    """The request itself is invalid, whatever the state of disk and network."""


class FolderOccupied(SampleDataError):
    """The folder holds something this command did not write."""


class FolderBusy(SampleDataError):
    """Another process is writing the same folder."""


class FolderNotWritable(SampleDataError):
    """The folder, or its parent, cannot be written."""


class DiskFull(SampleDataError):
    """The disk, a quota or a file-size limit has no room for the data."""


class DownloadUnavailable(SampleDataError):
    """The release cannot be downloaded now: no network, no answer, or no such file."""


class ChecksumMismatch(SampleDataError):
    """The download does not match the publisher's checksum."""


class UnsafeArchive(SampleDataError):
    """The archive is damaged, incomplete, or not that of a MovieLens release."""


@contextmanager
def disk_errors_explained(folder: Path) -> Iterator[None]:
    """Turn the operating system's disk errors into errors with a remedy.

    Args:
        folder: The folder that is being written, for the message.

    Yields:
        Nothing.

    Raises:
        DiskFull: No room was left on the disk.
        FolderNotWritable: The folder could not be created, written or replaced.
    """
    try:
        yield
    except OSError as error:
        if is_no_room(error):
            raise disk_full(folder) from error
        raise FolderNotWritable(
            f"{folder} cannot be written: {error.strerror or error}. Nothing in it was changed.",
            "Choose a writable folder.",
        ) from error


def disk_full(folder: Path, needed: int | None = None, free: int | None = None) -> DiskFull:
    """The error for a disk without room.

    Args:
        folder: The folder that is being written.
        needed: Bytes required, if known.
        free: Bytes available, if known.

    Returns:
        The error, to be raised.
    """
    figures = ""
    if needed is not None and free is not None:
        figures = f" ({_megabytes(needed)} needed, {_megabytes(free)} free)"
    return DiskFull(
        f"The disk has no room for {folder}{figures}. Nothing in it was changed.",
        "Free some space or choose a folder on another disk, then run the command again.",
    )


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
