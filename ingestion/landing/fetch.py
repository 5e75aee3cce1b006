"""Fetches landing zone files to the local disk, as they are stored."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, cast

import fsspec
from tenacity import (
    retry,
    retry_if_exception_type,
    retry_if_not_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from ingestion.errors import GaveUp
from ingestion.landing.listing import LandingFile

PIECE_BYTES = 4 << 20
ATTEMPTS = 4
_FOR_GOOD = (FileNotFoundError, PermissionError, GaveUp)


def fetch(fs: fsspec.AbstractFileSystem, file: LandingFile, to: Path) -> Path:
    """Returns the local path of a landing zone file, copied to `to` if it is remote or in a zip.

    A copy is the complete version that was listed, or nothing: it restarts if the connection
    breaks or the bytes received are not those that were uploaded.

    Raises:
        FileNotFoundError: If it is gone, or is not the version that was listed.
        PermissionError: If this user cannot read it.
        OSError: If it could not be read after several attempts.
    """
    if "file" in fs.protocol and not file.member:
        return Path(file.key)
    _copy(fs, file, to)
    return to


@retry(
    retry=retry_if_exception_type(OSError) & retry_if_not_exception_type(_FOR_GOOD),
    stop=stop_after_attempt(ATTEMPTS),
    wait=wait_random_exponential(multiplier=0.2, max=5),
    reraise=True,
)
def _copy(fs: fsspec.AbstractFileSystem, file: LandingFile, to: Path) -> None:
    with open_stored(fs, file) as stored, to.open("wb") as copy:
        left = file.member.span if file.member else sys.maxsize
        while piece := stored.read(min(left, PIECE_BYTES)):
            copy.write(piece)
            left -= len(piece)


def open_stored(fs: fsspec.AbstractFileSystem, file: LandingFile) -> IO[bytes]:
    """Opens a landing zone file, as it is stored, to be read once from its beginning.

    A file in a zip begins with its header there; what follows it may be read as well.
    """
    if "s3" in fs.protocol:
        from ingestion.landing.s3 import open_object

        return open_object(fs, file)
    stream = cast("IO[bytes]", fs.open(file.key, "rb"))
    stream.seek(file.member.offset if file.member else 0)
    return stream
