"""Published marts in a DuckDB file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock

import duckdb
import pandas as pd

from dashboard.marts_store import (
    MartMissing,
    MartsUnreadable,
    NothingPublished,
    Parameter,
    Pinned,
    frame,
    marts_named,
)
from ingestion.layout import MARKED, MARTS, marts_layout
from ingestion.literals import duckdb_literal


class DuckDBEngine:
    """The file of published marts, which each publish replaces."""

    at_once = 2

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: tuple[str, Pinned] | None = None
        self._opening = Lock()

    def pin(self) -> Pinned:
        """Pins the published file.

        Returns:
            The current file, or the previous one while the current one cannot be read or is gone:
            a folder may lose its mount for a moment. Only a restart shows nothing.

        Raises:
            NothingPublished: If there is no file, and there is no previous one.
            MartsUnreadable: If the file cannot be read, and there is no previous one.
        """
        with self._opening:
            try:
                self._last = self._current()
            except (MartsUnreadable, NothingPublished):
                if self._last is None:
                    raise
                version, last = self._last
                self._last = version, replace(last, is_confirmed=False)
            return self._last[1]

    def _current(self) -> tuple[str, Pinned]:
        for _ in range(3):
            version = _file_version(self._path)
            if self._last and self._last[0] == version:
                store = self._last[1].store
            else:
                store = DuckDBMarts(self._path, version)
            # If the file was replaced between the look and the opening, look again.
            if _file_version(self._path) == version:
                break
        return version, Pinned(store, datetime.now(UTC).replace(tzinfo=None))


class DuckDBMarts:
    """One published file, opened read-only; keeps its version when the file is replaced.

    Args:
        path: The file of marts.
        version: What distinguishes this file from its replacement.

    Raises:
        MartsUnreadable: If it is not a DuckDB file.
    """

    def __init__(self, path: Path, version: str) -> None:
        self.key = f"{path} {version}"
        try:
            self._connection, self._schema = _attached(path)
        except duckdb.Error:
            raise MartsUnreadable("The file of marts cannot be opened") from None
        self._idle: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()

    def fetch(self, statement: str, parameters: tuple[Parameter, ...]) -> pd.DataFrame:
        """Runs one select over marts, with one parameter per `?`.

        Raises:
            MartMissing: If a mart or a column is missing.
            MartsUnreadable: If the file cannot be read.
        """
        try:
            with self._cursor() as cursor:
                return frame(cursor.execute(statement, list(parameters)).to_arrow_table())
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise MartMissing(_missing(str(error), statement)) from None
        except duckdb.Error:
            raise MartsUnreadable("The file of marts cannot be read") from None

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        # Kept for the next reader: a new one costs a tenth of an answer.
        try:
            cursor = self._idle.get_nowait()
        except Empty:
            cursor = self._connection.cursor()
            cursor.execute(f"use {self._schema}")
        try:
            yield cursor
        finally:
            self._idle.put(cursor)


def _attached(path: Path) -> tuple[duckdb.DuckDBPyConnection, str]:
    # A fresh in-memory database that attaches the file: duckdb.connect(path) would return the
    # process's existing instance for this path, with the rows of the replaced file.
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": "512MB",
            # Queries take milliseconds; concurrent visitors keep the cores busy.
            "threads": "1",
        },
    )
    connection.execute(f"attach {duckdb_literal(path)} as published (read_only)")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    # Files published by older versions keep their tables in a schema `marts`.
    earlier = connection.execute(
        "from duckdb_schemas() where database_name = 'published' and schema_name = 'marts'"
    )
    schema = "published.marts" if earlier.fetchall() else "published.main"
    marked = connection.execute(
        f"select comment from duckdb_tables() where table_name = '{MARKED}'"
    ).fetchone()
    if marked and marts_layout(marked[0]) > MARTS:
        raise MartsUnreadable("A newer version published the marts: upgrade the dashboard")
    return connection, schema


def _missing(message: str, statement: str) -> str:
    named = re.search(r"Table with name (mart_[a-z_]+) does not exist", message)
    return named.group(1) if named else ", ".join(marts_named(statement))


def _file_version(path: Path) -> str:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise NothingPublished("No marts are published") from None
    except OSError:
        raise MartsUnreadable("The file of marts cannot be accessed") from None
    return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"
