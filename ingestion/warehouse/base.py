"""The SQL that ingestion, build and status run on a warehouse themselves, besides dlt and dbt."""

from __future__ import annotations

import re
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import duckdb

from ingestion.errors import BusyError, DamagedWarehouse, MovielensError
from ingestion.literals import duckdb_literal

Rows = list[tuple[Any, ...]]

# A run that only reads holds the file for milliseconds, one that writes for much longer.
PATIENCE_SECONDS = 3.0
LOAD_MEGABYTES = 256
ROW_GROUP = 122_880  # rows, DuckDB's own
# Snowflake takes statements of 1 MB, and at most 16,384 rows of values.
INSERT_CHARACTERS, INSERT_ROWS = 500_000, 16_384


class Cursor(Protocol):
    """The result of a statement."""

    @property
    def description(self) -> Sequence[Sequence[Any]] | None:
        """Name and type of each column."""

    def fetchall(self) -> Rows:
        """All rows; for a change, one row with the number of rows changed."""

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first row, if any."""


class Connection(Protocol):
    """A connection to a warehouse.

    Attributes:
        native: The client's own connection, which dlt takes.
        known: Schemas and tables (`schema.table`) that exist, so that nobody asks again.
        complete: Schemas of which all tables are known, within `Warehouse.looking`; else None.
    """

    native: Any
    known: set[str]
    complete: set[str] | None

    def literal(self, value: Any) -> str:
        """Formats a value as an SQL literal: the only way to put text into a statement."""

    def execute(self, sql: str) -> Cursor:
        """Runs one statement; it takes no parameters, for which DuckDB would import pandas."""


@contextmanager
def transaction(connection: Connection, *, commit: bool = True) -> Iterator[None]:
    """Runs a block of statements in one transaction; if it fails, closing the connection undoes it.

    Args:
        connection: A connection to the warehouse.
        commit: Whether to commit at the end, or to roll back.
    """
    connection.execute("begin")
    yield
    connection.execute("commit" if commit else "rollback")


class Warehouse(ABC):
    """SQL access to a warehouse, the same on every engine.

    Statements use only what the engines share: `cast()`, `current_timestamp`, lower-case names
    without quotes, and values through `literal`.
    """

    is_metered = False
    """Whether each query costs money."""

    is_exclusive = False
    """Whether a writer locks out all other processes; `status` then shows the last snapshot."""

    ddl_is_transactional = True
    """Whether a transaction can create and drop; if not, each such statement commits."""

    read_stage: str | None = None
    """The stage from which the warehouse loads plain files of the landing zone itself."""

    @abstractmethod
    def connect(self) -> AbstractContextManager[Connection]:
        """Opens a connection for a block of statements."""

    def kept_open(self) -> AbstractContextManager[object]:
        """Keeps the warehouse open for a block with many connections, where opening takes long."""
        return nullcontext()

    def looking(self) -> AbstractContextManager[object]:
        """Does not ask twice for tables that are not there in a block that only reads."""
        return nullcontext()

    def beside(self) -> Warehouse:
        """Returns the same warehouse for another thread, in its own session if it needs one."""
        return self

    @abstractmethod
    def literal(self, value: Any) -> str:
        """Formats a value as an SQL literal: the only way to put text into a statement."""

    @abstractmethod
    def exists(self) -> bool:
        """Checks whether there is a warehouse to query."""

    @abstractmethod
    def destination(self, connection: Connection, row_group_bytes: int) -> Any:
        """Returns the dlt destination for such row groups, on this connection if dlt can use it."""

    def staging(self) -> Any:
        """Returns the dlt destination for staging files; None if they are loaded directly."""
        return None

    def staged(self, parquets: Mapping[Path, int]) -> Iterable[tuple[Path, int]]:
        """Prepares uncompressed Parquet files with the same columns for upload.

        Args:
            parquets: The files, with the rows in each.

        Returns:
            The files to load, with the rows in each; where nothing is uploaded, the same.
        """
        return parquets.items()

    def size(self) -> int:
        """Returns the bytes it takes on this machine."""
        return 0

    @abstractmethod
    def read_run_marker(self) -> dict[str, Any]:
        """Reads the last run's marker, at no cost; empty if there is none."""

    @abstractmethod
    def write_run_marker(self, content: dict[str, Any]) -> None:
        """Writes the last run's marker, on a warehouse where queries cost money."""

    @abstractmethod
    def row_counts(self, schemas: Collection[str]) -> dict[tuple[str, str], int]:
        """Returns the rows of each table of some schemas, as the engine keeps count of them.

        Returns:
            By schema and table; without views, and without tables that the engine does not count.
        """

    def copying(self, table: str, to: str) -> str:
        """Returns the statement that creates or replaces a table as a copy of another."""
        return f"create or replace table {to} as select * from {table}"

    def has_table(self, schema: str, table: str) -> bool:
        """Checks whether a table exists."""
        if not self.exists():
            return False
        with self.connect() as connection:
            return has_table(connection, schema, table)

    def fetch(self, sql: str) -> Rows:
        """Runs a query and returns all rows; none if there is no warehouse yet."""
        if not self.exists():
            return []
        with self.connect() as connection:
            return connection.execute(sql).fetchall()

    def columns_of(self, sql: str) -> list[tuple[str, str]]:
        """Runs a query and returns its columns, with the types that the client tells apart."""
        with self.connect() as connection:
            return [(name.lower(), str(type_)) for name, type_, *_ in _described(connection, sql)]

    def execute(self, *statements: str) -> None:
        """Runs statements in one transaction."""
        with self.connect() as connection, transaction(connection):
            for statement in statements:
                connection.execute(statement)

    def replace_table(
        self, schema: str, table: str, ddl: str, rows: Sequence[Sequence[Any]]
    ) -> None:
        """Replaces a table; one of many rows is briefly incomplete.

        Args:
            schema: Its schema, created if missing.
            table: Its name.
            ddl: Its columns with their types.
            rows: Its rows, in column order.
        """
        columns = [column.split(maxsplit=1) for column in re.split(r", (?!\d)", ddl)]
        names = ", ".join(name for name, _ in columns)
        cast = ", ".join(f"cast({name} as {type_}) as {name}" for name, type_ in columns)
        first, *more = values_of(rows, self.literal) or [""]
        content = f"as select {cast} from (values {first}) as given ({names})"
        with self.connect() as connection:
            create_schema(connection, schema)
            connection.execute(
                f"create or replace table {schema}.{table} {content if first else f'({ddl})'}"
            )
            for values in more:
                connection.execute(f"insert into {schema}.{table} values {values}")


def values_of(rows: Iterable[Iterable[Any]], literal: Callable[[Any], str]) -> list[str]:
    """Returns rows as lists of values, none longer than an engine takes in a statement.

    Args:
        rows: The rows.
        literal: Formats a value, as `Warehouse.literal` does.
    """
    found: list[list[str]] = []
    length = 0
    for row in rows:
        text = f"({', '.join(map(literal, row))})"
        if not found or len(found[-1]) == INSERT_ROWS or length + len(text) > INSERT_CHARACTERS:
            found.append([])
            length = 0
        found[-1].append(text)
        length += len(text)
    return [", ".join(values) for values in found]


def create_schema(connection: Connection, schema: str) -> None:
    """Creates a schema if it does not exist.

    Checked first, because `create schema if not exists` needs the privilege even if it exists.
    """
    if schema in connection.known:
        return
    found = connection.execute(
        f"select lower(schema_name) from information_schema.schemata where {IN_THIS_DATABASE}"
    )
    connection.known.update(name for (name,) in found.fetchall())
    if schema not in connection.known:
        connection.execute(f"create schema if not exists {schema}")
        connection.known.add(schema)


# DuckDB lists the schemas of every attached database.
IN_THIS_DATABASE = "catalog_name = current_database()"


class DuckDBSession:
    """A connection to a DuckDB file."""

    def __init__(self, native: duckdb.DuckDBPyConnection) -> None:
        self.native = native
        self.known: set[str] = set()
        self.complete: set[str] | None = None

    def literal(self, value: Any) -> str:
        """Formats a value as a DuckDB literal."""
        return duckdb_literal(value)

    def execute(self, sql: str) -> Cursor:
        """Runs one statement."""
        return self.native.execute(sql)


# Held while a thread opens or closes a file: DuckDB refuses to open one that is being closed.
_OPENING = threading.RLock()


class DuckDBWarehouse(Warehouse):
    """The DuckDB warehouse of the dev target.

    Each block of statements gets its own connection, so dlt, dbt and this class never lock each
    other out of the file.

    Args:
        path: The database file.
        read_only: Only read: needs no write permission, and does not wait for a writer.
    """

    is_exclusive = True

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._read_only = read_only

    @contextmanager
    def connect(self) -> Iterator[DuckDBSession]:
        """Opens the database file.

        Raises:
            BusyError: If another process has it open.
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
        """Formats a value as a DuckDB literal."""
        return duckdb_literal(value)

    def kept_open(self) -> AbstractContextManager[object]:
        """Opens the file if it exists; connections to an open file take no time."""
        return self.connect() if self.exists() else nullcontext()

    def beside(self) -> DuckDBWarehouse:
        """Returns the same warehouse for a thread that must not interfere with the others."""
        return _DuckDBBeside(self.path)

    def exists(self) -> bool:
        """Checks whether the file exists, that is, whether anything was ever loaded."""
        return self.path.exists()

    def size(self) -> int:
        """Returns the size of the file."""
        return self.path.stat().st_size if self.path.exists() else 0

    def read_run_marker(self) -> dict[str, Any]:
        """Returns nothing: queries are free, so no marker is needed."""
        return {}

    def write_run_marker(self, content: dict[str, Any]) -> None:
        """Does nothing."""

    def row_counts(self, schemas: Collection[str]) -> dict[tuple[str, str], int]:
        """Returns the rows of each table of some schemas."""
        names = ", ".join(map(self.literal, sorted(schemas)))
        rows = self.fetch(
            "select schema_name, table_name, estimated_size from duckdb_tables() "
            f"where database_name = current_database() and schema_name in ({names})"
        )
        return {(schema, table): count for schema, table, count in rows}

    def destination(self, connection: Connection, row_group_bytes: int) -> Any:
        """Returns the dlt destination on this connection, so no other process gets in between."""
        import dlt

        # DuckDB's cache of what it wrote is never read again. It needs room for the row groups
        # that its threads fill: two copies of text, as received and as stored.
        megabytes = LOAD_MEGABYTES + 4 * row_group_bytes // 1_000_000
        connection.execute(f"set memory_limit = '{megabytes}MB'")

        # Rows carry their file id, so order does not matter; without it DuckDB writes in parallel.
        connection.execute("set preserve_insertion_order = false")
        return dlt.destinations.duckdb(connection.native)


class _DuckDBBeside(DuckDBWarehouse):
    """A DuckDB warehouse that other threads can neither open nor close while this one has it open.

    So settings of their connections end with them, as if they were alone.
    """

    @contextmanager
    def connect(self) -> Iterator[DuckDBSession]:
        with _OPENING, super().connect() as session:
            yield session


def has_table(connection: Connection, schema: str, table: str) -> bool:
    """Checks whether a table exists."""
    name = f"{schema}.{table}"
    if name not in connection.known and schema not in (connection.complete or ()):
        found = connection.execute(
            "select lower(table_name) from information_schema.tables "
            f"where lower(table_schema) = {connection.literal(schema)}"
        )
        tables = [f"{schema}.{each}" for (each,) in found.fetchall()]
        connection.known.update([schema, *tables] if tables else [])
        if connection.complete is not None:
            connection.complete.add(schema)
    return name in connection.known


def columns_in(
    connection: Connection, schemas: Collection[str]
) -> dict[tuple[str, str], dict[str, str]]:
    """Finds the columns of each table of some schemas, with their types, in order.

    Returns:
        By schema and table.
    """
    rows = connection.execute(
        "select lower(table_schema), lower(table_name), lower(column_name), data_type, "
        "numeric_precision, numeric_scale from information_schema.columns "
        f"where lower(table_schema) in ({', '.join(map(connection.literal, schemas))}) "
        "order by table_schema, table_name, ordinal_position"
    ).fetchall()
    connection.known.update(
        name for schema, table, *_ in rows for name in (schema, f"{schema}.{table}")
    )
    found: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, type_, precision, scale in rows:
        # Without its scale, Snowflake's NUMBER is a whole number, and a cast to it rounds.
        whole = f"{type_}({precision}, {scale})" if type_ == "NUMBER" else type_
        found.setdefault((schema, table), {})[column] = whole
    return found


def _described(connection: Connection, sql: str) -> Sequence[Sequence[Any]]:
    return connection.execute(sql).description or []


def _is_held(error: Exception) -> bool:
    return "could not set lock" in str(error).lower()


def _held(path: Path, error: Exception) -> BusyError:
    by = re.search(r"held in (.*?PID \d+\))", str(error))
    return BusyError(
        f"The warehouse {path} is in use by another program"
        f"{f' ({by[1]})' if by else ''}; this run changed nothing",
        "wait for that run to end, or close that program (a DuckDB shell, a notebook), "
        "and run this again",
    )


_NO_DATABASE = ("not a valid duckdb", "could not read enough bytes", "replaying wal")
_BROKEN = (duckdb.SerializationException, duckdb.InternalException, duckdb.FatalException)


def is_damage(error: BaseException) -> bool:
    """Checks whether an error proves that a warehouse's file is damaged.

    DuckDB finds damage in the middle of a file only when it reads it. A file that is locked or
    from a newer DuckDB is not damaged.
    """
    return isinstance(error, DamagedWarehouse) or "corrupt database file" in str(error).lower()


def _cannot_open(path: Path, error: Exception) -> MovielensError:
    reason = str(error).splitlines()[0]
    at_once = any(words in reason.lower() for words in _NO_DATABASE) or isinstance(error, _BROKEN)
    if at_once or is_damage(error):
        return DamagedWarehouse(
            f"The warehouse {path} is damaged ({reason}). The published marts are untouched",
            "movielens run sets it aside and rebuilds it from the landing zone",
        )
    return MovielensError(
        f"The warehouse {path} cannot be opened: {reason}. The published marts are untouched",
        "give this user permission, or choose another file with MOVIELENS_WAREHOUSE",
    )
