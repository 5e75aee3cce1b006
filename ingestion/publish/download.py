"""Downloads marts from a warehouse that readers of this machine do not open themselves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import duckdb

from ingestion.publish.place import Mart, Place
from ingestion.warehouse.base import Connection, Warehouse

# What DuckDB calls the types of marts that have another name elsewhere; of numbers, marts have only
# whole ones and floats.
_TYPES = {"text": "varchar", "number": "bigint", "float": "double", "timestamp_ntz": "timestamp"}


def download_marts(target: Warehouse, schema: str, file: Path) -> None:
    """Writes the marts of a schema to a DuckDB file, which appears once it is complete."""
    file.parent.mkdir(exist_ok=True)
    unfinished = file.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with target.connect() as connection, duckdb.connect(str(unfinished)) as marts:
        found = Place(name=schema, version="", schemas=(schema,)).open(connection, schema)
        copy_marts(connection, found, marts)
    unfinished.replace(file)


def copy_marts(
    connection: Connection,
    found: Mapping[str, Mart],
    to: duckdb.DuckDBPyConnection,
    filled: Collection[str] | None = None,
) -> None:
    """Creates marts in a DuckDB database, with their rows.

    Args:
        connection: A connection to the warehouse.
        found: The marts.
        to: The database.
        filled: The marts whose rows are copied, where the others may stay empty.
    """
    for name, mart in found.items():
        columns = ", ".join(
            f"{column} {_TYPES.get(type_, type_)}" for column, type_ in mart.columns.items()
        )
        to.execute(f"create table {name} ({columns})")
        if filled is None or name in filled:
            _fill(connection, name, mart, to)


def _fill(connection: Connection, name: str, mart: Mart, to: duckdb.DuckDBPyConnection) -> None:
    import pyarrow as pa

    rows = connection.execute(f"select {', '.join(mart.columns)} from {mart.source}").fetchall()
    if not rows:
        return
    values = zip(*rows, strict=True)
    downloaded = pa.table(dict(zip(mart.columns, map(pa.array, values), strict=True)))
    to.register("downloaded", downloaded)
    to.execute(f"insert into {name} from downloaded")
    to.unregister("downloaded")
