"""The warehouse as SQL: what ingestion, build and status ask of it besides dlt and dbt."""

from __future__ import annotations

import re
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import duckdb

from ingestion.errors import BusyError, DamagedWarehouse, MovielensError
from ingestion.literals import duckdb_literal

Rows = list[tuple[Any, ...]]

# Another run that only looks has the file for some milliseconds, one that writes for much longer.
PATIENCE_SECONDS = 3.0
LOAD_MEGABYTES = 256
ROW_GROUP = 122_880  # rows, DuckDB's own


class Cursor(Protocol):
    """The answer to a statement."""

    @property
    def description(self) -> Sequence[Sequence[Any]] | None:
        """Name and type of each column."""

    def fetchall(self) -> Rows:
        """All rows; of a change one, with the number of rows that it changed."""

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first row, if there is one."""


class Connection(Protocol):
    """A connection to a warehouse. Its `native` one is the client's own, which dlt takes."""

    native: Any

    def literal(self, value: Any) -> str:
        """Writes a value as the engine reads it: the only way for a text into a statement."""

    def execute(self, sql: str) -> Cursor:
        """Runs one statement, without parameters: with any, DuckDB would import pandas."""


@contextmanager
def transaction(connection: Connection, *, commit: bool = True) -> Iterator[None]:
    """Runs a block of statements in one transaction; closing the connection undoes a failed one.

    Args:
        connection: A connection to the warehouse.
        commit: Whether to commit in the end, or to roll back.

    Yields:
        While the transaction is open.
    """
    connection.execute("begin")
    yield
    connection.execute("commit" if commit else "rollback")


class Warehouse(ABC):
    """A warehouse as SQL: what is said in these few methods is the same on every engine.

    Statements on it are written in what the engines share: `cast()`, `current_timestamp`, names in
    lower case without quotes, and values through `literal`.
    """

    is_metered = False
    """Whether each question costs money, beyond the time that it takes."""

    is_exclusive = False
    """Whether a writer keeps all other processes out; `status` then shows the last snapshot."""

    @abstractmethod
    def connect(self) -> AbstractContextManager[Connection]:
        """Opens a connection for a block of statements."""

    def beside(self) -> Warehouse:
        """The same warehouse for another thread, with a session of its own where it needs one."""
        return self

    @abstractmethod
    def literal(self, value: Any) -> str:
        """Writes a value as the engine reads it: the only way for a text into a statement."""

    @abstractmethod
    def exists(self) -> bool:
        """Tells whether there is anything to ask."""

    @abstractmethod
    def destination(self, connection: Connection, row_group_bytes: int) -> Any:
        """Gives dlt's destination for files like that, on this connection if dlt can."""

    def staging(self) -> Any:
        """Gives dlt's destination for files on their way; None if they need no other."""
        return None

    def staged(self, parquet: Path, rows: int) -> list[tuple[Path, int]]:
        """Makes of a Parquet file those that are sent, with how many rows each has.

        Args:
            parquet: An uncompressed file.
            rows: How many it has.

        Returns:
            That file, where nothing is sent anywhere.
        """
        return [(parquet, rows)]

    def size(self) -> int:
        """Gives the bytes that it takes on this machine."""
        return 0

    @abstractmethod
    def noted(self) -> dict[str, Any]:
        """Reads, at no cost, what the last run noted of the whole warehouse; empty if nothing."""

    @abstractmethod
    def note(self, content: dict[str, Any]) -> None:
        """Notes something of the whole warehouse, where asking it costs anything."""

    def has_table(self, schema: str, table: str) -> bool:
        """Tells whether a table is there."""
        if not self.exists():
            return False
        with self.connect() as connection:
            return has_table(connection, schema, table)

    def fetch(self, sql: str) -> Rows:
        """Runs a query.

        Args:
            sql: One statement.

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
        with self.connect() as connection, transaction(connection):
            for statement in statements:
                connection.execute(statement)

    def replace_table(
        self, schema: str, table: str, ddl: str, rows: Sequence[Sequence[Any]]
    ) -> None:
        """Writes a small table anew; for a moment it is empty.

        Args:
            schema: Its schema; created if need be.
            table: Its name.
            ddl: Its columns with their types.
            rows: Its rows, in the order of the columns.
        """
        with self.connect() as connection:
            create_schema(connection, schema)
            connection.execute(f"create or replace table {schema}.{table} ({ddl})")
            if rows:
                values = ", ".join(f"({', '.join(map(self.literal, row))})" for row in rows)
                connection.execute(f"insert into {schema}.{table} values {values}")


def create_schema(connection: Connection, schema: str) -> None:
    """Creates a schema if it is not there.

    Asked first: `create schema if not exists` needs the privilege to create one even if it is.

    Args:
        connection: A connection to the warehouse.
        schema: Its name.
    """
    found = connection.execute(
        "select 1 from information_schema.schemata "
        f"where lower(schema_name) = {connection.literal(schema)} and {IN_THIS_DATABASE}"
    )
    if not found.fetchall():
        connection.execute(f"create schema if not exists {schema}")


# DuckDB lists the schemas of every attached database.
IN_THIS_DATABASE = "catalog_name = current_database()"


class DuckDBSession:
    """A connection to a DuckDB file."""

    def __init__(self, native: duckdb.DuckDBPyConnection) -> None:
        self.native = native

    def literal(self, value: Any) -> str:
        """Writes a value as DuckDB reads it."""
        return duckdb_literal(value)

    def execute(self, sql: str) -> Cursor:
        """Runs one statement."""
        return self.native.execute(sql)


# Held by the thread that opens or closes a file: one that is opened while another thread closes it
# is refused.
_OPENING = threading.RLock()


class DuckDBWarehouse(Warehouse):
    """The DuckDB warehouse of the dev target.

    A connection is opened for each block of statements and closed after it, so that dlt, dbt and
    this class never hold the file against each other.

    Args:
        path: The database file.
        read_only: Only look: needs no permission to write, and waits for nobody.
    """

    is_exclusive = True

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._read_only = read_only

    @contextmanager
    def connect(self) -> Iterator[DuckDBSession]:
        """Opens the database file.

        Yields:
            A connection.

        Raises:
            BusyError: If another process keeps it open.
            DamagedWarehouse: If it is damaged.
            MovielensError: If it cannot be opened for another reason.
        """
        with _OPENING:
            connection = self._open()
        try:
            connection.execute("set timezone = 'UTC'")
            yield DuckDBSession(connection)
        finally:
            with _OPENING:
                connection.close()

    def _open(self) -> duckdb.DuckDBPyConnection:
        give_up = time.monotonic() + (0 if self._read_only else PATIENCE_SECONDS)
        while True:
            try:
                return duckdb.connect(self.path, read_only=self._read_only)
            except duckdb.Error as error:
                if not _is_held(error):
                    raise _cannot_open(self.path, error) from None
                if time.monotonic() > give_up:
                    raise _held(self.path, error) from None
            time.sleep(0.05)

    def literal(self, value: Any) -> str:
        """Writes a value as DuckDB reads it."""
        return duckdb_literal(value)

    def beside(self) -> DuckDBWarehouse:
        """The same warehouse for a thread that must not get in the way of the others."""
        return _DuckDBBeside(self.path)

    def exists(self) -> bool:
        """Tells whether anything was ever loaded."""
        return self.path.exists()

    def size(self) -> int:
        """Gives the size of the file."""
        return self.path.stat().st_size if self.path.exists() else 0

    def noted(self) -> dict[str, Any]:
        """Nothing is noted: it can be asked at no cost."""
        return {}

    def note(self, content: dict[str, Any]) -> None:
        """Keeps nothing."""

    def destination(self, connection: Connection, row_group_bytes: int) -> Any:
        """Gives dlt's destination on this connection, so that no other process gets in between."""
        import dlt

        # What DuckDB keeps of what it has written is never read again. It needs room for the row
        # groups that its threads fill: two of text, as it came and as it is stored.
        megabytes = LOAD_MEGABYTES + 4 * row_group_bytes // 1_000_000
        connection.execute(f"set memory_limit = '{megabytes}MB'")

        # Rows carry their file id, not their order; without it DuckDB writes with all its threads.
        connection.execute("set preserve_insertion_order = false")
        return dlt.destinations.duckdb(connection.native)


class _DuckDBBeside(DuckDBWarehouse):
    """A DuckDB warehouse that no other thread opens or closes while this one has it open.

    So what the others set when they opened it ends with them, as if they were alone.
    """

    @contextmanager
    def connect(self) -> Iterator[DuckDBSession]:
        with _OPENING, super().connect() as session:
            yield session


def has_table(connection: Connection, schema: str, table: str) -> bool:
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
        f"where lower(table_schema) = {connection.literal(schema)} "
        f"and lower(table_name) = {connection.literal(table)}"
    )
    return bool(found.fetchall())


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
