"""Reads a Parquet file of a landing zone: every row is loaded exactly, or rejected.

Columns are checked as a whole, by their types: whatever needs no second look is loaded as it is.
Any other row is written out as text and judged by the careful reader, as if it stood in a CSV file;
so the rules and the reasons are those of CSV. There, an empty field has no value, so an empty text
has none here either.

Format: https://parquet.apache.org/docs/file-format/.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from ingestion.datasets import INT64_MAX, Column, Dataset
from ingestion.errors import RefusedFile, is_no_room
from ingestion.landing.zips import ARCHIVE_RATIO
from ingestion.reading.careful import (
    Output,
    Reading,
    check_number,
    check_share,
    plain_number,
    row_of,
)
from ingestion.reading.encoding import looks_like_archive
from ingestion.reading.header import Header, match_names
from ingestion.reading.inspection import EMPTY_PARQUET, UNPACKED_IN_ANY_CASE
from ingestion.reading.rules import Reject, Rules

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH_ROWS = 1 << 17
# From here on, not every whole number is a double.
_INEXACT = 1 << 53
_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_BYTES_OF_A_VALUE = 8


class RejectedRow(Reject):
    """A row that could not be loaded, of a file without lines: `line` counts its rows from 1."""

    def __str__(self) -> str:
        return f"row {self.line}: {self.column_name or 'row'}: {self.reason}"


@dataclass(frozen=True)
class Found:
    """What a Parquet file says of itself.

    Attributes:
        header: Its columns.
        rows: The number of its rows.
    """

    header: Header
    rows: int


class _Values(NamedTuple):
    """A column of a batch.

    Attributes:
        array: Its values as RAW has them, where they are sure.
        sure: For each, whether it can be loaded as it is.
    """

    array: pa.Array
    sure: pa.Array


def look_at(stream: IO[bytes], dataset: Dataset) -> Found:
    """Reads the footer of a Parquet file.

    Args:
        stream: The file; seekable.
        dataset: The dataset it belongs to.

    Raises:
        RefusedFile: If it is no whole Parquet file, or its columns do not fit the dataset.
    """
    with _opened(stream) as file:
        return Found(_header_of(file.schema_arrow, dataset), file.metadata.num_rows)


def read_parquet(
    path: Path, dataset: Dataset, file_id: int, to: Path, rules: Rules
) -> tuple[Reading, Header]:
    """Reads a Parquet file into one with the columns of RAW.

    Args:
        path: A local file.
        dataset: The dataset it belongs to.
        file_id: The value of the provenance column.
        to: The Parquet file to write.
        rules: How strict to be.

    Returns:
        What was read, and its header, with ranges.

    Raises:
        RefusedFile: If it is no whole Parquet file, its columns do not fit the dataset, or too many
            rows are rejected.
    """
    reading = Reading(0)
    with path.open("rb") as stream, _opened(stream) as file:
        contract = _header_of(file.schema_arrow, dataset)
        _check_size(file, path.stat().st_size)
        header, rows = rules.applied_to(contract), file.metadata.num_rows
        with Output(header, file_id, to) as output:
            read = 0
            for batch in file.iter_batches(BATCH_ROWS, use_threads=True):
                _take(batch, header, read, output, reading)
                check_number(reading.rejects, rules.limit(rows))
                read += len(batch)
            output.finish()
        if read != rows:
            raise RefusedFile(
                f"its footer counts {rows:,} rows, but it has {read:,}: it is damaged"
            )
        reading.rows = output.rows
    check_share(reading, rules)
    return reading, contract


@contextmanager
def _opened(stream: IO[bytes]) -> Iterator[pq.ParquetFile]:
    """Opens a Parquet file; refuses it when it turns out to be damaged, now or while it is read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    _check_mark(stream)
    try:
        # A date of Spark's INT96 may be beyond what nanoseconds can tell.
        options: dict[str, Any] = {"coerce_int96_timestamp_unit": "us"}
        with pq.ParquetFile(stream, page_checksum_verification=True, **options) as file:
            yield file
    except (pa.ArrowException, OSError, ValueError) as error:
        if is_no_room(error) or (isinstance(error, OSError) and error.errno is not None):
            raise
        what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if "encrypt" in what.lower() or "decrypt" in what.lower():
            raise RefusedFile("it is encrypted Parquet; write it without encryption") from None
        raise RefusedFile(
            f"not a complete Parquet file ({what}); was the upload cut short?"
        ) from None


def _check_mark(stream: IO[bytes]) -> None:
    beginning = stream.read(8)
    stream.seek(0)
    if not beginning:
        raise RefusedFile(EMPTY_PARQUET)
    if beginning.startswith(b"PARE"):
        raise RefusedFile("it is encrypted Parquet; write it without encryption")
    if beginning.startswith(b"PAR1"):
        return
    archive = looks_like_archive(beginning)
    if (
        archive is None
        and beginning.isascii()
        and beginning.replace(b"\n", b"").decode().isprintable()
    ):
        what, suffix = f"text that begins with {beginning.decode()!r}", ".csv or .tsv"
    else:
        what, suffix = archive or (f"something that begins with {beginning!r}", "")
    remedy = f"; rename it to end in {suffix}" if suffix else ""
    raise RefusedFile(f"it is named like Parquet, but it is {what}{remedy}")


def _check_size(file: pq.ParquetFile, size: int) -> None:
    """Bars a file of a few bytes that says it has billions of rows."""
    columns = max(len(file.schema_arrow), 1)
    unpacked = file.metadata.num_rows * columns * _BYTES_OF_A_VALUE
    if unpacked > max(UNPACKED_IN_ANY_CASE, ARCHIVE_RATIO * size):
        raise RefusedFile(
            f"it unpacks to more than {ARCHIVE_RATIO} times its size "
            f"({file.metadata.num_rows:,} rows): not read"
        )


# Types


def _header_of(schema: pa.Schema, dataset: Dataset) -> Header:
    expected = ",".join(column.source_name for column in dataset.columns)
    header = match_names([name.strip() for name in schema.names], dataset, expected)
    wrong = []
    for column, at in header.columns:
        if at is not None:
            expectation = _expectation(column, _plain_type(schema.field(at).type), at, header)
            if expectation:
                name, type_ = schema.names[at], schema.field(at).type
                wrong.append(f"{name!r} is {type_}; expected {expectation}")
    if wrong:
        raise RefusedFile(f"the column {'; the column '.join(wrong)}")
    return header


def _plain_type(type_: pa.DataType) -> pa.DataType:
    """Returns the type of the values themselves."""
    import pyarrow as pa

    if isinstance(type_, pa.BaseExtensionType):
        return _plain_type(type_.storage_type)
    return _plain_type(type_.value_type) if pa.types.is_dictionary(type_) else type_


def _expectation(column: Column, type_: pa.DataType, at: int, header: Header) -> str:
    """Says what a column was expected to be; nothing if its type will do."""
    from pyarrow import types as are

    is_text = are.is_string(type_) or are.is_large_string(type_) or are.is_string_view(type_)
    is_text = is_text or are.is_binary(type_) or are.is_large_binary(type_) or are.is_null(type_)
    is_number = are.is_integer(type_) or are.is_floating(type_) or are.is_decimal(type_)
    if column.type == "text":
        is_extra = (column, at) in header.extra
        others = is_number or are.is_boolean(type_) or are.is_date(type_) or are.is_timestamp(type_)
        fits = is_text or are.is_integer(type_) or (is_extra and others)
        return (
            ""
            if fits
            else "text" + ", as RAW has no other type for columns that no model reads" * is_extra
        )
    if is_text or is_number or (column.is_time and are.is_timestamp(type_)):
        return ""
    if column.is_time:
        return "seconds since 1970 as a number, or a timestamp"
    return "a number" if column.type == "double" else "a whole number"


# Values


def _take(
    batch: pa.RecordBatch, header: Header, before: int, output: Output, reading: Reading
) -> None:
    """Takes a batch: columns whole where all is sure, else row by row where it is not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    arrays = [_plain_array(array) for array in batch.columns]
    values, sure = [], pa.array([], pa.bool_())
    for number, (column, at) in enumerate(header.columns):
        if at is None:
            values.append(pa.nulls(len(batch), _raw_type(column)))
            continue
        array, column_sure = _values(column, arrays[at])
        values.append(array)
        sure = pc.and_(sure, column_sure) if len(sure) == len(batch) and number else column_sure
    doubtful = pc.invert(sure)
    if not pc.any(doubtful).as_py():
        output.write(values)
        return
    output.write([array.filter(sure) for array in values])
    for row in pc.indices_nonzero(doubtful).to_pylist():
        fields = ["" if (v := array[row]).as_py() is None else _as_text(v) for array in arrays]
        judged = row_of(header, fields)
        if isinstance(judged, list) and (nul := _with_nul(header, judged)):
            judged = nul, "a NUL character"
        if isinstance(judged, list):
            output.take_row(judged)
        else:
            reading.rejects.append(RejectedRow(before + row + 1, _as_csv(fields), *judged))


def _raw_type(column: Column) -> pa.DataType:
    import pyarrow as pa

    return {"bigint": pa.int64(), "double": pa.float64(), "text": pa.string()}[column.type]


def _plain_array(array: pa.Array) -> pa.Array:
    """Returns the values without dictionary and extension types; text as text, in UTF-8."""
    import pyarrow as pa

    if isinstance(array, pa.ExtensionArray):
        return _plain_array(array.storage)
    if isinstance(array, pa.DictionaryArray):
        return _plain_array(array.dictionary_decode())
    types = pa.types
    is_other_text = types.is_binary(array.type) or types.is_large_binary(array.type)
    is_other_text = is_other_text or types.is_large_string(array.type)
    try:
        if is_other_text or types.is_string_view(array.type):
            array = array.cast(pa.string())
        if types.is_string(array.type):
            array.validate(full=True)
    except pa.ArrowInvalid:
        raise RefusedFile("it has text that is not UTF-8; save it as UTF-8") from None
    return array


def _values(column: Column, array: pa.Array) -> _Values:
    """Converts a column to its type in RAW, and tells which of its values are sure."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_null(array.type):
        array = array.cast(pa.string())
    if column.type == "text":
        text = array if pa.types.is_string(array.type) else _texts(array)
        text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
        sure = pc.invert(pc.match_substring(text, "\0"))
        return _Values(text, pc.fill_null(sure, not column.required))
    numbers = _numbers(column, array)
    sure = pc.is_valid(numbers)
    for check in _range_checks(column, numbers):
        sure = pc.and_(sure, pc.fill_null(check, False))
    if not column.required:
        sure = pc.or_(sure, pc.is_null(array))
    return _Values(numbers, sure)


def _texts(array: pa.Array) -> pa.Array:
    """Writes values of any type as text; only whole numbers are quick."""
    import pyarrow as pa

    if pa.types.is_integer(array.type):
        return array.cast(pa.string())
    texts = (None if (one := value).as_py() is None else _as_text(one) for value in array)
    return pa.array(texts, pa.string())


def _numbers(column: Column, array: pa.Array) -> pa.Array:
    """Converts numbers; null where that is not exact, or not plain."""
    import pyarrow as pa
    import pyarrow.compute as pc

    to, types = _raw_type(column), pa.types
    if types.is_string(array.type):
        trimmed = pc.utf8_trim_whitespace(array)
        plain = pc.match_substring_regex(trimmed, f"^(?:{plain_number(column)})$")
        return _where(plain, trimmed).cast(to)
    if types.is_timestamp(array.type):
        units = array.cast(pa.int64())
        per_second = _UNITS[array.type.unit]
        seconds = pc.divide(units, per_second)
        return _where(pc.equal(pc.multiply(seconds, per_second), units), seconds)
    if types.is_decimal(array.type):
        array = _doubles(array) if column.type == "double" else _whole_decimals(array)
    if types.is_uint64(array.type):
        array = _where(pc.less_equal(array, pa.scalar(INT64_MAX, pa.uint64())), array)
    if types.is_floating(array.type):
        array = array.cast(pa.float64())
        exact = pc.is_finite(array)
        if column.type == "bigint":
            exact = pc.and_(exact, pc.equal(pc.floor(array), array))
            exact = pc.and_(exact, pc.less(pc.abs(array), float(_INEXACT)))
        array = _where(exact, array)
    elif column.type == "double":
        array = array.cast(pa.int64())
        exact = pc.and_(pc.less(array, _INEXACT), pc.greater(array, -_INEXACT))
        array = _where(exact, array)
    return array.cast(to)


def _where(sure: pa.Array, array: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(pc.fill_null(sure, False), array, pa.scalar(None, array.type))


def _doubles(array: pa.Array) -> pa.Array:
    """Converts decimals to the doubles nearest to them, as CSV readers do."""
    import pyarrow as pa

    return pa.array(
        (None if one is None else float(one) for one in array.to_pylist()), pa.float64()
    )


def _whole_decimals(array: pa.Array) -> pa.Array:
    """Converts decimals that are whole numbers of 64 bits; all others are null."""
    import pyarrow as pa

    try:
        return array.cast(pa.int64())
    except pa.ArrowInvalid:
        values = array.to_pylist()
        fit = (v is not None and v == v.to_integral_value() and abs(v) <= INT64_MAX for v in values)
        whole = (int(v) if fits else None for v, fits in zip(values, fit, strict=True))
        return pa.array(whole, pa.int64())


def _range_checks(column: Column, numbers: pa.Array) -> Iterator[pa.Array]:
    import pyarrow.compute as pc

    if column.minimum is not None:
        yield pc.greater_equal(numbers, column.minimum)
    if column.maximum is not None and column.maximum != INT64_MAX:
        yield pc.less_equal(numbers, column.maximum)
    if column.step is not None:
        steps = pc.divide(numbers, column.step)
        yield pc.equal(steps, pc.floor(steps))


# Doubtful rows


def _as_text(value: pa.Scalar) -> str:
    """Writes a value as a CSV file would have it; a timestamp as seconds since 1970."""
    import pyarrow as pa

    if pa.types.is_timestamp(value.type):
        seconds = Decimal(value.value) / _UNITS[value.type.unit]
        return format(seconds, "f")
    plain = value.as_py()
    if isinstance(plain, bool):
        return str(plain).lower()
    return format(plain, "f") if isinstance(plain, Decimal) else str(plain)


def _with_nul(header: Header, row: Sequence[Any]) -> str | None:
    """Names the first column with a NUL in its text, which not every database can hold."""
    pairs = zip(header.columns, row, strict=True)
    return next((c.name for (c, _), v in pairs if isinstance(v, str) and "\0" in v), None)


def _as_csv(fields: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()
