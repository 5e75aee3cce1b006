"""The header of a CSV file, matched by name against its dataset's contract."""

from __future__ import annotations

import csv
import difflib
import re
from dataclasses import dataclass, replace
from typing import NamedTuple

from ingestion.datasets import FILE_ID, Column, Dataset
from ingestion.errors import RefusedFile

LONGEST_HEADER = 1 << 20
# Each stays a column of RAW for ever; more than this is not a new column but another file.
MOST_NEW_COLUMNS = 100
# The shortest limit of the databases that dlt writes to.
LONGEST_NAME = 63
_FIRST_LINE = re.compile(rb"(?:\xef\xbb\xbf)?((?:\r\n?|\n)*)([^\r\n]*)(\r\n?|\n|\Z)")
_LINE_END = re.compile(rb"\r\n?|\n")


@dataclass(frozen=True)
class Header:
    """Where each column of a dataset stands in one file.

    Attributes:
        width: Number of columns in the file.
        positions: For each contract column its position from 0, or None if the file lacks it.
        extra: Columns that the contract does not know (always text), with their positions.
    """

    width: int
    positions: tuple[tuple[Column, int | None], ...]
    extra: tuple[tuple[Column, int], ...]

    def without_ranges(self) -> Header:
        """The same header for a contract of types only."""
        positions = tuple(
            (replace(column, minimum=None, maximum=None, step=None), at)
            for column, at in self.positions
        )
        return replace(self, positions=positions)

    @property
    def columns(self) -> tuple[tuple[Column, int | None], ...]:
        """The columns of the RAW table that this file fills, contract first."""
        return (*self.positions, *self.extra)

    @property
    def shape(self) -> bytes | None:
        """What is left of each line when its digits are taken out, as in `,,.,` for ratings.

        None if it has columns whose values are not digits with at most one decimal point.
        """
        points = {at: b"." if column.type == "double" else b"" for column, at in self.columns}
        if any(column.type == "text" for column, _ in self.columns) or None in points:
            return None
        return b",".join(points[position] for position in range(self.width))


def snake_case(name: str) -> str:
    """Names a RAW column after a CSV column, as dlt's default naming convention does.

    Args:
        name: A name such as `tmdbId` or `Box Office`.

    Returns:
        A name such as `tmdb_id` or `box_office`; a very long one is cut and ends in a hash.
    """
    # As a whole first: another thread may be importing it, and a part of it would not wait.
    import dlt  # noqa: F401
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    return NamingConvention(LONGEST_NAME).normalize_identifier(name)


class FirstLine(NamedTuple):
    """The header line as it stands in a file.

    Attributes:
        text: The line without its end.
        bytes: Where the records start: its bytes, those of a BOM and of blank lines before it.
        lines: Its line number; more than 1 if blank lines come before it.
    """

    text: str
    bytes: int
    lines: int


def first_line(beginning: bytes) -> FirstLine:
    """Finds the header line; blank lines before it count for nothing.

    Args:
        beginning: The first bytes of a file in UTF-8, at least `LONGEST_HEADER` if it has them.

    Returns:
        The line and where the records start.

    Raises:
        RefusedFile: If there is no end of a first line, or nothing but blank lines.
        UnicodeDecodeError: If it is not UTF-8.
    """
    found = _FIRST_LINE.match(beginning[:LONGEST_HEADER])
    if found is None or (not found[3] and len(beginning) >= LONGEST_HEADER):
        raise RefusedFile(
            "the first line is longer than 1 MB; expected a header. Is it a CSV file?"
        )
    blank = len(_LINE_END.findall(found[1]))
    return FirstLine(found[2].decode(), found.end(), blank + 1)


def _refuse_other_separator(line: str, names: list[str], expected: str) -> None:
    if line.lower().startswith("sep="):
        raise RefusedFile(
            f"the first line, {line!r}, is a note for a spreadsheet; expected a header: {expected}"
        )
    for separator, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(names) == 1 and separator in line:
            raise RefusedFile(
                f"the columns are separated by {word}; expected commas, as in: {expected}"
            )


def _refuse_data(names: list[str], dataset: Dataset, expected: str) -> None:
    known = {column.source_name.lower() for column in dataset.columns}
    if not known & {name.lower() for name in names} and names[0].replace(".", "").isdigit():
        raise RefusedFile(
            f"it has no header: the first line is data ({','.join(names)}); expected: {expected}"
        )


def _refuse_duplicates(names: list[str]) -> None:
    lower = [name.lower() for name in names]
    twice = sorted({name for name in lower if lower.count(name) > 1})
    if twice:
        raise RefusedFile(f"the header names a column twice: {', '.join(twice)}")


def _missing(column: Column, names: list[str], expected: str) -> RefusedFile:
    near = difflib.get_close_matches(column.source_name.lower(), [n.lower() for n in names], 1, 0.5)
    nearest = f" (the nearest is {near[0]!r})" if near else ""
    return RefusedFile(
        f"the required column {column.source_name!r} is missing{nearest}; "
        f"expected: {expected}; found: {','.join(names)}"
    )


def match_header(line: str, dataset: Dataset) -> Header:
    """Matches a header line with the contract of a dataset, by name.

    Case, order and spaces round the names do not matter.

    Args:
        line: The first line of the file, without its line end.
        dataset: The dataset that the file belongs to.

    Returns:
        Where each column stands.

    Raises:
        RefusedFile: If a required column is missing or renamed, a name stands twice, another
            separator is used, or the line is data.
    """
    expected = ",".join(column.source_name for column in dataset.columns)
    try:
        names = [
            name.strip() for name in next(csv.reader([line.lstrip("\ufeff")], strict=True), [])
        ]
    except csv.Error:
        raise RefusedFile(
            f"the header has an unbalanced or misplaced quote: {line}; expected: {expected}"
        ) from None
    if not any(names):
        raise RefusedFile(f"the first line is blank; expected a header: {expected}")
    _refuse_other_separator(line, names, expected)
    _refuse_data(names, dataset, expected)
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
    if len(at) > MOST_NEW_COLUMNS:
        raise RefusedFile(
            f"the header has {len(at):,} columns that {dataset.file_name} files do not have; "
            f"at most {MOST_NEW_COLUMNS} new ones are taken"
        )
    taken = {column.name: column.source_name for column in dataset.columns}
    taken[FILE_ID] = "provenance"
    extra = []
    for position in sorted(at.values()):
        name = snake_case(names[position] or f"column_{position + 1}")
        if name in taken:
            raise RefusedFile(
                f"two columns have the same name in RAW, {name}: "
                f"{taken[name]!r} and {names[position]!r}; rename one of them"
            )
        taken[name] = names[position]
        extra.append((Column(names[position], name, "text", required=False), position))
    return tuple(extra)
