"""Reads only the beginning of a file, to tell what loading it would bring."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import IO, cast

import fsspec

from ingestion.datasets import DATASETS
from ingestion.errors import RefusedFile
from ingestion.landing.fetch import open_stored
from ingestion.landing.listing import LandingFile
from ingestion.reading.encoding import NotText, transcoded
from ingestion.reading.header import LINE_END, Header, first_line, match_header
from ingestion.reading.inspection import EMPTY, decompressed, refusing_broken_archives
from ingestion.reading.rules import Rules

# Enough for several blocks of bzip2, in small steps, as a zip reads as far ahead as it is asked to.
_STEP, _STEPS = 1 << 16, 64


@dataclass(frozen=True)
class Peek:
    """What the beginning of a file says.

    Attributes:
        header: Its columns.
        rows: Its records: counted if the beginning is all of it, else estimated.
    """

    header: Header
    rows: int


@dataclass(frozen=True)
class _Beginning:
    text: bytes
    stored: int
    is_all: bool


def peek(fs: fsspec.AbstractFileSystem, file: LandingFile, rules: Rules) -> Peek:
    """Reads the header of a landing zone file, and estimates its rows from the lines after it.

    Args:
        fs: The file system that opens it.
        file: The file as it was listed.
        rules: How files are read.

    Raises:
        RefusedFile: If a load would refuse it for what its beginning shows.
        OSError: If it cannot be read.
    """
    beginning = _beginning(fs, file)
    if not beginning.text:
        raise RefusedFile(EMPTY)
    try:
        text = beginning.text
        first = first_line(text)
        try:
            header = first.text
        except UnicodeDecodeError:
            first = first_line(b"".join(transcoded(iter([text]), rules.encoding)))
            header = first.text
    except (NotText, UnicodeDecodeError) as problem:
        raise RefusedFile(str(problem)) from None
    return Peek(match_header(header, DATASETS[file.dataset]), _rows(beginning, first.bytes, file))


def _beginning(fs: fsspec.AbstractFileSystem, file: LandingFile) -> _Beginning:
    # A zip is read from its end, which a stream from a store cannot do.
    opened = fs.open(file.key, "rb") if file.compression == "zip" else open_stored(fs, file)
    with (
        closing(cast("IO[bytes]", opened)) as raw,
        refusing_broken_archives(file),
        decompressed(raw, file.compression) as stream,
    ):
        text = b"".join(islice(iter(partial(stream.read, _STEP), b""), _STEPS))
        is_all = len(text) < _STEP * _STEPS
        return _Beginning(text, file.bytes if is_all else raw.tell(), is_all)


def _rows(beginning: _Beginning, header_bytes: int, file: LandingFile) -> int:
    """Estimates the records from the line ends after the header; quoted ones count too."""
    records = beginning.text[header_bytes:]
    lines = len(LINE_END.findall(records))
    if beginning.is_all:
        return lines + (bool(records) and not records.endswith((b"\n", b"\r")))
    return round(lines * file.bytes / beginning.stored)
