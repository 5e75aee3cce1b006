"""The bytes of one file: brought to a plain local file, and checked from first to last."""

from __future__ import annotations

import bz2
import codecs
import gzip
import hashlib
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

import fsspec

from ingestion.datasets import Dataset
from ingestion.errors import RefusedFile
from ingestion.header import match_header
from ingestion.landing import LandingFile

PIECE_BYTES = 4 << 20
ZIP_RATIO = 100
_BROKEN_ARCHIVE = (
    EOFError,
    NotImplementedError,
    UnicodeDecodeError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Bytes:
    """What one pass over a file's bytes found.

    Attributes:
        content_hash: SHA-256 of the decompressed content.
        records: CSV records after the header, as counted from line ends outside quotes.
        separators: Commas outside quotes, after the header.
        countable: Whether quotes and line ends stand only where RFC 4180 has them, so that these
            counts can be relied on.
        uniform: Whether every line after the header, its digits taken out, has the one shape
            that its columns give it (see `Header.shape`): then no number can be spelt in
            another way, and DuckDB's lenient casts have nothing to be lenient about.
    """

    content_hash: str
    records: int
    separators: int
    countable: bool
    uniform: bool


class _Inspector:
    """Takes whole lines at a time, so that nothing is cut at a boundary."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._shapes: tuple[bytes, ...] = ()
        self._hash = hashlib.sha256()
        self._lines = 0
        self._records = 0
        self._separators = 0
        self._inside_quotes = False
        self._uniform = True
        self._regular = True
        self._unfinished = False

    def take(self, piece: bytes) -> None:
        self._hash.update(piece)
        if self._lines == 0:
            self._check_first_bytes(piece)
            header, newline, piece = piece.partition(b"\n")
            self._check_text(header + newline)
            self._expect(header)
            self._lines = 1
        self._unfinished = bool(piece) and not piece.endswith(b"\n")
        if not self._take_uniform(piece):
            self._uniform = False
            self._check_text(piece)
            self._count_records(piece)
            self._lines += piece.count(b"\n")

    def _expect(self, header: bytes) -> None:
        # A file whose lines end at a lone CR has all of itself before its first LF.
        line = header.decode().partition("\r")[0]
        shape = match_header(line, self._dataset).shape
        if shape is None:
            self._uniform = False
        else:
            self._shapes = (shape + b"\n", shape + b"\r\n")

    def _take_uniform(self, piece: bytes) -> bool:
        if not self._uniform:
            return False
        shapes = piece.translate(None, b"0123456789")
        if self._unfinished:
            shapes += b"\n"
        for shape in self._shapes:
            count = len(shapes) // len(shape)
            if shapes == shape * count:
                self._records += count - self._unfinished
                self._lines += count
                self._separators += count * shape.count(b",")
                return True
        return False

    def _check_first_bytes(self, piece: bytes) -> None:
        if piece.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise RefusedFile("line 1, byte 1: UTF-16 text; expected UTF-8. Save it as UTF-8")

    def _check_text(self, piece: bytes) -> None:
        if b"\0" in piece:
            line = self._lines + piece[: piece.index(b"\0")].count(b"\n") + 1
            raise RefusedFile(f"line {line}: a NUL byte; expected text in UTF-8 (is it UTF-16?)")
        if b"\r" in piece and piece.count(b"\r") != piece.count(b"\r\n"):
            self._regular = False
        if not piece.isascii():
            self._check_utf8(piece)

    def _check_utf8(self, piece: bytes) -> None:
        try:
            piece.decode()
        except UnicodeDecodeError as error:
            if error.end == len(piece) and error.reason == "unexpected end of data":
                reason = "the last character is cut: the file is not complete"
            else:
                reason = "the file looks like Latin-1 (ISO-8859-1). Save it as UTF-8"
            line = self._lines + piece[: error.start].count(b"\n") + 1
            byte = piece[error.start]
            raise RefusedFile(f"line {line}: byte 0x{byte:02x} is not UTF-8; {reason}") from None

    def _count_records(self, piece: bytes) -> None:
        if b'"' not in piece and not self._inside_quotes:
            self._count_outside(piece)
            return
        parts = piece.split(b'"')
        for index, part in enumerate(parts):
            if index:
                self._inside_quotes = not self._inside_quotes
            if not self._inside_quotes:
                self._count_outside(part)
                self._check_quotes(part, index > 0, index < len(parts) - 1)

    def _count_outside(self, part: bytes) -> None:
        self._records += part.count(b"\n")
        self._separators += part.count(b",")

    def _check_quotes(self, part: bytes, closed_before: bool, opens_after: bool) -> None:
        """A quote opens a field or closes it; readers differ on what any other one means."""
        if not part:
            return  # A doubled quote, or the edge of the piece.
        if closed_before and not part.startswith((b",", b"\n", b"\r\n")):
            self._regular = False
        if opens_after and not part.endswith((b",", b"\n")):
            self._regular = False

    def result(self) -> Bytes:
        return Bytes(
            self._hash.hexdigest(),
            self._records + self._unfinished,
            self._separators,
            self._regular and not self._inside_quotes,
            self._uniform,
        )


def _whole_lines(stream: IO[bytes]) -> Iterator[bytes]:
    rest: list[bytes] = []
    while block := stream.read(PIECE_BYTES):
        end = block.rfind(b"\n") + 1
        if end:
            yield b"".join([*rest, block[:end]])
            rest = []
        rest.append(block[end:])
    if any(rest):
        yield b"".join(rest)


@contextmanager
def _open_zip(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(raw) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
        names = ", ".join(info.filename for info in members) or "none"
        if len(members) != 1:
            raise RefusedFile(f"a zip must hold exactly one file; found {len(members)}: {names}")
        member = members[0]
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise RefusedFile(f"the zip's member {member.filename!r} points outside the archive")
        if member.flag_bits & 0x1:
            raise RefusedFile("the zip is encrypted")
        if member.file_size > ZIP_RATIO * max(member.compress_size, 1):
            raise RefusedFile(
                f"the zip unpacks to more than {ZIP_RATIO} times its size: not unpacked"
            )
        with archive.open(member) as stream:
            yield stream


@contextmanager
def _decompressed(raw: IO[bytes], compression: str | None) -> Iterator[IO[bytes]]:
    if compression == "zip":
        with _open_zip(raw) as stream:
            yield stream
    elif compression == "zstd":
        import pyarrow as pa

        # Unlike the readers of zstandard itself it tells when the stream ends too early.
        with pa.CompressedInputStream(raw, "zstd") as stream:
            yield cast("IO[bytes]", stream)
    elif compression:
        opener: Any = gzip.open if compression == "gzip" else bz2.open
        with opener(raw) as stream:
            yield stream
    else:
        yield raw


def local_path(fs: fsspec.AbstractFileSystem, file: LandingFile) -> Path | None:
    """Tells where a file can be read as it is.

    Args:
        fs: The landing zone's file system.
        file: The file.

    Returns:
        Its path if it is a plain local file, else None: it has to be staged.
    """
    plain_and_local = file.compression is None and "file" in fs.protocol
    return Path(file.key) if plain_and_local else None


def inspect(path: Path, dataset: Dataset) -> Bytes:
    """Reads a plain local file once and checks every byte of it.

    Args:
        path: The file.
        dataset: Which dataset it is of.

    Returns:
        Its content hash and what is known of its records.

    Raises:
        RefusedFile: If it is empty or is not UTF-8 text.
    """
    with path.open("rb") as stream:
        return _inspect_stream(stream, dataset, None)


def _inspect_stream(stream: IO[bytes], dataset: Dataset, copy: IO[bytes] | None) -> Bytes:
    inspector = _Inspector(dataset)
    empty = True
    for piece in _whole_lines(stream):
        empty = False
        inspector.take(piece)
        if copy is not None:
            copy.write(piece)
    if empty:
        raise RefusedFile("the file is empty (zero bytes); expected a header line")
    return inspector.result()


def _opened(fs: fsspec.AbstractFileSystem, file: LandingFile) -> IO[bytes]:
    # A zip is read from its end.
    if "s3" in fs.protocol and file.compression != "zip":
        from ingestion.s3 import open_object

        return open_object(fs, file)
    return cast("IO[bytes]", fs.open(file.key, "rb"))


def stage(fs: fsspec.AbstractFileSystem, file: LandingFile, dataset: Dataset, to: Path) -> Bytes:
    """Copies a remote or compressed file to a plain local one, checking it on the way.

    Args:
        fs: The landing zone's file system.
        file: The file.
        dataset: Which dataset it is of.
        to: The plain local file to write.

    Returns:
        Its content hash and what is known of its records.

    Raises:
        RefusedFile: If it is empty, cut short, not what its name says or not UTF-8 text.
    """
    try:
        with (
            _opened(fs, file) as raw,
            _decompressed(raw, file.compression) as stream,
            to.open("wb") as copy,
        ):
            return _inspect_stream(stream, dataset, copy)
    except _BROKEN_ARCHIVE as error:
        raise _incomplete(file, error) from None
    except OSError as error:
        if file.compression is None or error.errno is not None:
            raise
        raise _incomplete(file, error) from None


def _incomplete(file: LandingFile, error: Exception) -> RefusedFile:
    return RefusedFile(
        f"not a complete {file.compression} archive ({error}); was the upload cut short?"
    )
