"""The rules for reading CSV and TSV in plain Python: slow, obvious, without the csv module."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

LINES_PER_RECORD = 1_000
TIMES = 788_918_400, 4_133_980_799  # 1995-01-01 00:00:00 to 2100-12-31 23:59:59 UTC


@dataclass
class Expected:
    """What a file must become."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    rejected_lines: list[int] = field(default_factory=list)


def lines_of(text: str) -> list[str]:
    """Splits at every kind of line end, and keeps it."""
    return [line for line in re.split(r"(?<=\n)|(?<=\r)(?!\n)", text) if line]


def fields_of(text: str, separator: str = ",") -> list[str] | None:
    """Splits one record; None if it is not well-formed."""
    for end in ("\r\n", "\n", "\r"):
        if text.endswith(end):
            text = text.removesuffix(end)
            break
    fields = []
    rest = text
    while True:
        if rest.startswith('"'):
            quoted = re.match(rf'"((?:[^"]|"")*)"(?={separator}|\Z)', rest)
            if quoted is None:
                return None
            fields.append(quoted[1].replace('""', '"'))
            rest = rest[quoted.end() :]
        else:
            value = rest.split(separator, 1)[0]
            if "\n" in value or "\r" in value:
                return None
            fields.append(value)
            rest = rest[len(value) :]
        if not rest:
            return fields
        rest = rest[1:]


def whole(minimum: int = 0, maximum: int = 2**63 - 1) -> Callable[[str], int | None]:
    def convert(text: str) -> int | None:
        if not re.fullmatch(r"[+-]?[0-9]+(\.0*)?", text.strip()):
            raise ValueError(text)
        value = int(text.strip().split(".")[0])
        if not minimum <= value <= maximum:
            raise ValueError(text)
        return value

    return convert


def stars(text: str) -> float:
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text.strip()):
        raise ValueError(text)
    if float(text) not in [half / 2 for half in range(1, 11)]:
        raise ValueError(text)
    return float(text)


def some_text(text: str) -> str:
    if not text:
        raise ValueError(text)
    return text


def optional(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    # Spaces round a number do not count, so a number of spaces alone is none.
    return lambda text: convert(text) if (text if convert is str else text.strip()) else None


COLUMNS: dict[str, tuple[Callable[[str], Any], ...]] = {
    "ratings": (whole(), whole(), stars, whole(*TIMES)),
    "movies": (whole(), some_text, optional(str)),
    "tags": (whole(), whole(), some_text, whole(*TIMES)),
    "links": (whole(), optional(str), optional(whole())),
}


def header_of(text: str) -> str:
    """The first line that is not blank."""
    lines = [line.strip("\r\n") for line in lines_of(text.removeprefix("\ufeff"))]
    return next(filter(None, lines), "")


def row_of(fields: list[str] | None, dataset: str) -> tuple[Any, ...] | None:
    """The values of a record; None if it is to be rejected."""
    columns = COLUMNS[dataset]
    if fields is None or len(fields) != len(columns):
        return None
    try:
        return tuple(convert(value) for convert, value in zip(columns, fields, strict=True))
    except ValueError:
        return None


def read_slowly(text: str, dataset: str, separator: str = ",") -> Expected:
    """Reads the text of a file whose header is in order and in the usual order."""
    lines = lines_of(text)
    expected = Expected()
    # Blank lines may come before the header.
    at = 1 + next(at for at, line in enumerate(lines) if line.strip("\ufeff\r\n"))
    while at < len(lines):
        fields, taken = _record(lines, at, dataset, separator)
        row = row_of(fields, dataset)
        if row is not None:
            expected.rows.append(row)
        elif taken > 1 or lines[at].strip("\r\n"):
            expected.rejected_lines.append(at + 1)
        at += taken
    return expected


def _record(
    lines: list[str], at: int, dataset: str, separator: str
) -> tuple[list[str] | None, int]:
    """The fields of the record that starts here, and its lines; a broken one has one line."""
    for taken in range(1, min(LINES_PER_RECORD, len(lines) - at) + 1):
        text = "".join(lines[at : at + taken])
        if text.count('"') % 2:
            continue
        fields = fields_of(text, separator)
        if taken == 1:
            return fields, 1
        # Several lines are a record if they have its width, and no line in it is a row by itself.
        between = lines[at + 1 : at + taken - 1]
        inside = [row_of(fields_of(line, separator), dataset) for line in between]
        whole = fields is not None and len(fields) == len(COLUMNS[dataset])
        return (fields, taken) if whole and not any(inside) else (None, 1)
    return None, 1
