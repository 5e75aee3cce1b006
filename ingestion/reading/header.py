"""Matches the column names of a file against its dataset's contract, by name."""

from __future__ import annotations

import csv
import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from ingestion.datasets import FILE_ID, Column, Dataset
from ingestion.errors import RefusedFile
from ingestion.reading.encoding import NotText

LONGEST_HEADER = 1 << 20
# A message need not repeat a line of a megabyte.
LONGEST_SHOWN = 200
# Each stays in RAW for ever; a file with more is not MovieLens data.
MOST_NEW_COLUMNS = 100
# The lowest limit among the databases that dlt writes to.
LONGEST_NAME = 63
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}
_FIRST_LINE = re.compile(rb"(?:\xef\xbb\xbf)?((?:\r\n?|\n)*)([^\r\n]*)(\r\n?|\n|\Z)")
LINE_END = re.compile(rb"\r\n?|\n")


@dataclass(frozen=True)
class Header:
    """The positions of a dataset's columns in one file.

    Attributes:
        width: Number of columns in the file.
        positions: Each contract column with its position from 0, or None if the file lacks it.
        extra: Columns that are not in the contract (always text), with their positions.
        separator: What separates the fields, in files of text.
    """

    width: int
    positions: tuple[tuple[Column, int | None], ...]
    extra: tuple[tuple[Column, int], ...]
    separator: str = ","

    def without_ranges(self) -> Header:
        """Returns the same header for a contract without ranges."""
        positions = tuple(
            (replace(column, minimum=None, maximum=None, step=None), at)
            for column, at in self.positions
        )
        return replace(self, positions=positions)

    @property
    def columns(self) -> tuple[tuple[Column, int | None], ...]:
        """The RAW columns that this file fills, contract first."""
        return (*self.positions, *self.extra)

    @property
    def missing(self) -> list[str]:
        """Contract columns that the file lacks, in words."""
        found = [column.source_name for column, _ in self.extra]
        return [
            f"it has no column {column.source_name!r}{nearest(column.source_name, found)}: "
            "loaded as null"
            for column, at in self.positions
            if at is None
        ]

    @property
    def shape(self) -> bytes | None:
        """Each line without its digits, such as `,,.,` for ratings.

        None if there are columns whose values are not digits with at most one decimal point.
        """
        points = {at: b"." if column.type == "double" else b"" for column, at in self.columns}
        if any(column.type == "text" for column, _ in self.columns) or None in points:
            return None
        return self.separator.encode().join(points[position] for position in range(self.width))


def snake_case(name: str) -> str:
    """Converts a CSV column name to a RAW one, with dlt's default naming convention.

    Args:
        name: A name such as `tmdbId` or `Box Office`.

    Returns:
        A name such as `tmdb_id` or `box_office`; a very long one is cut and ends in a hash.
    """
    # All of dlt first: another thread may be importing it, and importing a part would not wait.
    import dlt  # noqa: F401
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    return NamingConvention(LONGEST_NAME).normalize_identifier(name)


class FirstLine(NamedTuple):
    """The header line as it stands in a file.

    Attributes:
        line: The line without its end.
        bytes: Where the records start, after the line and any BOM and blank lines before it.
        lines: Its line number; more than 1 if blank lines precede it.
    """

    line: bytes
    bytes: int
    lines: int

    @property
    def text(self) -> str:
        """The line as text; raises UnicodeDecodeError if it is not UTF-8."""
        return self.line.decode()


def first_line(beginning: bytes) -> FirstLine:
    """Finds the header line, skipping blank lines before it.

    Args:
        beginning: The first `LONGEST_HEADER` bytes of a file, or more; all of a shorter file.

    Returns:
        The line, empty if all are blank, and where the records start.

    Raises:
        NotText: If the line has no end.
    """
    found = _FIRST_LINE.match(beginning[:LONGEST_HEADER])
    if found is None or (not found[3] and len(beginning) >= LONGEST_HEADER):
        raise NotText("the first line is longer than 1 MB; expected a header. Is it a CSV file?")
    blank = len(LINE_END.findall(found[1]))
    return FirstLine(found[2], found.end(), blank + 1)


def first_line_of(path: Path) -> FirstLine:
    """Finds the header line of a plain file; see `first_line`."""
    with path.open("rb") as stream:
        return first_line(stream.read(LONGEST_HEADER))


def _refuse_other_separator(line: str, names: list[str], expected: str, right: str) -> None:
    if line.lower().startswith("sep="):
        raise RefusedFile(
            f"the first line, {_cut(line)!r}, is meant for a spreadsheet; "
            f"expected a header: {expected}"
        )
    for separator, word in _SEPARATORS.items():
        if len(names) == 1 and separator in line:
            raise RefusedFile(
                f"the columns are separated by {word}; expected {_SEPARATORS[right]}, as in: "
                f"{expected}"
            )


def _refuse_data(names: list[str], dataset: Dataset, expected: str) -> None:
    known = {column.source_name.lower() for column in dataset.columns}
    if not known & {name.lower() for name in names} and names[0].replace(".", "").isdigit():
        raise RefusedFile(
            f"it has no header: the first line is data ({_cut(','.join(names))}); "
            f"expected: {expected}"
        )


def _refuse_duplicates(names: list[str]) -> None:
    counts = Counter(name.lower() for name in names)
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise RefusedFile(f"the header names a column twice: {_cut(', '.join(twice))}")


def _refuse_too_many(names: Sequence[str], dataset: Dataset) -> None:
    new = len(names) - len(dataset.columns)
    if new > MOST_NEW_COLUMNS:
        raise RefusedFile(
            f"the header has {new:,} columns that {dataset.file_name} files do not have; "
            f"at most {MOST_NEW_COLUMNS} new ones are allowed"
        )


def nearest(name: str, names: Iterable[str]) -> str:
    """Suggests the name that may have been meant.

    Args:
        name: The name of a missing column.
        names: The names that were found.

    Returns:
        Text such as ` (the nearest is 'user')`, or nothing.
    """
    near = difflib.get_close_matches(name.lower(), [found.lower() for found in names], 1, 0.5)
    return f" (the nearest is {near[0]!r})" if near else ""


def _missing(column: Column, names: Sequence[str], expected: str) -> RefusedFile:
    near = nearest(column.source_name, names)
    return RefusedFile(
        f"the required column {column.source_name!r} is missing{near}; "
        f"expected: {expected}; found: {_cut(','.join(names))}"
    )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def match_header(line: str, dataset: Dataset, separator: str = ",") -> Header:
    """Matches a header line against a dataset's contract, by name.

    Case, order and spaces around the names do not matter.

    Args:
        line: The first line of the file, without its line end.
        dataset: The dataset that the file belongs to.
        separator: What separates the fields.

    Raises:
        RefusedFile: If a required column is missing or renamed, a name appears twice, another
            separator is used, or the line is data.
    """
    expected = separator.join(column.source_name for column in dataset.columns)
    try:
        records = csv.reader([line.lstrip("\ufeff")], strict=True, delimiter=separator)
        names = [name.strip() for name in next(records, [])]
    except csv.Error:
        raise RefusedFile(
            f"the header has an unbalanced or misplaced quote: {_cut(line)}; expected: {expected}"
        ) from None
    if not any(names):
        raise RefusedFile(f"the first line is blank; expected a header: {expected}")
    _refuse_other_separator(line, names, expected, separator)
    _refuse_data(names, dataset, expected)
    return replace(match_names(names, dataset, expected), separator=separator)


def match_names(names: Sequence[str], dataset: Dataset, expected: str) -> Header:
    """Matches the names of a file's columns against its dataset's contract.

    Args:
        names: The names, in the order of the file.
        dataset: The dataset that the file belongs to.
        expected: What to say was expected.

    Raises:
        RefusedFile: If a required column is missing or renamed, or a name appears twice.
    """
    _refuse_too_many(names, dataset)
    names = [name or f"column_{number}" for number, name in enumerate(names, 1)]
    _refuse_duplicates(names)
    at = {name.lower(): position for position, name in enumerate(names)}
    positions = []
    for column in dataset.columns:
        position = at.pop(column.source_name.lower(), None)
        if position is None and column.required:
            raise _missing(column, names, expected)
        positions.append((column, position))
    return Header(len(names), tuple(positions), _extra_columns(at, names, dataset))


def _extra_columns(
    at: dict[str, int], names: list[str], dataset: Dataset
) -> tuple[tuple[Column, int], ...]:
    taken = {column.name: column.source_name for column in dataset.columns}
    taken[FILE_ID] = "provenance"
    extra = []
    for position in sorted(at.values()):
        name = snake_case(names[position])
        if name.startswith("_dlt_"):
            raise RefusedFile(f"the column name {names[position]!r} is reserved by dlt; rename it")
        if name in taken:
            raise RefusedFile(
                f"two columns have the same name in RAW, {name}: "
                f"{taken[name]!r} and {names[position]!r}; rename one of them"
            )
        taken[name] = names[position]
        extra.append((Column(names[position], name, "text", required=False), position))
    return tuple(extra)
