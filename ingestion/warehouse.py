"""The warehouse as SQL: what ingestion, build and status ask of it besides dlt and dbt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from ingestion.errors import MovielensError, SettingsError
from ingestion.settings import Settings

Rows = list[tuple[Any, ...]]


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
            MovielensError: If the file cannot be opened.
        """
        try:
            connection = duckdb.connect(self.path)
        except (duckdb.IOException, duckdb.SerializationException, duckdb.InternalException) as e:
            raise _cannot_open(self.path, e) from None
        try:
            connection.execute("set timezone = 'UTC'")
            yield connection
        finally:
            connection.close()

    def exists(self) -> bool:
        """Tells whether anything was ever loaded."""
        return self.path.exists()

    def has_table(self, schema: str, table: str) -> bool:
        """Tells whether a table is there."""
        found = self.fetch(
            "select 1 from information_schema.tables "
            f"where table_schema = '{schema}' and table_name = '{table}'"
        )
        return bool(found)

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
                marks = ", ".join("?" * len(rows[0]))
                connection.executemany(f"insert into {schema}.{table} values ({marks})", rows)
            connection.execute("commit")


def _cannot_open(path: Path, error: Exception) -> MovielensError:
    if "could not set lock" in str(error).lower():
        return MovielensError(
            f"The warehouse {path} is held open by another program",
            "close that program (a DuckDB shell, a notebook) and run this again",
        )
    return MovielensError(
        f"The warehouse {path} cannot be opened: {str(error).splitlines()[0]}. "
        "The published marts are untouched",
        f"move it away and run again, everything in it is rebuilt from the landing zone: "
        f"mv {path} {path}.broken",
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
