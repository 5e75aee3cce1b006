"""What can go wrong while sample data is made or fetched, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingestion.errors import MovielensError, is_no_room


class SampleDataError(MovielensError):
    """Base of every error of the sample data."""


class InvalidRequest(SampleDataError, ValueError):
    """What was asked for cannot be made, whatever the state of disk and network."""


class FolderOccupied(SampleDataError):
    """The folder holds something that this command did not write itself."""


class FolderBusy(SampleDataError):
    """Another process is writing the same folder right now."""


class FolderNotWritable(SampleDataError):
    """The folder, or the one that holds it, cannot be written."""


class DiskFull(SampleDataError):
    """The disk (or a quota, or a limit on file sizes) has no room for the data."""


class DownloadUnavailable(SampleDataError):
    """The release cannot be fetched now: no network, no answer, or no such file at that address."""


class ChecksumMismatch(SampleDataError):
    """What arrived is not what the publisher's checksum promises."""


class UnsafeArchive(SampleDataError):
    """The archive is damaged, incomplete, or holds what no MovieLens release holds."""


@contextmanager
def disk_errors_explained(folder: Path) -> Iterator[None]:
    """Turn the operating system's disk errors into ones with a remedy.

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
            f"{folder} cannot be written: {error.strerror or error}. Nothing there was changed.",
            "Choose a folder that you may write to.",
        ) from error


def disk_full(folder: Path, needed: int | None = None, free: int | None = None) -> DiskFull:
    """The error for a disk without room.

    Args:
        folder: The folder that is being written.
        needed: Bytes that the data takes, if known.
        free: Bytes that are free, if known.

    Returns:
        The error, to be raised.
    """
    figures = ""
    if needed is not None and free is not None:
        figures = f" ({_megabytes(needed)} needed, {_megabytes(free)} free)"
    return DiskFull(
        f"There is no room on the disk for {folder}{figures}. Nothing there was changed.",
        "Free some space or choose a folder on another disk, then run the same command again.",
    )


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
