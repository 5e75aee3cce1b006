"""Files of the landing zone on the local disk, as they are stored."""

from __future__ import annotations

import shutil
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


def fetch(fs: fsspec.AbstractFileSystem, file: LandingFile, folder: Path) -> Path:
    """Gives a file of the landing zone as a local one; copies it if it is not.

    A copy is the version that was listed, whole, or none at all: if the connection breaks or what
    came is not what was uploaded, it is begun again.

    Args:
        fs: The landing zone's file system.
        file: The file.
        folder: Where a copy is written.

    Returns:
        Where it is, as it is stored.

    Raises:
        FileNotFoundError: If it is gone, or is another one than was listed.
        PermissionError: If it may not be read.
        OSError: If it could not be read after several attempts.
    """
    if "file" in fs.protocol:
        return Path(file.key)
    to = folder / "stored"
    _copy(fs, file, to)
    return to


@retry(
    retry=retry_if_exception_type(OSError) & retry_if_not_exception_type(_FOR_GOOD),
    stop=stop_after_attempt(ATTEMPTS),
    wait=wait_random_exponential(multiplier=0.2, max=5),
    reraise=True,
)
def _copy(fs: fsspec.AbstractFileSystem, file: LandingFile, to: Path) -> None:
    with _opened(fs, file) as stored, to.open("wb") as copy:
        shutil.copyfileobj(stored, copy, PIECE_BYTES)


def _opened(fs: fsspec.AbstractFileSystem, file: LandingFile) -> IO[bytes]:
    if "s3" in fs.protocol:
        from ingestion.landing.s3 import open_object

        return open_object(fs, file)
    return cast("IO[bytes]", fs.open(file.key, "rb"))
