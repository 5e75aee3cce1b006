"""Reads only the beginning of a file, to tell what loading it would bring."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, cast

import fsspec

from ingestion.datasets import EVERY_DATASET
from ingestion.errors import RefusedFile
from ingestion.landing.fetch import fetch, open_stored
from ingestion.landing.layouts import Layout
from ingestion.landing.listing import LandingFile
from ingestion.reading.encoding import OLD_ENCODING, LooksLatin, NotText, transcoded
from ingestion.reading.header import LINE_END, Header, first_line, match_header
from ingestion.reading.inspection import (
    check_listed,
    decompressed,
    empty,
    refusing_broken_archives,
    unpack,
)
from ingestion.reading.parquet import look_at
from ingestion.reading.rules import Rules
from ingestion.reading.translation import Translation

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
    """The first bytes of a file, and the share of it that they are; 1 if they are all of it."""

    text: bytes
    share: float


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
    check_listed(fs, file)
    if file.format == "parquet":
        return _typed(fs, file)
    beginning = _beginning(fs, file)
    if not beginning.text:
        raise RefusedFile(empty(file))
    if file.layout:
        beginning = replace(beginning, text=_as_csv(beginning, file.layout))
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
    matched = match_header(header, EVERY_DATASET[file.dataset], file.separator)
    return Peek(matched, _rows(beginning, first.bytes))


def _typed(fs: fsspec.AbstractFileSystem, file: LandingFile) -> Peek:
    """Reads the footer of a Parquet file; one that is packed has to be unpacked for that."""
    dataset = EVERY_DATASET[file.dataset]
    with ExitStack() as stack:
        if file.compression is None:
            stream = stack.enter_context(closing(cast("IO[bytes]", fs.open(file.key, "rb"))))
        else:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            stored = fetch(fs, file, folder / "stored")
            unpack(stored, file, folder / "unpacked")
            stream = stack.enter_context((folder / "unpacked").open("rb"))
        found = look_at(stream, dataset)
        return Peek(found.header, found.rows)


def _as_csv(beginning: _Beginning, layout: Layout) -> bytes:
    text = beginning.text
    if beginning.share < 1:  # then it ends within a line
        text = text[: text.rfind(b"\n") + 1]
    try:
        return b"".join(Translation(layout).of([text]))
    except LooksLatin:
        return b"".join(Translation(layout).of(transcoded([text], OLD_ENCODING)))


def _beginning(fs: fsspec.AbstractFileSystem, file: LandingFile) -> _Beginning:
    # A zip is read from its end, which a stream from a store cannot do.
    is_whole_zip = file.compression == "zip" and not file.member
    opened = fs.open(file.key, "rb") if is_whole_zip else open_stored(fs, file)
    with (
        closing(cast("IO[bytes]", opened)) as raw,
        refusing_broken_archives(file),
        decompressed(raw, file) as stream,
    ):
        text = b"".join(islice(iter(partial(stream.read, _STEP), b""), _STEPS))
        if len(text) < _STEP * _STEPS:
            return _Beginning(text, 1)
        if file.member:
            return _Beginning(text, len(text) / file.member.size)
        return _Beginning(text, raw.tell() / file.bytes)


def _rows(beginning: _Beginning, header_bytes: int) -> int:
    """Estimates the records from the line ends after the header; quoted ones count too."""
    records = beginning.text[header_bytes:]
    lines = len(LINE_END.findall(records))
    if beginning.share == 1:
        return lines + (bool(records) and not records.endswith((b"\n", b"\r")))
    return round(lines / beginning.share)
