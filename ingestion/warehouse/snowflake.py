"""The Snowflake warehouse of the prod target."""

from __future__ import annotations

import base64
import json
import re
import uuid
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from ingestion.datasets import MANIFEST, RAW
from ingestion.errors import BusyError, MovielensError, SettingsError
from ingestion.literals import duckdb_literal, snowflake_literal
from ingestion.settings import Settings
from ingestion.warehouse.base import Connection, Cursor, Warehouse
from ingestion.warehouse.snowflake_login import (
    LOADER,
    KeyProblem,
    SnowflakeSettings,
    connector_arguments,
    private_key,
    snowflake_settings,
    token,
)

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

# Query tag of every session: the run, then the step. Statements name their table or model.
TAG = f"movielens {uuid.uuid4().hex[:8]}"
# Snowflake recommends files of 100 to 250 MB, compressed.
STAGED_BYTES = 128_000_000
# Uncompressed, so that these make several files of that size.
STAGED_FROM_BYTES = 2_000_000_000
_STAGING: dict[str, Any] = {"preserve_insertion_order": "false", "memory_limit": "512MB"}
# The statement was aborted by a lock that another transaction held or waited for.
_LOCKED = 625
_REMEDY = "movielens doctor --target prod finds the setting at fault"


class _Session:
    """A connection with DuckDB's interface, for the whole process."""

    def __init__(self, native: SnowflakeConnection) -> None:
        self.native = native
        self.known: set[str] = set()
        self.complete: set[str] | None = None

    def literal(self, value: Any) -> str:
        """Formats a value as a Snowflake literal."""
        return snowflake_literal(value)

    def execute(self, sql: str) -> Cursor:
        """Runs one statement."""
        if sql.startswith("drop"):
            self.known.clear()
        cursor: Cursor = self.native.cursor().execute(sql)  # type: ignore[assignment]
        return cursor


class SnowflakeWarehouse(Warehouse):
    """The Snowflake warehouse of the prod target.

    One connection serves the whole process, as a login takes as long as many statements.

    Args:
        settings: The login.
        tag: Query tag of its statements.
        stage: S3 prefix to load rows through; None for Snowflake's own stages.
        stage_name: The Snowflake stage on that prefix.
        read_stage: The Snowflake stage on the landing zone, if it is to load plain files itself.
    """

    is_metered = True
    ddl_is_transactional = False

    def __init__(
        self,
        settings: SnowflakeSettings,
        tag: str,
        stage: str | None = None,
        stage_name: str | None = None,
        read_stage: str | None = None,
    ) -> None:
        self.settings = settings
        self.tag = tag
        self.stage = stage
        self.stage_name = stage_name
        self.read_stage = read_stage

    @contextmanager
    def connect(self) -> Iterator[_Session]:
        """Yields the connection; if the block fails, its transaction is rolled back.

        Raises:
            SettingsError: If the settings are not enough to log in.
            MovielensError: If Snowflake cannot be reached or refuses a statement.
        """
        session = _session(self.settings, self.tag)
        try:
            yield session
        except _client().Error as error:
            session.known.clear()  # Somebody else may have dropped what is missing.
            session.execute("rollback")
            raise _in_words(error) from error
        except BaseException:
            session.execute("rollback")
            raise

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Does not ask twice for tables that are not there, within a block that only reads."""
        with self.connect() as session:
            session.complete = set()
            try:
                yield
            finally:
                session.complete = None

    def beside(self) -> SnowflakeWarehouse:
        """Returns the same warehouse through another login, made when first needed."""
        return SnowflakeWarehouse(
            self.settings, f"{self.tag} heartbeat", self.stage, self.stage_name
        )

    def literal(self, value: Any) -> str:
        """Formats a value as a Snowflake literal."""
        return snowflake_literal(value)

    def copying(self, table: str, to: str) -> str:
        """Returns the statement that clones a table, which copies no rows.

        dbt's tables are transient, and Snowflake clones those into transient ones only.
        """
        return f"create or replace transient table {to} clone {table}"

    def exists(self) -> bool:
        """Returns True: infra/snowflake sets up the database beforehand."""
        return True

    def columns_of(self, sql: str) -> list[tuple[str, str]]:
        """Runs a query and returns its columns, with Snowflake's names of types."""
        names = import_module("snowflake.connector.constants").FIELD_ID_TO_NAME
        return [(column, names[int(type_)]) for column, type_ in super().columns_of(sql)]

    def row_counts(self, schemas: Collection[str]) -> dict[tuple[str, str], int]:
        """Returns the rows of each table of some schemas."""
        names = ", ".join(map(self.literal, sorted(schemas)))
        rows = self.fetch(
            "select lower(table_schema), lower(table_name), row_count from "
            f"information_schema.tables where lower(table_schema) in ({names})"
        )
        return {(schema, table): count for schema, table, count in rows if count is not None}

    def destination(self, connection: Connection, row_group_bytes: int) -> Any:
        """Returns the dlt destination, which logs in separately."""
        from dlt.destinations.impl.snowflake.configuration import SnowflakeCredentials

        from ingestion.warehouse.snowflake_destination import Snowflake

        # Its statements name the load, in paths on the stage, and the table.
        login = connector_arguments(self.settings, f"{self.tag} load")
        credentials = SnowflakeCredentials()
        credentials.host, credentials.username = login["account"], login["user"]
        credentials.database = login["database"]
        for name in ("role", "warehouse", "authenticator", "workload_identity_provider", "token"):
            setattr(credentials, name, login.get(name))
        if "private_key" in login:
            credentials.private_key = base64.b64encode(login["private_key"]).decode()
        others = (
            "host",
            "port",
            "protocol",
            "login_timeout",
            "token_file_path",
            "session_parameters",
        )
        credentials.query = {name: login[name] for name in others if name in login}
        return Snowflake(
            credentials=credentials,
            stage_name=self.stage_name,
            keep_staged_files=False,
        )

    def staging(self) -> Any:
        """Returns the dlt destination for the S3 prefix, if rows are loaded through one."""
        if self.stage is None:
            return None
        import dlt

        # Without the trailing slash, dlt would ask the stage for paths that begin with one.
        return dlt.destinations.filesystem(bucket_url=f"{self.stage.rstrip('/')}/")

    def staged(self, parquets: Mapping[Path, int]) -> Iterator[tuple[Path, int]]:
        """Compresses files, and merges or splits them into parts of a size to load in parallel."""
        for together in _of_about(STAGED_FROM_BYTES, parquets):
            yield from _staged(together)

    def read_run_marker(self) -> dict[str, Any]:
        """Reads the manifest's comment, which needs no virtual warehouse."""
        schema = f"{self.settings.database}.{RAW}"
        show = f"show tables like {self.literal(MANIFEST)} in schema {schema}"
        with self.connect() as session:
            try:
                cursor = session.execute(show)
            except _client().ProgrammingError:  # no such schema yet
                return {}
            names = [column[0].lower() for column in cursor.description or []]
            tables = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        comments = [t["comment"] for t in tables if t["name"].lower() == MANIFEST]
        try:
            return dict(json.loads(comments[0] or "{}"))
        except (IndexError, ValueError):
            return {}

    def write_run_marker(self, content: dict[str, Any]) -> None:
        """Writes the manifest's comment; only its owner, the loader, may."""
        comment = self.literal(json.dumps(content) if content else "")
        with self.connect() as session:
            session.execute(f"comment on table {RAW}.{MANIFEST} is {comment}")


def _of_about(most: int, files: Iterable[Path]) -> Iterator[list[Path]]:
    """Groups files, so that no more of them than needed are on disk twice."""
    group: list[Path] = []
    size = 0
    for file in files:
        group.append(file)
        size += file.stat().st_size
        if size >= most:
            yield group
            group, size = [], 0
    if group:
        yield group


def _staged(parquets: list[Path]) -> list[tuple[Path, int]]:
    import pyarrow.parquet as pq

    folder = parquets[0].with_suffix("")
    paths = ", ".join(map(duckdb_literal, parquets))
    with duckdb.connect(config=_STAGING) as connection:
        connection.execute(
            f"copy (from read_parquet([{paths}])) to {duckdb_literal(folder)} "
            f"(format parquet, compression zstd, file_size_bytes {STAGED_BYTES})"
        )
    for parquet in parquets:
        parquet.unlink()
    parts = [(part, pq.read_metadata(part).num_rows) for part in folder.glob("*.parquet")]
    return sorted(part for part in parts if part[1])


@lru_cache
def _client() -> Any:
    """Imports the Snowflake connector, which takes a second."""
    try:
        with warnings.catch_warnings():
            # Its vendored requests warns about newer versions of its dependencies than it knows.
            warnings.simplefilter("ignore")
            return import_module("snowflake.connector")
    except ImportError:
        raise SettingsError(
            "The Snowflake connector is not installed",
            'install the extra: pip install "movielens-warehouse[snowflake]"',
        ) from None


@lru_cache
def _session(settings: SnowflakeSettings, tag: str) -> _Session:
    _check(settings)
    client = _client()
    try:
        return _Session(client.connect(**connector_arguments(settings, tag)))
    except KeyProblem as problem:
        raise SettingsError(f"{problem}; nothing was changed", _REMEDY) from None
    except client.Error as error:
        raise _in_words(error) from error


def _check(settings: SnowflakeSettings) -> None:
    missing = [name for name in ("account", "user") if not getattr(settings, name)]
    if missing:
        names = " and ".join(f"SNOWFLAKE_{name.upper()}" for name in missing)
        raise SettingsError(
            f"The prod target needs {names} to be set; nothing was changed", _REMEDY
        )


def _in_words(error: Exception) -> MovielensError:
    number = getattr(error, "errno", None)
    # Snowflake says what kind of error it is on the first line, and what is wrong on the next.
    said = " ".join(str(getattr(error, "msg", None) or error).split())
    if number == _LOCKED:
        return BusyError(
            f"Another run was faster: {said} ({number}). This one changed nothing",
            "wait for that run to end and run this again",
        )
    return MovielensError(
        f"Snowflake: {said} ({number}). The published marts are untouched", _REMEDY
    )


def dbt_variables() -> dict[str, str]:
    """Returns the environment variables that dbt logs in with (profiles.yml).

    Secrets are in the one form dbt accepts, under names that keep them out of its logs.
    """
    settings = snowflake_settings()
    return {
        "DBT_ENV_SECRET_SNOWFLAKE_PRIVATE_KEY": base64.b64encode(
            private_key(settings) or b""
        ).decode(),
        "DBT_ENV_SECRET_SNOWFLAKE_TOKEN": token(settings) or "",
        "MOVIELENS_QUERY_TAG": f"{TAG} build",
    }


def snowflake_warehouse(settings: Settings, loader: bool = False) -> SnowflakeWarehouse:
    """Returns the Snowflake warehouse, connected as one of its users.

    Args:
        settings: Set the stage that rows are loaded through.
        loader: Connect as the user that loads RAW, not the one that builds and publishes.

    Raises:
        SettingsError: If only one of the two stage settings is set.
    """
    if (settings.stage is None) != (settings.stage_name is None):
        raise SettingsError(
            "MOVIELENS_STAGE (an S3 prefix) and MOVIELENS_STAGE_NAME (Snowflake's stage on it) "
            "must be set together, but only one is; nothing was changed",
            "set both, or neither to use Snowflake's own stages",
        )
    part = LOADER if loader else ""
    login = snowflake_settings(part)
    return SnowflakeWarehouse(login, TAG, settings.stage, settings.stage_name, settings.read_stage)


# What a database is cloned for: the rows, and the tables built from them.
_CLONED = ("raw", "store")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


def cloning(target: Warehouse, database: str) -> list[str]:
    """Returns the statements that clone the rows and the built tables of another database.

    No data is copied. The lease and the layout's mark are left out: each database has its own.

    Args:
        target: The database to clone into.
        database: The one to clone.

    Raises:
        SettingsError: If there is no such database, or nothing in it that this role may read.
    """
    tables = []
    if _NAME.fullmatch(database) and target.fetch(
        "select 1 from information_schema.databases "
        f"where lower(database_name) = {target.literal(database.lower())}"
    ):
        schemas = ", ".join(map(target.literal, _CLONED))
        tables = target.fetch(
            "select lower(table_schema), lower(table_name) "
            f"from {database}.information_schema.tables "
            f"where table_type = 'BASE TABLE' and lower(table_schema) in ({schemas}) "
            "and lower(table_name) not in ('_lease', '_layout') order by 1, 2"
        )
    if not tables:
        raise SettingsError(
            f"There is nothing to clone in a database {database!r}; nothing was changed",
            "name the production database, which your role has to be able to read: "
            "docs/production.md, Developing on Snowflake",
        )
    return [
        *(f"create schema if not exists {schema}" for schema in _CLONED),
        *(target.copying(f"{database}.{name}", name) for name in map(".".join, tables)),
        "delete from store._environments",
    ]
