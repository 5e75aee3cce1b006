"""Reads zip archives in a landing zone: what they hold, and each file in them on its own.

A file in a zip is read by one request for its bytes, so that it does not matter what else is in
the archive, nor whether that is on a disk or in a bucket. The checksum in the archive's directory
proves that it arrived whole.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import IO, TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import fsspec

ARCHIVE_RATIO = 100
# What the library raises for an archive that is damaged, cut short, or of an unknown kind.
DAMAGED = (
    EOFError,
    NotImplementedError,
    UnicodeDecodeError,
    zipfile.BadZipFile,
    zlib.error,
)
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_LONGEST_NAME = _LONGEST_EXTRA = 0xFFFF
# A directory is read from the end, and takes about 100 bytes for each file.
_AT_ONCE = {"block_size": 1 << 16, "cache_type": "blockcache"}


@dataclass(frozen=True)
class Member:
    """One file in a zip archive, as the archive's directory describes it.

    Attributes:
        name: Its path in the archive.
        offset: Where its header begins, in bytes.
        packed: Its size in the archive.
        size: Its size unpacked.
        method: How it is compressed; a number that the format defines.
        crc: CRC-32 of its content.
    """

    name: str
    offset: int
    packed: int
    size: int
    method: int
    crc: int

    @property
    def span(self) -> int:
        """From its header on, how many bytes are sure to hold it; they may reach beyond it."""
        return _LOCAL_HEADER.size + _LONGEST_NAME + _LONGEST_EXTRA + self.packed


def points_outside(name: str) -> bool:
    """Whether a path would leave the folder that an archive is unpacked in."""
    path = PureWindowsPath(name)  # Handles both kinds of slashes, and drives.
    return bool(path.root or path.drive or ".." in path.parts)


def problem_with(info: zipfile.ZipInfo) -> str:
    """Says why a file in a zip must not be unpacked; nothing if it may."""
    if points_outside(info.filename):
        return f"the zip's member {info.filename!r} points outside the archive"
    if info.flag_bits & 0x1:
        return "the zip is encrypted"
    if info.file_size > ARCHIVE_RATIO * max(info.compress_size, 1):
        return f"the zip unpacks to more than {ARCHIVE_RATIO} times its size: not unpacked"
    return ""


def members(fs: fsspec.AbstractFileSystem, key: str) -> list[tuple[Member, str]]:
    """Lists the files in a zip, each with the problem that keeps it from being unpacked, if any.

    Raises:
        zipfile.BadZipFile: If it is no zip, or not all of one.
        OSError: If it cannot be read.
    """
    with _opened(fs, key) as stream, zipfile.ZipFile(stream) as archive:
        listed = [info for info in archive.infolist() if not info.is_dir()]
    times = Counter(info.filename for info in listed)
    return [
        (
            Member(
                name=info.filename,
                offset=info.header_offset,
                packed=info.compress_size,
                size=info.file_size,
                method=info.compress_type,
                crc=info.CRC,
            ),
            f"the zip holds {info.filename} {times[info.filename]} times; one of them must go"
            if times[info.filename] > 1
            else problem_with(info),
        )
        for info in listed
    ]


def _opened(fs: fsspec.AbstractFileSystem, key: str) -> IO[bytes]:
    options: dict[str, Any] = _AT_ONCE if "s3" in fs.protocol else {}
    return cast("IO[bytes]", fs.open(key, "rb", **options))


def first_bytes(fs: fsspec.AbstractFileSystem, key: str, member: Member, size: int) -> bytes:
    """Reads the beginning of a small file in a zip.

    Raises:
        zipfile.BadZipFile: If the zip is damaged.
        OSError: If it cannot be read.
    """
    with _opened(fs, key) as stream:
        stream.seek(member.offset)
        return unpacked(stream, member).read(size)


def unpacked(raw: IO[bytes], member: Member) -> IO[bytes]:
    """Unpacks a file in a zip while it is read, and checks it at its end.

    Args:
        raw: The archive, at the member's header; need not be seekable.
        member: The file.

    Raises:
        zipfile.BadZipFile: If there is no file there; reading raises it if the content is damaged.
    """
    header = raw.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size:
        raise EOFError(f"it ends within the header of {member.name}")
    mark, name, extra = _LOCAL_HEADER.unpack(header)
    if mark != b"PK\x03\x04":
        raise zipfile.BadZipFile(f"there is no {member.name} where its directory says")
    raw.read(name + extra)
    info = zipfile.ZipInfo(member.name)
    info.compress_type, info.CRC = member.method, member.crc
    info.compress_size, info.file_size = member.packed, member.size
    return cast("IO[bytes]", zipfile.ZipExtFile(raw, "r", info))
