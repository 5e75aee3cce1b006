"""Unpacks one file to a plain local file, and checks every byte of it."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, cast

from ingestion.datasets import Dataset
from ingestion.errors import RefusedFile
from ingestion.landing import zips
from ingestion.landing.listing import RELEASE, LandingFile
from ingestion.landing.names import COMPRESSIONS
from ingestion.landing.zips import ARCHIVE_RATIO
from ingestion.reading.encoding import (
    NotText,
    check_first_bytes,
    check_text,
    looks_like_archive,
    transcoded,
)
from ingestion.reading.header import first_line, match_header
from ingestion.reading.translation import NO_ROWS, Translation

if TYPE_CHECKING:
    import fsspec

PIECE_BYTES = 4 << 20
LONGEST_LINE = 64 << 20
# A small archive may hold a very repetitive file; up to this size it fills no disk.
UNPACKED_IN_ANY_CASE = 64 << 20
EMPTY = "the file is empty (zero bytes); expected a header line"
EMPTY_PARQUET = (
    "the file is empty (zero bytes); expected Parquet, which has a footer even if no rows"
)
_BROKEN_ARCHIVE = (*zips.DAMAGED, gzip.BadGzipFile, lzma.LZMAError)


class Readable(Protocol):
    """What lines can be read from."""

    def read(self, size: int, /) -> bytes:
        """Reads about `size` bytes at most; returns none at the end."""
        ...


@dataclass(frozen=True)
class Bytes:
    """The findings of one pass over a file's bytes.

    Attributes:
        content_hash: SHA-256 of the decompressed content.
        records: Records after the header, counted by line ends outside quotes.
        lines: Lines, with any kind of line end; an upper bound on the records.
        separators: Separators outside quotes, after the header.
        countable: Whether quotes and line ends are only where RFC 4180 allows them, so that these
            counts are reliable.
        uniform: Whether every line after the header, without its digits, has the same shape (see
            `Header.shape`): then numbers have only one spelling, and DuckDB's lenient casts have
            nothing to be lenient about.
    """

    content_hash: str
    records: int
    lines: int
    separators: int
    countable: bool
    uniform: bool


class _Inspector:
    """Takes only whole lines, so that no record or character is cut at a boundary."""

    def __init__(self, dataset: Dataset, separator: str) -> None:
        self._dataset = dataset
        self._separator = separator.encode()
        self._shapes: tuple[bytes, ...] = ()
        self._hash = hashlib.sha256()
        self._before_header = b""
        self._lines = 0
        self._lone_returns = 0
        self._records = 0
        self._separators = 0
        self._inside_quotes = False
        self._ends_inside = 0
        self._uniform = True
        self._regular = True
        self._unfinished = False

    def take(self, piece: bytes) -> None:
        self._hash.update(piece)
        if self._lines == 0:
            piece = self._before_header + piece
            check_first_bytes(piece)
            header = first_line(piece)
            if not header.line:
                self._before_header = piece
                return
            self._check_text(piece[: header.bytes])
            self._expect(header.text)
            self._lines = header.lines
            piece = piece[header.bytes :]
        self._unfinished = bool(piece) and not piece.endswith(b"\n")
        if not self._take_uniform(piece):
            self._uniform = False
            self._check_text(piece)
            self._count_records(piece)
            self._lines += piece.count(b"\n")

    def _expect(self, header: str) -> None:
        shape = match_header(header, self._dataset, self._separator.decode()).shape
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
                self._separators += count * shape.count(self._separator)
                return True
        return False

    def _check_text(self, piece: bytes) -> None:
        check_text(piece, self._lines)
        if b"\r" in piece and piece.count(b"\r") != piece.count(b"\r\n"):
            self._lone_returns += piece.count(b"\r") - piece.count(b"\r\n")
            self._regular = False

    def _count_records(self, piece: bytes) -> None:
        if b'"' not in piece and not self._inside_quotes:
            self._count_outside(piece)
            return
        parts = piece.split(b'"')
        for index, part in enumerate(parts):
            if index:
                self._inside_quotes = not self._inside_quotes
            if self._inside_quotes:
                self._check_inside(part)
            else:
                self._count_outside(part)
                self._check_quotes(part, index > 0, index < len(parts) - 1)

    def _count_outside(self, part: bytes) -> None:
        self._records += part.count(b"\n")
        self._separators += part.count(self._separator)

    def _check_inside(self, part: bytes) -> None:
        """A field that contains a whole line may be an unclosed quote."""
        self._ends_inside += part.count(b"\n")
        if self._ends_inside > 1:
            self._regular = False

    def _check_quotes(self, part: bytes, closed_before: bool, opens_after: bool) -> None:
        """A quote opens or closes a field; readers differ on what any other quote means."""
        if not part:
            return  # A doubled quote, or the end of the piece.
        self._ends_inside = 0
        if closed_before and not part.startswith((self._separator, b"\n", b"\r\n")):
            self._regular = False
        if opens_after and not part.endswith((self._separator, b"\n")):
            self._regular = False

    def result(self) -> Bytes:
        if self._lines == 0:
            self._expect("")  # Raises: there are only blank lines.
        return Bytes(
            self._hash.hexdigest(),
            self._records + self._unfinished,
            self._lines + self._lone_returns + self._unfinished,
            self._separators,
            self._regular and not self._inside_quotes,
            self._uniform,
        )


def blocks(stream: Readable) -> Iterator[bytes]:
    """Reads a stream to its end, a few megabytes at a time."""
    return iter(partial(stream.read, PIECE_BYTES), b"")


def whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Regroups blocks, cut anywhere, into pieces of a few megabytes that end at a line end.

    The last piece ends where the stream does.

    Raises:
        NotText: If there is a line of `LONGEST_LINE` bytes or more.
    """
    rest: list[bytes] = []
    for block in blocks:
        # If lines end in a lone CR, cut at one that no LF follows.
        end = block.rfind(b"\n") + 1 or block.rfind(b"\r", 0, -1) + 1
        if end:
            yield b"".join([*rest, block[:end]])
            rest = []
        rest.append(block[end:])
        if sum(map(len, rest)) >= LONGEST_LINE:
            raise NotText(f"a line is longer than {LONGEST_LINE >> 20} MB. Is it a CSV file?")
    if any(rest):
        yield b"".join(rest)


@contextmanager
def _open_zip(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(raw) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
        names = ", ".join(info.filename for info in members) or "none"
        if len(members) != 1:
            raise RefusedFile(f"a zip must hold exactly one file; found {len(members)}: {names}")
        if problem := zips.problem_with(members[0]):
            raise RefusedFile(problem)
        with archive.open(members[0]) as stream:
            yield stream


@contextmanager
def decompressed(raw: IO[bytes], file: LandingFile) -> Iterator[IO[bytes]]:
    """Decompresses a file as it is stored while it is read; a zip of one file has to be seekable.

    Raises:
        RefusedFile: If a zip does not hold exactly one safe member.
    """
    if file.member:
        with zips.unpacked(raw, file.member) as stream:
            yield stream
    elif file.compression == "zip":
        with _open_zip(raw) as stream:
            yield stream
    elif file.compression == "gzip":
        with gzip.open(raw) as stream:
            yield cast("IO[bytes]", stream)
    elif file.compression:
        import pyarrow as pa

        # Python's own bz2 reader stops silently where a second stream is damaged.
        with pa.CompressedInputStream(raw, file.compression) as stream:
            yield cast("IO[bytes]", stream)
    else:
        yield raw


def empty(file: LandingFile) -> str:
    """Says that a file is empty, and what was expected in it."""
    if file.layout:
        return NO_ROWS
    return EMPTY_PARQUET if file.format == "parquet" else EMPTY


def _check_mark(raw: IO[bytes], file: LandingFile) -> None:
    beginning, compression = raw.read(8), file.compression
    raw.seek(0)
    if not beginning:
        raise RefusedFile(empty(file))
    unknown = f"something that begins with {beginning!r}"
    what, suffix = looks_like_archive(beginning) or (unknown, "")
    if compression and not file.member and COMPRESSIONS.get(suffix) != compression:
        raise RefusedFile(f"it is named like a {compression} archive, but it is {what}")


def _bounded(pieces: Iterator[bytes], file: LandingFile) -> Iterator[bytes]:
    most = max(UNPACKED_IN_ANY_CASE, ARCHIVE_RATIO * file.bytes)
    unpacked = 0
    for piece in pieces:
        unpacked += len(piece)
        if file.compression and unpacked > most:
            raise RefusedFile(
                f"it unpacks to more than {ARCHIVE_RATIO} times its size: not unpacked any further"
            )
        yield piece


def inspect(path: Path, dataset: Dataset, separator: str = ",") -> Bytes:
    """Reads a plain local file once and checks every byte of it.

    Args:
        path: The file.
        dataset: The dataset it belongs to.
        separator: What separates its fields.

    Raises:
        RefusedFile: If it is empty or is not UTF-8 text.
    """
    with path.open("rb") as stream:
        return _inspect(whole_lines(blocks(stream)), dataset, separator, None)


def _inspect(
    pieces: Iterator[bytes], dataset: Dataset, separator: str, copy: IO[bytes] | None
) -> Bytes:
    inspector = _Inspector(dataset, separator)
    empty = True
    for piece in pieces:
        empty = False
        inspector.take(piece)
        if copy is not None:
            copy.write(piece)
    if empty:
        raise RefusedFile(EMPTY)
    return inspector.result()


def stage(
    stored: Path, file: LandingFile, dataset: Dataset, to: Path, encoding: str | None = None
) -> Bytes:
    """Unpacks, transcodes and translates a file into plain text, checking every byte of it.

    Args:
        stored: The file as it is stored.
        file: The file as it was listed.
        dataset: The dataset it belongs to.
        to: The plain file to write.
        encoding: Its encoding if that is not UTF-8.

    Raises:
        RefusedFile: If it is empty, truncated, not what its name says or not text.
    """
    with _text(stored, file, encoding) as pieces, to.open("wb") as copy:
        if file.layout is None:
            return _inspect(pieces, dataset, file.separator, copy)
        translation = Translation(file.layout)
        content = _inspect(translation.of(pieces), dataset, file.separator, copy)
        return replace(content, content_hash=translation.content_hash)


def original_lines(stored: Path, file: LandingFile, encoding: str | None) -> Iterator[bytes]:
    """Yields the lines of a file before it is translated, in UTF-8, without their ends."""
    with _text(stored, file, encoding) as pieces:
        for piece in pieces:
            yield from piece.splitlines()


@contextmanager
def _text(stored: Path, file: LandingFile, encoding: str | None) -> Iterator[Iterator[bytes]]:
    with _unpacked(stored, file) as pieces:
        text = transcoded(pieces, encoding) if encoding else pieces
        yield _bounded(whole_lines(text), file)


@contextmanager
def _unpacked(stored: Path, file: LandingFile) -> Iterator[Iterator[bytes]]:
    with refusing_broken_archives(file), stored.open("rb") as raw:
        _check_mark(raw, file)
        with decompressed(raw, file) as stream:
            yield blocks(stream)


def unpack(stored: Path, file: LandingFile, to: Path) -> str:
    """Unpacks a file whose content is no text, and hashes that.

    Args:
        stored: The file as it is stored.
        file: The file as it was listed.
        to: Where to write it, if it is compressed.

    Returns:
        SHA-256 of its content.

    Raises:
        RefusedFile: If it is empty, truncated or not what its name says.
    """
    digest = hashlib.sha256()
    with _unpacked(stored, file) as pieces, ExitStack() as stack:
        copy = stack.enter_context(to.open("wb")) if file.compression else None
        for piece in _bounded(pieces, file):
            digest.update(piece)
            if copy:
                copy.write(piece)
    return digest.hexdigest()


def check_listed(fs: fsspec.AbstractFileSystem, file: LandingFile) -> None:
    """Checks that nothing in its listing keeps a file from being read.

    Raises:
        RefusedFile: If something does; if it is a release's zip, which cannot be looked into.
        FileNotFoundError: If by now it can.
        OSError: If it cannot be read.
    """
    if file.problem:
        raise RefusedFile(file.problem)
    if file.dataset == RELEASE:
        with refusing_broken_archives(file):
            zips.members(fs, file.key)
        raise FileNotFoundError(file.key)


@contextmanager
def refusing_broken_archives(file: LandingFile) -> Iterator[None]:
    """Refuses a file when a library reports that its archive is damaged or cut short.

    Raises:
        RefusedFile: In place of the library's error.
    """
    try:
        yield
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
