"""From the bytes of one CSV file to one Parquet file: every record loaded exactly, or rejected.

Two readers. The bulk reader is DuckDB; it only counts as right when it can be proved so: every
record that the bytes hold came out, and each satisfies its dataset's contract. Any doubt, and the
careful reader reads the file again, record by record, and says of each record what is wrong.
"""

from __future__ import annotations

import csv
import math
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

import duckdb

from ingestion.datasets import FILE_ID, INT64_MAX, Column
from ingestion.errors import RefusedFile, is_no_room
from ingestion.header import Header
from ingestion.staging import Bytes

BATCH_RECORDS = 100_000
# A quoted field may hold line ends; a quote that is never closed must not swallow the file.
LINES_PER_RECORD = 200
# Python converts no more than 4,300 digits.
LONGEST_NUMBER = 4_000
SQL_TYPES = {"bigint": "bigint", "double": "double", "text": "varchar"}

csv.field_size_limit(64 << 20)


@dataclass(frozen=True)
class Reject:
    """One record that could not be loaded.

    Attributes:
        line: The line that it starts at, the header being line 1.
        raw_text: The record as it stands in the file.
        column_name: The column at fault, or None if the record has the wrong shape.
        reason: What was expected and what was found.
    """

    line: int
    raw_text: str
    column_name: str | None
    reason: str


@dataclass
class Tolerance:
    """How many rejected records a file may have before it is refused.

    Attributes:
        rows: At least this many.
        share: This share of the file's records, if that is more.
    """

    rows: int = 10
    share: float = 0.001

    def limit(self, records: int) -> int:
        """The number of rejected records allowed in a file of that many records."""
        return max(self.rows, int(self.share * records))


@dataclass
class Reading:
    """What was read from one file.

    Attributes:
        rows: Rows in the Parquet file.
        rejects: The records that are not in it.
    """

    rows: int
    rejects: list[Reject] = field(default_factory=list)


# The bulk reader


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _literally(path: Path) -> str:
    """A path in which DuckDB's `*`, `?` and `[` stand for themselves."""
    return _quoted(re.sub(r"([*?[])", r"[\1]", str(path)))


def _csv_relation(path: Path, header: Header, uniform: bool) -> str:
    types = {at: SQL_TYPES[column.type] if uniform else "varchar" for column, at in header.columns}
    columns = ", ".join(f"'c{position}': '{types[position]}'" for position in range(header.width))
    return (
        f"read_csv({_literally(path)}, columns = {{{columns}}}, header = true, "
        "auto_detect = false, delim = ',', quote = '\"', escape = '\"', "
        "strict_mode = true, store_rejects = true)"
    )


def _value(column: Column, position: int | None, uniform: bool) -> str:
    if position is None:
        return f"cast(null as {SQL_TYPES[column.type]})"
    as_read = uniform or column.type == "text"
    return f"c{position}" if as_read else f"try_cast(c{position} as {column.type})"


def _spelling(column: Column, position: int) -> str:
    """What keeps DuckDB's lenient casts ('2.5' to 3, '0x10' to 16, '1_000' to 1000) out."""
    number = r"[0-9]+" if column.type == "bigint" else r"[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?"
    return f"regexp_full_match(c{position}, '{number}')"


def _valid(column: Column, position: int | None, uniform: bool) -> str:
    if position is None or (column.type == "text" and not column.required):
        return "true"
    if column.type == "text":
        return f"c{position} is not null"
    value = _value(column, position, uniform)
    checks = [f"{value} is not null"]
    if not uniform:
        checks.append(_spelling(column, position))
    # No spelling above has a sign, so a minimum of 0 holds by itself.
    if column.minimum:
        checks.append(f"{value} >= {column.minimum!r}")
    if column.maximum is not None and column.maximum != INT64_MAX:
        checks.append(f"{value} <= {column.maximum!r}")
    if column.step is not None:
        checks.append(f"{value} / {column.step!r} = floor({value} / {column.step!r})")
    valid = " and ".join(checks)
    return f"({valid})" if column.required else f"(c{position} is null or ({valid}))"


def bulk_sql(path: Path, header: Header, file_id: int, uniform: bool, to: Path) -> str:
    """Writes the statement of the bulk reader.

    Args:
        path: A plain local CSV file.
        header: Where its columns stand.
        file_id: The value of the provenance column.
        uniform: Whether the bytes prove that numbers are spelt in one way (see `Bytes`).
        to: The Parquet file.

    Returns:
        A DuckDB `copy` that keeps the records that satisfy the contract, and only these.
    """
    select = [f'{_value(column, at, uniform)} as "{column.name}"' for column, at in header.columns]
    select.append(f'{file_id}::bigint as "{FILE_ID}"')
    valid = [_valid(column, at, uniform) for column, at in header.columns]
    where = " and ".join(check for check in valid if check != "true") or "true"
    relation = _csv_relation(path, header, uniform)
    return (
        f"copy (select {', '.join(select)} from {relation} where {where}) "
        f"to {_quoted(str(to))} (format parquet, compression uncompressed)"
    )


def read_in_bulk(path: Path, header: Header, file_id: int, uniform: bool, to: Path) -> int | None:
    """Reads a CSV file with DuckDB.

    Args:
        path: A plain local CSV file.
        header: Where its columns stand.
        file_id: The value of the provenance column.
        uniform: Whether the bytes prove that numbers are spelt in one way.
        to: The Parquet file to write.

    Returns:
        How many records it wrote, or None if DuckDB could not read the file.
    """
    with duckdb.connect(config={"preserve_insertion_order": "false"}) as connection:
        try:
            written = connection.execute(bulk_sql(path, header, file_id, uniform, to)).fetchone()
        except (duckdb.InvalidInputException, duckdb.ConversionException):
            return None
        except duckdb.IOException as error:
            if is_no_room(error):
                raise
            return None
        rejects = connection.execute("select count(*) from reject_errors").fetchone()
    return written[0] if written and rejects == (0,) else None


# The careful reader


def _records(stream: IO[str], width: int) -> Iterator[tuple[int, str, list[str] | None]]:
    """Yields the line, the text and the fields (None: malformed) of each record."""
    ahead: deque[str] = deque(islice(stream, 1))
    line, lines = 2, 1
    while ahead:
        text = "".join(islice(ahead, lines))
        parsed = _parse(text, width, lines)
        if parsed == "open" and lines < LINES_PER_RECORD:
            if lines == len(ahead):
                ahead.extend(islice(stream, 1))
            if lines < len(ahead):
                lines += 1
                continue
        if isinstance(parsed, str):
            # Only its first line is at fault; what follows starts anew.
            lines = 1
            yield line, ahead[0], None
        elif parsed:
            yield line, text, parsed
        line += lines
        for _ in range(lines):
            ahead.popleft()
        lines = 1
        if not ahead:
            ahead.extend(islice(stream, 1))


def _parse(text: str, width: int, lines: int) -> list[str] | str:
    if text.count('"') % 2:
        return "open"
    try:
        fields = next(csv.reader([text], strict=True), [])
    except csv.Error:
        return "malformed"
    # A record over several lines that has the wrong width is more likely a lost quote.
    return "malformed" if lines > 1 and len(fields) != width else fields


class _Invalid(Exception):
    pass


_INTEGER = re.compile(r"([+-]?[0-9]+)(\.0*)?", re.ASCII)
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)


def _number(column: Column, text: str) -> int | float:
    if column.type == "bigint":
        match = _INTEGER.fullmatch(text)
        if match is None:
            raise _Invalid(f"{text!r} is not a whole number")
        if len(match[1]) > LONGEST_NUMBER:
            raise _Invalid(f"a number of {len(match[1])} characters is too long")
        return int(match[1])
    if _DECIMAL.fullmatch(text) is None:
        raise _Invalid(f"{text!r} is not a number")
    return float(text)


def _check_range(column: Column, value: float) -> None:
    low = column.minimum is not None and value < column.minimum
    high = column.maximum is not None and value > column.maximum
    if low or high or not math.isfinite(value):
        raise _Invalid(f"{value} is not between {column.minimum} and {column.maximum}")
    if column.step is not None and (value / column.step) % 1:
        raise _Invalid(f"{value} is not a multiple of {column.step}")


def _convert(column: Column, text: str) -> Any:
    if column.type != "text":
        text = text.strip()
    if text == "":
        if column.required:
            raise _Invalid("a value is required")
        return None
    if column.type == "text":
        return text
    value = _number(column, text)
    _check_range(column, value)
    return value


def _row(header: Header, fields: list[str]) -> list[Any] | tuple[str | None, str]:
    if len(fields) != header.width:
        return None, f"{len(fields)} fields; expected {header.width}"
    row = []
    for column, position in header.columns:
        try:
            row.append(None if position is None else _convert(column, fields[position]))
        except _Invalid as problem:
            return column.name, str(problem)
    return row


def _rows(stream: IO[str], header: Header, reject: Callable[[Reject], None]) -> Iterator[list[Any]]:
    for line, text, fields in _records(stream, header.width):
        result = (
            (None, "an unbalanced or misplaced quote") if fields is None else _row(header, fields)
        )
        if isinstance(result, list):
            yield result
        else:
            reject(Reject(line, text.rstrip("\r\n"), *result))


def read_with_care(
    path: Path, header: Header, file_id: int, tolerance: Tolerance, records: int, to: Path
) -> Reading:
    """Reads a CSV file record by record, and rejects what does not satisfy the contract.

    Args:
        path: A plain local CSV file in UTF-8.
        header: Where its columns stand.
        file_id: The value of the provenance column.
        tolerance: How many rejects are allowed.
        records: How many records the bytes hold, as far as that can be told.
        to: The Parquet file to write.

    Returns:
        What was loaded and what was rejected.

    Raises:
        RefusedFile: If more records are rejected than is tolerated.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"bigint": pa.int64(), "double": pa.float64(), "text": pa.string()}
    fields = [pa.field(column.name, types[column.type]) for column, _ in header.columns]
    schema = pa.schema([*fields, pa.field(FILE_ID, pa.int64())])
    reading = Reading(0)

    def reject(record: Reject) -> None:
        reading.rejects.append(record)
        if len(reading.rejects) > tolerance.limit(records):
            raise _too_many(reading.rejects, tolerance.limit(records))

    with (
        # Any line end ends a line, and stays as it is in a quoted field.
        path.open(encoding="utf-8-sig", newline="") as stream,
        pq.ParquetWriter(to, schema) as writer,
    ):
        stream.readline()
        rows = _rows(stream, header, reject)
        while batch := list(islice(rows, BATCH_RECORDS)):
            columns = [*zip(*batch, strict=True), [file_id] * len(batch)]
            arrays = [pa.array(v, f.type) for v, f in zip(columns, schema, strict=True)]
            writer.write_table(pa.table(arrays, schema=schema))
            reading.rows += len(batch)
    return reading


def _too_many(rejects: list[Reject], limit: int) -> RefusedFile:
    examples = "; ".join(
        f"line {r.line}: {r.column_name + ': ' if r.column_name else ''}{r.reason}"
        for r in rejects[:3]
    )
    return RefusedFile(f"more than {limit} rows had to be rejected, the first ones: {examples}")


def first_line(path: Path) -> str:
    """Reads the header line of a plain UTF-8 file, whatever its line ends."""
    with path.open(encoding="utf-8-sig") as stream:
        return stream.readline(1 << 20).rstrip("\n")


def _is_proved(written: int, content: Bytes, header: Header) -> bool:
    """Whether every record came out, and none had more fields than the header.

    DuckDB rejects a record that has too few fields, but passes one that has empty fields too many.
    """
    separators = (header.width - 1) * content.records
    return (content.countable, written, content.separators) == (True, content.records, separators)


def read_csv(
    path: Path,
    header: Header,
    file_id: int,
    to: Path,
    tolerance: Tolerance,
    inspected: Callable[[], Bytes],
    uniform: bool,
) -> Reading:
    """Reads one CSV file into one Parquet file, in bulk if that can be proved right.

    Args:
        path: A plain local CSV file.
        header: Where its columns stand.
        file_id: The value of the provenance column.
        to: The Parquet file to write.
        tolerance: How many rejects are allowed.
        inspected: Gives what the bytes hold; may wait for a pass that runs beside this one.
        uniform: Whether to expect numbers spelt in one way; taken back if the bytes say no.

    Returns:
        What was loaded and what was rejected.

    Raises:
        RefusedFile: If its bytes are not text, or too many records are rejected.
    """
    written = read_in_bulk(path, header, file_id, uniform, to)
    content = inspected()
    if uniform and not content.uniform:
        written = read_in_bulk(path, header, file_id, False, to)
    if written is not None and _is_proved(written, content, header):
        return Reading(written)
    return read_with_care(path, header, file_id, tolerance, content.records, to)
