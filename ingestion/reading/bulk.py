"""Reads a CSV file into a Parquet file: every record is loaded exactly, or rejected.

There are two readers. The bulk reader is DuckDB; its result is used only if provably right: every
record in the bytes came out, and each satisfies its dataset's contract. In any doubt, the careful
reader rereads the file record by record, and gives a reason for each one it rejects.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import duckdb

from ingestion.datasets import FILE_ID, INT64_MAX, Column
from ingestion.errors import is_no_room
from ingestion.literals import duckdb_literal
from ingestion.reading.careful import Reading, read_with_care
from ingestion.reading.header import Header
from ingestion.reading.inspection import Bytes
from ingestion.reading.rules import Describe, Reject, Rules

SQL_TYPES = {"bigint": "bigint", "double": "double", "text": "varchar"}

# Every file is read once, so nothing of it is worth keeping in memory.
_READING = {"preserve_insertion_order": "false", "enable_external_file_cache": "false"}


def _literally(path: Path) -> str:
    """Returns a path literal with DuckDB's wildcards `*`, `?` and `[` escaped."""
    return duckdb_literal(re.sub(r"([*?[])", r"[\1]", str(path)))


def _csv_relation(files: Mapping[int, Path], header: Header, uniform: bool) -> str:
    types = {at: SQL_TYPES[column.type] if uniform else "varchar" for column, at in header.columns}
    columns = ", ".join(f"'c{position}': '{types[position]}'" for position in range(header.width))
    paths = ", ".join(map(_literally, files.values()))
    rows = (
        f"read_csv([{paths}], columns = {{{columns}}}, header = true, "
        f"auto_detect = false, delim = {duckdb_literal(header.separator)}, "
        "quote = '\"', escape = '\"', "
        "strict_mode = true, store_rejects = true)"
    )
    if len(files) == 1:
        return rows
    ids = ", ".join(f"({duckdb_literal(path)}, {file_id})" for file_id, path in files.items())
    return f"{rows} join (values {ids}) ids(path, file_id) on filename = path"


def _value(column: Column, position: int | None, uniform: bool) -> str:
    if position is None:
        return f"cast(null as {SQL_TYPES[column.type]})"
    as_read = uniform or column.type == "text"
    return f"c{position}" if as_read else f"try_cast(c{position} as {column.type})"


def _spelling(column: Column, position: int) -> str:
    """Bars DuckDB's lenient casts, such as '2.5' to 3, '0x10' to 16 and '1_000' to 1000."""
    number = r"[0-9]+" if column.type == "bigint" else r"[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?"
    return f"regexp_full_match(c{position}, '{number}')"


def _range_checks(column: Column, value: str) -> Iterator[str]:
    if column.minimum is not None:
        yield f"{value} >= {column.minimum!r}"
    if column.maximum is not None and column.maximum != INT64_MAX:
        yield f"{value} <= {column.maximum!r}"
    if column.step is not None:
        yield f"{value} / {column.step!r} = floor({value} / {column.step!r})"


def _valid(column: Column, position: int | None, uniform: bool) -> str:
    if position is None or (column.type == "text" and not column.required):
        return "true"
    if column.type == "text":
        return f"c{position} is not null"
    value = _value(column, position, uniform)
    checks = [f"{value} is not null"]
    if not uniform:
        checks.append(_spelling(column, position))
        if column.type == "double":
            checks.append(f"isfinite({value})")  # The cast makes 1e400 infinite.
    # Accepted spellings have no sign, so a minimum of 0 always holds.
    checks.extend(_range_checks(replace(column, minimum=column.minimum or None), value))
    valid = " and ".join(checks)
    return f"({valid})" if column.required else f"(c{position} is null or ({valid}))"


def _bulk_sql(files: Mapping[int, Path], header: Header, uniform: bool, to: Path) -> str:
    """Returns the bulk reader's statement: a `copy` of only the records that satisfy the contract.

    Args:
        files: Plain local CSV files with this header, by file id.
        header: Their columns' positions.
        uniform: Whether the bytes prove that numbers have only one spelling (see `Bytes`).
        to: The Parquet file.
    """
    select = [f'{_value(column, at, uniform)} as "{column.name}"' for column, at in header.columns]
    file_id = next(iter(files)) if len(files) == 1 else "file_id"
    select.append(f'cast({file_id} as bigint) as "{FILE_ID}"')
    valid = [_valid(column, at, uniform) for column, at in header.columns]
    where = " and ".join(check for check in valid if check != "true") or "true"
    relation = _csv_relation(files, header, uniform)
    return (
        f"copy (select {', '.join(select)} from {relation} where {where}) "
        f"to {duckdb_literal(to)} (format parquet, compression uncompressed)"
    )


def reading_duckdb() -> duckdb.DuckDBPyConnection:
    """Opens the DuckDB that reads files, which takes no time while another connection is open.

    Starting it takes longer than reading a small file.
    """
    return duckdb.connect(":memory:reading", config={**_READING})


def read_in_bulk(
    files: Mapping[int, Path], header: Header, uniform: bool, to: Path
) -> dict[int, int] | None:
    """Reads CSV files with DuckDB into one Parquet file.

    Args:
        files: Plain local CSV files with this header, by file id, the value of the provenance
            column.
        header: Their columns' positions.
        uniform: Whether the bytes prove that numbers have only one spelling.
        to: The Parquet file to write.

    Returns:
        How many records of each file it wrote, by file id, without the files that it rejected
        records of; None if DuckDB could not read one of them.
    """
    with reading_duckdb() as connection:
        try:
            written = connection.execute(_bulk_sql(files, header, uniform, to)).fetchall()[0][0]
        except (duckdb.InvalidInputException, duckdb.ConversionException):
            return None
        except duckdb.IOException as error:
            if is_no_room(error):
                raise
            return None
        rejects = connection.execute(
            "select distinct file_path from reject_errors "
            "join reject_scans using (scan_id, file_id)"
        ).fetchall()
        counts = _counts(connection, files, written, to)
    rejected = {path for (path,) in rejects}
    return {file_id: n for file_id, n in counts.items() if str(files[file_id]) not in rejected}


def _counts(
    connection: duckdb.DuckDBPyConnection, files: Mapping[int, Path], written: int, parquet: Path
) -> dict[int, int]:
    if len(files) == 1:
        return dict.fromkeys(files, written)
    counts = connection.execute(
        f'select "{FILE_ID}", count(*) from read_parquet({_literally(parquet)}) group by all'
    )
    return {**dict.fromkeys(files, 0), **dict(counts.fetchall())}


def is_proved(written: int | None, content: Bytes, header: Header) -> bool:
    """Checks that every record came out, and that none had more fields than the header.

    DuckDB rejects a record with too few fields, but accepts one with extra empty fields.
    """
    separators = (header.width - 1) * content.records
    return (content.countable, written, content.separators) == (True, content.records, separators)


def read_csv(
    path: Path,
    header: Header,
    file_id: int,
    to: Path,
    rules: Rules,
    inspected: Callable[[], Bytes],
    uniform: bool,
    describe: Describe = Reject,
) -> Reading:
    """Reads one CSV file into one Parquet file, in bulk if that is provably right.

    Args:
        path: A plain local CSV file.
        header: Its columns' positions.
        file_id: The value of the provenance column.
        to: The Parquet file to write.
        rules: How many rejects are allowed.
        inspected: Returns the inspection's findings; may wait for one running in parallel.
        uniform: Whether to expect one spelling of numbers; if the bytes disprove it, the careful
            reader takes over.
        describe: Makes rejected records.

    Raises:
        RefusedFile: If its bytes are not text, or too many records are rejected.
    """
    written = read_in_bulk({file_id: path}, header, uniform, to) or {}
    content = inspected()
    as_expected = content.uniform or not uniform
    if as_expected and is_proved(written.get(file_id), content, header):
        return Reading(content.records)
    return read_with_care(path, header, file_id, rules, content.lines, to, describe)


def out_of_range(parquet: Path, header: Header) -> dict[int, list[str]]:
    """Counts values outside their columns' ranges.

    Args:
        parquet: A file that a reader wrote.
        header: The header, with ranges.

    Returns:
        By file id, a phrase for each column that has such values.
    """
    found: dict[int, list[str]] = {}
    with reading_duckdb() as connection:
        for column, at in header.columns:
            checks = " and ".join(_range_checks(column, column.name))
            if at is None or not checks:
                continue
            outside = connection.execute(
                f'select "{FILE_ID}", count(*), min({column.name}), max({column.name}) '
                f"from read_parquet({_literally(parquet)}) where not ({checks}) group by all"
            ).fetchall()
            for file_id, rows, low, high in outside:
                values = f"{low} to {high}" if low != high else low
                counted = f"{rows:,} row{'s' * (rows != 1)}"
                phrase = f"{counted} with {column.name} out of range ({values})"
                found.setdefault(file_id, []).append(phrase)
    return found


def merge(parquets: Mapping[int, Path], to: Path) -> None:
    """Merges the rows of files from Parquet files that may hold rows of others as well.

    Args:
        parquets: Where the rows of each file are, by file id; all with the same columns.
        to: The Parquet file to write.
    """
    paths = ", ".join(map(_literally, dict.fromkeys(parquets.values())))
    places = ", ".join(f"({duckdb_literal(path)}, {id_})" for id_, path in parquets.items())
    with reading_duckdb() as connection:
        connection.execute(
            f"copy (select rows.* exclude (filename) "
            f"from read_parquet([{paths}], filename = true) rows "
            f"join (values {places}) places(path, file_id) "
            f'on filename = path and rows."{FILE_ID}" = file_id) '
            f"to {duckdb_literal(to)} (format parquet, compression uncompressed)"
        )
