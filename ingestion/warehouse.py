"""The warehouse as SQL: what ingestion, build and status ask of it besides dlt and dbt."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from ingestion.errors import BusyError, DamagedWarehouse, MovielensError, SettingsError
from ingestion.settings import Settings

Rows = list[tuple[Any, ...]]

# Another run that only looks has the file for some milliseconds, one that writes for much longer.
PATIENCE_SECONDS = 3.0


class Warehouse:
    """The DuckDB warehouse of the dev target.

    A connection is opened for each block of statements and closed after it, so that dlt, dbt and
    this class never hold the file against each other.

    Args:
        path: The database file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Opens the database file.

        Yields:
            A connection.

        Raises:
            BusyError: If another process keeps it open.
            DamagedWarehouse: If it is damaged.
            MovielensError: If it cannot be opened for another reason.
        """
        connection = self._open()
        try:
            connection.execute("set timezone = 'UTC'")
            yield connection
        finally:
            connection.close()

    def _open(self) -> duckdb.DuckDBPyConnection:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return duckdb.connect(self.path)
            except duckdb.Error as error:
                if not _is_held(error):
                    raise _cannot_open(self.path, error) from None
                if time.monotonic() > give_up:
                    raise _held(self.path, error) from None
            time.sleep(0.05)

    def exists(self) -> bool:
        """Tells whether anything was ever loaded."""
        return self.path.exists()

    def has_table(self, schema: str, table: str) -> bool:
        """Tells whether a table is there."""
        if not self.exists():
            return False
        with self.connect() as connection:
            return has_table(connection, schema, table)

    def fetch(self, sql: str) -> Rows:
        """Runs a query.

        Args:
            sql: One statement without parameters: with any, DuckDB imports pandas, which would
                double the time of a run that has nothing to do.

        Returns:
            All its rows.
        """
        if not self.exists():
            return []
        with self.connect() as connection:
            return connection.execute(sql).fetchall()

    def execute(self, *statements: str) -> None:
        """Runs statements in one transaction.

        Args:
            *statements: The statements.
        """
        with self.connect() as connection:
            connection.execute("begin")
            for statement in statements:
                connection.execute(statement)
            connection.execute("commit")

    def replace_table(
        self, schema: str, table: str, ddl: str, rows: Sequence[Sequence[Any]]
    ) -> None:
        """Writes a small table anew.

        Args:
            schema: Its schema; created if need be.
            table: Its name.
            ddl: Its columns with their types.
            rows: Its rows, in the order of the columns.
        """
        with self.connect() as connection:
            connection.execute("begin")
            connection.execute(f"create schema if not exists {schema}")
            connection.execute(f"create or replace table {schema}.{table} ({ddl})")
            if rows:
                # Not as parameters: with any, DuckDB imports pandas.
                values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
                connection.execute(f"insert into {schema}.{table} values {values}")
            connection.execute("commit")


def has_table(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    """Tells whether a table is there.

    Args:
        connection: A connection to the warehouse.
        schema: Its schema.
        table: Its name.

    Returns:
        True if it is.
    """
    found = connection.execute(
        "select 1 from information_schema.tables "
        f"where table_schema = {literal(schema)} and table_name = {literal(table)}"
    )
    return bool(found.fetchall())


def literal(value: str | int | datetime | None) -> str:
    """Writes a value as an SQL literal.

    Args:
        value: A text, a whole number, a time with its time zone, or None.

    Returns:
        The literal.
    """
    if value is None:
        return "null"
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def _is_held(error: Exception) -> bool:
    return "could not set lock" in str(error).lower()


def _held(path: Path, error: Exception) -> BusyError:
    by = re.search(r"held in (.*?PID \d+\))", str(error))
    return BusyError(
        f"The warehouse {path} is in use by another program"
        f"{f' ({by[1]})' if by else ''}; nothing was changed by this one",
        "wait for that run to end, or close that program (a DuckDB shell, a notebook), "
        "and run this again",
    )


_NO_DATABASE = ("not a valid duckdb", "could not read enough bytes", "replaying wal")
_BROKEN = (duckdb.SerializationException, duckdb.InternalException, duckdb.FatalException)


def is_damage(error: BaseException) -> bool:
    """Tells whether an error says for sure that the file of a warehouse is damaged.

    Args:
        error: What was raised; DuckDB finds damage in the middle of a file only when it reads it.

    Returns:
        True for damage; False for all else, a file that is locked or of a newer DuckDB too.
    """
    return isinstance(error, DamagedWarehouse) or "corrupt database file" in str(error).lower()


def _cannot_open(path: Path, error: Exception) -> MovielensError:
    reason = str(error).splitlines()[0]
    at_once = any(words in reason.lower() for words in _NO_DATABASE) or isinstance(error, _BROKEN)
    if at_once or is_damage(error):
        return DamagedWarehouse(
            f"The warehouse {path} is damaged ({reason}). The published marts are untouched",
            "movielens run sets it aside and builds it anew from the landing zone",
        )
    return MovielensError(
        f"The warehouse {path} cannot be opened: {reason}. The published marts are untouched",
        "give this user permission there, or choose another with MOVIELENS_WAREHOUSE",
    )


def warehouse(settings: Settings) -> Warehouse:
    """Gives the warehouse of the target in force.

    Args:
        settings: Say which target.

    Returns:
        The warehouse.

    Raises:
        SettingsError: If the target is not available.
    """
    if settings.target != "dev":
        raise SettingsError(
            "The prod target (Snowflake) is not available in this version",
            "use MOVIELENS_TARGET=dev (DuckDB)",
        )
    return Warehouse(settings.warehouse_file)
