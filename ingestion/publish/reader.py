"""Reads what is published, at one version, as the public does: marts, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from ingestion.engine import engine_of
from ingestion.errors import MovielensError, SettingsError
from ingestion.literals import duckdb_literal
from ingestion.publish.download import copy_marts
from ingestion.publish.duckdb_file import refuse_newer
from ingestion.remedies import command
from ingestion.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

_CONFIG: dict[str, Any] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
# In this order: nothing can be attached, and then nothing of this can be undone.
_LOCKS = (
    "set python_enable_replacements = false",
    "set enable_external_access = false",
    "set lock_configuration = true",
)


@dataclass(frozen=True)
class Answer:
    """The answer to a query.

    Attributes:
        version: The published version that was asked.
        rows: The rows.
    """

    version: str
    rows: pa.Table


def query(settings: Settings, sql: str) -> Answer:
    """Asks the published marts.

    Args:
        settings: Which marts.
        sql: One select statement in DuckDB's SQL, whatever the target.

    Returns:
        The answer.

    Raises:
        SettingsError: If nothing is published, if it is not one select, or if it fails.
    """
    named = {name.lower() for name in re.findall(r"\bmart_\w+", sql, re.IGNORECASE)}
    with reading(settings, named) as (connection, version):
        try:
            statements = connection.extract_statements(sql)
            if [each.type for each in statements] != [duckdb.StatementType.SELECT]:
                raise SettingsError("That is not one select statement; nothing was run", _REMEDY)
            rows = connection.execute(statements[0]).to_arrow_table()
        except duckdb.Error as error:
            raise SettingsError(f"The query failed: {error}", _REMEDY) from None
    if len(set(rows.column_names)) < rows.num_columns:
        raise SettingsError("Two columns of the answer have the same name", "name them with `as`")
    return Answer(version, rows)


_REMEDY = 'marts only, in DuckDB\'s SQL: movielens query "show tables" lists them'


@contextmanager
def reading(
    settings: Settings, filled: Collection[str] | None = None
) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """Opens the published marts, read-only.

    A database in memory holds nothing but them: the connection can neither read nor write files,
    nor attach another database, nor change its settings. A publish meanwhile does not change it.

    Args:
        settings: Which marts.
        filled: The marts that are read; where they have to be downloaded, all others are empty.

    Yields:
        The connection, and the version that it shows.

    Raises:
        SettingsError: If nothing is published.
        MovielensError: If what is published cannot be read.
    """
    engine = engine_of(settings)
    place = engine.published().place()
    if place is None:
        raise SettingsError("Nothing is published yet", f"{command('demo')}, or {command('run')}")
    with duckdb.connect(":memory:", config=_CONFIG) as connection:
        if place.file is not None:
            version = _attach(connection, place.file, place.schemas)
        else:
            version = place.version
            with engine.looked_at().connect() as warehouse:
                copy_marts(warehouse, place.open(warehouse, "published"), connection, filled)
        for lock in _LOCKS:
            connection.execute(lock)
        yield connection, version


def _attach(connection: duckdb.DuckDBPyConnection, file: Path, schemas: tuple[str, ...]) -> str:
    try:
        connection.execute(f"attach {duckdb_literal(file)} as published (read_only)")
        # A publish may have replaced the file since it was found.
        refuse_newer(connection, "published", file)
        found = connection.execute(
            "select schema_name from duckdb_schemas() where database_name = 'published' "
            f"and schema_name in {schemas} order by schema_name = 'main'"
        ).fetchall()
        connection.execute(f"use published.{found[0][0]}")
        rows = connection.execute("select data_version from mart_dataset_status").fetchall()
    except duckdb.Error as error:
        raise MovielensError(
            f"{file} cannot be read: {error}; it was left as it is",
            f"{command('run')} publishes the marts again",
        ) from None
    return str(rows[0][0])
