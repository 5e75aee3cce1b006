"""What the reference is computed from: the files that count, and what only the product can say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

Row = dict[str, Any]
Rows = list[Row]


@dataclass(frozen=True, kw_only=True)
class File:
    """A file that counts, and what the manifest says that the file itself does not.

    Attributes:
        path: Its path in the landing zone.
        edition: The edition that it belongs to, if known.
        load_id: The load that it came with.
        loaded_at: When, in UTC.
    """

    path: str
    edition: str | None
    load_id: str
    loaded_at: datetime


@dataclass(frozen=True, kw_only=True)
class Landing:
    """A landing zone all of whose files that count are there.

    Attributes:
        zone: Its folder.
        files: Those of its files that count, in the order in which they were loaded.
        audit: The rows of each table `audit.*`: what a build reports about itself.
    """

    zone: Path
    files: tuple[File, ...]
    audit: Mapping[str, Rows] = field(default_factory=dict)


def landing_of(
    connection: duckdb.DuckDBPyConnection, zone: Path, *, raw: str = "raw", audit: str = "audit"
) -> Landing:
    """Reads which files of a landing zone count, and what its build reports about itself.

    Args:
        connection: To the warehouse.
        zone: The landing zone.
        raw: Where the manifest is.
        audit: Where the tables of the audit are.
    """
    connection.execute("set timezone = 'UTC'")
    entries: dict[str, Row] = {}
    for entry in rows_in(connection, f"from {raw}._files order by file_id"):
        entries.pop(entry["path"], None)
        entries[entry["path"]] = entry
    files = tuple(
        File(
            path=path,
            edition=entry["edition"],
            load_id=entry["load_id"],
            loaded_at=_in_utc(entry["loaded_at"]),
        )
        for path, entry in entries.items()
        if entry["version"] is not None
    )
    return Landing(zone=zone, files=files, audit=_tables_in(connection, audit))


def rows_in(connection: duckdb.DuckDBPyConnection, selection: str) -> Rows:
    """The rows of a query, in its order."""
    cursor = connection.execute(selection)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _tables_in(connection: duckdb.DuckDBPyConnection, schema: str) -> dict[str, Rows]:
    catalog, _, name = schema.rpartition(".")
    tables = connection.execute(
        "select table_name from information_schema.tables where table_schema = ?"
        " and table_catalog = coalesce(nullif(?, ''), current_database())",
        [name, catalog],
    ).fetchall()
    return {table: rows_in(connection, f"from {schema}.{table}") for (table,) in tables}


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
