"""The careful reader: each record of a CSV file is loaded exactly, or rejected with a reason.

Even in a damaged file nearly all lines are plain: the right number of fields, each in the usual
spelling and in range. One regular expression finds runs of them, which are parsed in bulk; every
other record is checked on its own. So the cost grows with the number of doubtful records.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ingestion.datasets import FILE_ID, INT64_MAX, Column
from ingestion.errors import RefusedFile
from ingestion.reading.header import LINE_END, Header, first_line_of
from ingestion.reading.inspection import LONGEST_LINE, blocks, whole_lines
from ingestion.reading.rules import Describe, Reject, Rules

if TYPE_CHECKING:
    import pyarrow as pa

# A quoted field may contain line ends, but an unclosed quote must not swallow the file.
LINES_PER_RECORD = 1_000
# Python converts no more than 4,300 digits.
LONGEST_NUMBER = 4_000
# A reason need not repeat a field of several megabytes.
LONGEST_SHOWN = 80
BATCH_RECORDS = 200_000

csv.field_size_limit(LONGEST_LINE * 2)


class Record(NamedTuple):
    """One record that is not plain.

    Attributes:
        text: The record; only its first line if it is malformed.
        fields: Its fields; empty for a blank line; None if it is malformed.
        lines: How many lines it has.
    """

    text: str
    fields: list[str] | None
    lines: int


# Plain lines


def plain_number(column: Column) -> str:
    """Returns an expression for numbers whose spelling alone proves that they can be loaded."""
    if column.type == "bigint" and column.minimum:
        return _whole_numbers(int(column.minimum), int(column.maximum or INT64_MAX))
    if column.type == "bigint":
        # One digit fewer than the largest value: then any digits are in range.
        digits = len(str(int(column.maximum or INT64_MAX))) - 1
        return f"{'-?' if column.minimum is None else ''}[0-9]{{1,{digits}}}"
    if column.step and column.minimum is not None and column.maximum is not None:
        count = round((column.maximum - column.minimum) / column.step) + 1
        values = [column.minimum + column.step * number for number in range(count)]
        return "|".join(sorted({re.escape(s) for v in values for s in (f"{v:g}", repr(v))}))
    # Every range in the contracts that has no step includes the fractions.
    return "-?[0-9]{1,15}(?:\\.[0-9]{1,30})?" if column.minimum is None else "0?\\.[0-9]{1,30}"


def _whole_numbers(low: int, high: int) -> str:
    """Matches numbers whose first digit and length alone prove that they are in range."""
    numbers = []
    for more in range(len(str(low)) - 1, len(str(high))):
        size = int(10**more)
        first = [str(n) for n in range(1, 10) if low <= n * size and (n + 1) * size - 1 <= high]
        if first:
            numbers.append(f"[{''.join(first)}][0-9]{{{more}}}")
    return "|".join(numbers)


def _plain_value(column: Column, separator: str) -> str:
    if column.type == "text":
        value = f'"(?:[^"\\r\\n]++|"")++"|[^"{separator}\\r\\n]++'
    else:
        number, blank = plain_number(column), " \t".replace(separator, "")
        value = f'[{blank}]*+(?:{number})[{blank}]*+|"(?:{number})"'
    return f"(?:{value})" if column.required else f"(?:{value})?"


def plain_lines(header: Header) -> re.Pattern[bytes]:
    """Compiles an expression for a run of plain lines, each a whole record that can be loaded.

    It matches nothing else, if applied where a record begins.

    Args:
        header: The columns' positions and contract.
    """
    separator = header.separator
    values = {at: _plain_value(c, separator) for c, at in header.columns if at is not None}
    line = separator.join(values[at] for at in range(header.width))
    return re.compile(f"(?:{line}(?:\\r\\n?|\\n|\\Z))++".encode())


def _lines_in(run: bytes) -> int:
    ends = run.count(b"\n")
    if b"\r" in run:
        ends += run.count(b"\r") - run.count(b"\r\n")
    return ends + (not run.endswith((b"\n", b"\r")))


# Other records


def _record(data: bytes, at: int, header: Header, is_end: bool) -> tuple[Record, int] | None:
    """Returns the record at a position and the next one's; None if it may go on beyond the data."""
    quotes = 0
    lines: list[bytes] = []
    end = at
    while len(lines) < LINES_PER_RECORD and end - at < LONGEST_LINE:
        found = LINE_END.search(data, end)
        start, end = end, found.end() if found else len(data)
        lines.append(data[start:end])
        quotes += lines[-1].count(b'"')
        if quotes % 2 == 0:
            text = data[at:end].decode()
            fields = _fields(text, header)
            if fields is not None and (len(lines) == 1 or _is_whole(fields, lines, header)):
                return Record(text, fields, len(lines)), end
            break
        if end == len(data):
            if not is_end:
                return None
            break
    # Reject only its first line, and start over at the next.
    return Record(lines[0].decode(), None, 1), at + len(lines[0])


def _is_whole(fields: list[str], lines: list[bytes], header: Header) -> bool:
    """Whether lines are one record, rather than several between stray quotes."""
    if len(fields) != header.width:
        return False
    inside = (row_of(header, _fields(line.decode(), header)) for line in lines[1:-1])
    return not any(isinstance(row, list) for row in inside)


def _fields(text: str, header: Header) -> list[str] | None:
    try:
        return next(csv.reader([text], strict=True, delimiter=header.separator), [])
    except csv.Error:
        return None


def _items(
    pieces: Iterable[bytes], plain: re.Pattern[bytes], header: Header
) -> Iterator[bytes | Record]:
    """Yields runs of plain lines, and every other record on its own, in order."""
    rest = b""
    for piece, is_end in chain(((piece, False) for piece in pieces), [(b"", True)]):
        data, at = rest + piece, 0
        while at < len(data):
            if run := plain.match(data, at):
                yield run[0]
                at = run.end()
            elif found := _record(data, at, header, is_end):
                record, at = found
                yield record
            else:
                break
        rest = data[at:]


class _Invalid(Exception):
    pass


_INTEGER = re.compile(r"([+-]?[0-9]+)(\.0*)?", re.ASCII)
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)


def _shown(text: str) -> str:
    shown = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
    return repr(shown)


def _number(column: Column, text: str) -> int | float:
    if column.type == "bigint":
        match = _INTEGER.fullmatch(text)
        if match is None:
            raise _Invalid(f"{_shown(text)} is not a whole number")
        if len(match[1]) > LONGEST_NUMBER or not -INT64_MAX - 1 <= int(match[1]) <= INT64_MAX:
            raise _Invalid(f"{_shown(text)} is beyond 64 bits")
        return int(match[1])
    if _DECIMAL.fullmatch(text) is None:
        raise _Invalid(f"{_shown(text)} is not a number")
    if not math.isfinite(float(text)):
        raise _Invalid(f"{_shown(text)} is beyond 64 bits")
    return float(text)


def _check_range(column: Column, value: float) -> None:
    low = column.minimum is not None and value < column.minimum
    high = column.maximum is not None and value > column.maximum
    if low or high:
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


def row_of(header: Header, fields: Sequence[str] | None) -> list[Any] | tuple[str | None, str]:
    """Judges the fields of one record.

    Args:
        header: Its columns' positions and contract.
        fields: Its fields as text, by position; None if they cannot be told apart.

    Returns:
        As `judged`.
    """
    if fields is None:
        return None, "an unbalanced or misplaced quote"
    if len(fields) != header.width:
        return None, f"{len(fields)} field{'s' * (len(fields) != 1)}; expected {header.width}"
    row = []
    for column, position in header.columns:
        try:
            row.append(None if position is None else _convert(column, fields[position]))
        except _Invalid as problem:
            return column.name, str(problem)
    return row


def judged(header: Header, line: str) -> list[Any] | tuple[str | None, str]:
    """Judges one record.

    Args:
        header: Its columns' positions and contract.
        line: The record, on one line and without its line end.

    Returns:
        Its values in the order of `Header.columns`; or the column at fault, None if it is the whole
        record, and what is wrong.
    """
    return row_of(header, _fields(line, header))


# Both, into one file


@dataclass
class Reading:
    """What was read from one file.

    Attributes:
        rows: Rows in the Parquet file.
        rejects: The records that are not in it.
    """

    rows: int
    rejects: list[Reject] = field(default_factory=list)


class Output:
    """A Parquet file that takes plain lines, single rows and whole columns.

    Args:
        header: Its columns' positions and contract.
        file_id: The value of the provenance column.
        to: The Parquet file to write.
    """

    def __init__(self, header: Header, file_id: int, to: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        types = {"bigint": pa.int64(), "double": pa.float64(), "text": pa.string()}
        self.rows = 0
        self._columns = [(column.name, types[column.type], at) for column, at in header.columns]
        self._width, self._separator = header.width, header.separator
        self._file_id = file_id
        self._schema = pa.schema([(n, t) for n, t, _ in self._columns] + [(FILE_ID, pa.int64())])
        # The file is read once and deleted: making it smaller takes longer than it saves.
        self._writer = pq.ParquetWriter(
            to, self._schema, compression="none", use_dictionary=False, write_statistics=False
        )
        self._runs: list[bytes] = []
        self._lines = 0
        self._rows: list[list[Any]] = []

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()

    def take_run(self, run: bytes, lines: int) -> None:
        """Takes plain lines."""
        self._runs.append(run)
        self._lines += lines
        self._flush(BATCH_RECORDS)

    def take_row(self, row: list[Any]) -> None:
        """Takes the values of one row, in the order of `Header.columns`."""
        self._rows.append(row)
        self._flush(BATCH_RECORDS)

    def _flush(self, at_least: int) -> None:
        import pyarrow as pa

        if self._lines >= at_least:
            self.write(self._parsed())
            self._runs, self._lines = [], 0
        if len(self._rows) >= at_least:
            values = zip(*self._rows, strict=True)
            pairs = zip(values, self._columns, strict=True)
            self.write([pa.array(column, type_) for column, (_, type_, _) in pairs])
            self._rows = []

    def finish(self) -> None:
        """Writes what was taken and is not written yet; to be called once, at the end."""
        self._flush(1)

    def _parsed(self) -> list[pa.Array | pa.ChunkedArray]:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        data = b"".join(self._runs)
        types = {f"c{at}": type_ for _, type_, at in self._columns}
        names = [f"c{at}" for at in range(self._width)]
        table = arrow_csv.read_csv(
            pa.py_buffer(data),
            arrow_csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
            arrow_csv.ParseOptions(delimiter=self._separator),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types, null_values=[""], strings_can_be_null=True
            ),
        )
        if len(table) != self._lines:
            raise RefusedFile(
                f"{self._lines:,} lines were read as {len(table):,} rows; please report this"
            )
        return [
            pa.nulls(len(table), type_) if at is None else table[f"c{at}"]
            for _, type_, at in self._columns
        ]

    def write(self, columns: Sequence[pa.Array | pa.ChunkedArray]) -> None:
        """Writes whole columns, in the order and with the types of `Header.columns`."""
        import pyarrow as pa

        rows = len(columns[0])
        file_ids = pa.repeat(pa.scalar(self._file_id, pa.int64()), rows)
        self._writer.write_table(pa.table([*columns, file_ids], schema=self._schema))
        self.rows += rows


def read_with_care(
    path: Path,
    header: Header,
    file_id: int,
    rules: Rules,
    lines: int,
    to: Path,
    describe: Describe = Reject,
) -> Reading:
    """Reads a CSV file record by record, and rejects what does not satisfy the contract.

    Args:
        path: A plain local CSV file in UTF-8.
        header: Its columns' positions and contract.
        file_id: The value of the provenance column.
        rules: How many rejects are allowed.
        lines: The most lines the file can have.
        to: The Parquet file to write.
        describe: Makes rejected records, in order; another file may be what they come from.

    Raises:
        RefusedFile: If more records are rejected than allowed, or all of them.
    """
    start = first_line_of(path)
    line = start.lines + 1
    reading = Reading(0)
    with path.open("rb") as stream, Output(header, file_id, to) as output:
        stream.seek(start.bytes)
        for item in _items(whole_lines(blocks(stream)), plain_lines(header), header):
            if isinstance(item, bytes):
                count = _lines_in(item)
                output.take_run(item, count)
                line += count
                continue
            if item.fields != []:
                row = row_of(header, item.fields)
                if isinstance(row, list):
                    output.take_row(row)
                else:
                    reading.rejects.append(describe(line, item.text.rstrip("\r\n"), *row))
                    check_number(reading.rejects, rules.limit(lines))
            line += item.lines
        output.finish()
        reading.rows = output.rows
    check_share(reading, rules)
    return reading


def check_share(reading: Reading, rules: Rules) -> None:
    """Checks that no more of a file was rejected than allowed, once all of it was read.

    Raises:
        RefusedFile: If more was, or everything.
    """
    check_number(reading.rejects, rules.limit(reading.rows + len(reading.rejects)))
    if reading.rejects and not reading.rows and rules.reject_share < 1:
        raise _refused("none of its rows can be loaded", reading.rejects, "")


def check_number(rejects: list[Reject], limit: int) -> None:
    """Checks that there are no more rejected records than allowed.

    Raises:
        RefusedFile: If there are; names the first of them.
    """
    if len(rejects) > limit:
        settings = " (MOVIELENS_REJECT_ROWS and MOVIELENS_REJECT_SHARE set the limit)"
        raise _refused(f"more than {limit:,} rows had to be rejected", rejects, settings)


def _refused(what: str, rejects: list[Reject], remark: str) -> RefusedFile:
    examples = "; ".join(str(reject) for reject in rejects[:3])
    return RefusedFile(f"{what}, the first ones: {examples}{remark}")
