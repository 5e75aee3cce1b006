"""The only way from the dashboard to a database: published marts, read-only, one version a run."""

from __future__ import annotations

import re
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pandas as pd
import streamlit as st

from dashboard.settings import Settings, SnowflakeSettings, settings

Parameter = str | int | float

_TABLE = re.compile(r"\b(?:from|join)\s+([^\s,()]+)", re.IGNORECASE)
_MART = re.compile(r"mart_[a-z_]+")
_FUNCTION_FROM = re.compile(r"extract\(\w+ from \w+\)", re.IGNORECASE)


class MartsError(Exception):
    """What a visitor may be told about marts that cannot be read; holds no path and no SQL."""


class NothingPublished(MartsError):
    """There are no published marts yet."""


class MartsUnreadable(MartsError):
    """There are published marts, and they cannot be read."""


class MartMissing(MartsError):
    """One mart, or a column of it, is not among the published ones."""

    def __init__(self, names: str) -> None:
        super().__init__(f"{names} is missing")
        self.names = names


class Store(Protocol):
    """Published marts at one version."""

    version: str

    def fetch(self, statement: str, parameters: tuple[Parameter, ...]) -> pd.DataFrame:
        """Answers one checked statement; column names in lower case."""


_store: ContextVar[Store] = ContextVar("published marts of this run")


def pin() -> None:
    """Chooses the version that all reads of this page run are answered from.

    Raises:
        NothingPublished: If there are no marts.
        MartsUnreadable: If there are, and they cannot be opened.
    """
    chosen = settings()
    if chosen.target == "prod":
        _store.set(_snowflake())
    else:
        _store.set(_duckdb_file(chosen))


def rows(statement: str, *parameters: Parameter) -> pd.DataFrame:
    """Answers a statement from the pinned version.

    Args:
        statement: One of `dashboard.queries`; reads only tables named `mart_*`.
        *parameters: One value for each `?` of it.

    Returns:
        Its rows, a copy that the caller may change.

    Raises:
        ValueError: If the statement does anything but read marts.
        MartMissing: If a mart or a column that it names is not published.
        MartsUnreadable: If the database does not answer.
    """
    marts_named(statement)
    store = _store.get()
    return _cached_rows(store.version, statement, parameters, store)


@lru_cache(maxsize=256)
def marts_named(statement: str) -> tuple[str, ...]:
    """Checks that a statement only reads marts, and tells which.

    Args:
        statement: SQL text.

    Returns:
        Names of the marts, in alphabetical order.

    Raises:
        ValueError: If it is not one select over tables named `mart_*`.
    """
    text = statement.strip()
    if not text.lower().startswith("select") or ";" in text:
        raise ValueError("The dashboard sends single select statements only")
    tables = set(_TABLE.findall(_FUNCTION_FROM.sub("", text)))
    refused = sorted(table for table in tables if not _MART.fullmatch(table))
    if refused or not tables:
        raise ValueError(f"The dashboard reads marts only, not {', '.join(refused) or 'nothing'}")
    return tuple(sorted(tables))


# Keyed on the version: a new one is never answered with rows of an old one. Bounded, because
# visitors choose the parameters.
@st.cache_data(max_entries=512, max_size="64mb", show_spinner=False)
def _cached_rows(
    version: str, statement: str, parameters: tuple[Parameter, ...], _store: Store
) -> pd.DataFrame:
    return _store.fetch(statement, parameters)


# ---- DuckDB ------------------------------------------------------------------------------------


class DuckDBMarts:
    """One published file, opened read-only; keeps its version also when the file is replaced.

    Args:
        path: The file of marts.
        version: What tells this file from the one that replaces it.

    Raises:
        MartsUnreadable: If it is not a DuckDB file with a schema `marts`.
    """

    def __init__(self, path: Path, version: str) -> None:
        self.version = version
        try:
            self._connection = _attached(path)
        except duckdb.Error:
            raise MartsUnreadable("The file of marts cannot be opened") from None

    def fetch(self, statement: str, parameters: tuple[Parameter, ...]) -> pd.DataFrame:
        """Answers one statement.

        Args:
            statement: A select over marts.
            parameters: One value for each `?`.

        Returns:
            Its rows.

        Raises:
            MartMissing: If a mart or a column is not there.
            MartsUnreadable: If the file cannot be read.
        """
        cursor = self._connection.cursor()
        try:
            cursor.execute("use published.marts")
            return cursor.execute(statement, list(parameters)).df()
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise MartMissing(_missing(str(error), statement)) from None
        except duckdb.Error:
            raise MartsUnreadable("The file of marts cannot be read") from None
        finally:
            cursor.close()


def _attached(path: Path) -> duckdb.DuckDBPyConnection:
    # A fresh in-memory database that attaches the file: duckdb.connect(path) would hand out the
    # instance that the process already has for this path, and with it the replaced file's rows.
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": "512MB",
            "threads": "2",
        },
    )
    escaped = str(path).replace("'", "''")
    connection.execute(f"attach '{escaped}' as published (read_only)")
    connection.execute("use published.marts")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


def _missing(message: str, statement: str) -> str:
    named = re.search(r"Table with name (mart_[a-z_]+) does not exist", message)
    return named.group(1) if named else ", ".join(marts_named(statement))


def _duckdb_file(chosen: Settings) -> DuckDBMarts:
    path = chosen.marts_file
    for _ in range(3):
        version = _file_version(path)
        store = _opened_file(str(path), version)
        # The file may have been replaced between looking and opening: then look again.
        if _file_version(path) == version:
            return store
    return store


def _file_version(path: Path) -> str:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise NothingPublished("No marts are published") from None
    except OSError:
        raise MartsUnreadable("The file of marts cannot be looked at") from None
    return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"


@st.cache_resource(max_entries=2, show_spinner=False)
def _opened_file(path: str, version: str) -> DuckDBMarts:
    return DuckDBMarts(Path(path), version)


# ---- Snowflake ---------------------------------------------------------------------------------


class SnowflakeMarts:
    """The published marts in Snowflake, read with the dashboard's own role.

    Args:
        connection: An open connection whose current schema is the marts'.
        version: Version of the marts it answers from.
    """

    def __init__(self, connection: Any, version: str = "") -> None:
        self.version = version
        self._connection = connection

    def fetch(self, statement: str, parameters: tuple[Parameter, ...]) -> pd.DataFrame:
        """Answers one statement.

        Args:
            statement: A select over marts.
            parameters: One value for each `?`.

        Returns:
            Its rows, column names in lower case.

        Raises:
            MartMissing: If a mart or a column is not there.
            MartsUnreadable: If Snowflake does not answer in time.
        """
        from snowflake.connector.errors import Error, ProgrammingError

        try:
            with self._connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                names = [column.name.lower() for column in cursor.description]
                return pd.DataFrame(cursor.fetchall(), columns=names)
        except ProgrammingError as error:
            if error.errno in (904, 2003):  # invalid identifier; object does not exist
                raise MartMissing(", ".join(marts_named(statement))) from None
            raise MartsUnreadable("Snowflake refused the statement") from None
        except Error:
            raise MartsUnreadable("Snowflake does not answer") from None


def _snowflake() -> SnowflakeMarts:
    store = SnowflakeMarts(_snowflake_connection())
    return SnowflakeMarts(store._connection, _snowflake_version(store))


@st.cache_data(ttl=60, max_entries=1, show_spinner=False)
def _snowflake_version(_store: SnowflakeMarts) -> str:
    return str(_store.fetch("select data_version from mart_dataset_status", ()).iloc[0, 0])


@st.cache_resource(ttl=3600, show_spinner=False)
def _snowflake_connection() -> Any:
    # Imported here: it costs a second and 32 MB, which a DuckDB dashboard does not owe.
    import snowflake.connector

    try:
        return snowflake.connector.connect(**_snowflake_arguments(SnowflakeSettings()))
    except (snowflake.connector.errors.Error, ValueError):
        raise MartsUnreadable("Snowflake cannot be reached") from None


def _snowflake_arguments(chosen: SnowflakeSettings) -> dict[str, Any]:
    arguments = {
        "account": chosen.account,
        "user": chosen.user,
        "role": chosen.role,
        "warehouse": chosen.warehouse,
        "database": chosen.database,
        "schema": "MARTS",
        "host": chosen.host,
        "port": chosen.port,
        "protocol": chosen.protocol,
        "paramstyle": "qmark",
        "login_timeout": 8,
        "network_timeout": 25,
        "session_parameters": {
            "QUERY_TAG": "movielens-dashboard",
            "STATEMENT_TIMEOUT_IN_SECONDS": 20,
            "TIMEZONE": "UTC",
        },
        **_snowflake_key(chosen),
    }
    return {name: value for name, value in arguments.items() if value is not None}


def _snowflake_key(chosen: SnowflakeSettings) -> dict[str, Any]:
    passphrase = chosen.private_key_passphrase
    secret = passphrase.get_secret_value() if passphrase else None
    if chosen.private_key_path:
        return {"private_key_file": str(chosen.private_key_path), "private_key_file_pwd": secret}
    if chosen.private_key:
        return {"private_key": _der(chosen.private_key.get_secret_value(), secret)}
    return {}


def _der(pem: str, passphrase: str | None) -> bytes:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(
        pem.encode(), passphrase.encode() if passphrase else None
    )
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
