"""Downloads marts from a warehouse that the dashboard does not open itself."""

from __future__ import annotations

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
        for name, mart in found.items():
            _download(connection, name, mart, marts)
    unfinished.replace(file)


def _download(
    connection: Connection, name: str, mart: Mart, marts: duckdb.DuckDBPyConnection
) -> None:
    import pyarrow as pa

    rows = connection.execute(f"select {', '.join(mart.columns)} from {mart.source}").fetchall()
    columns = ", ".join(
        f"{column} {_TYPES.get(type_, type_)}" for column, type_ in mart.columns.items()
    )
    marts.execute(f"create table {name} ({columns})")
    values = zip(*rows, strict=True) if rows else ((),) * len(mart.columns)
    downloaded = pa.table(dict(zip(mart.columns, map(pa.array, values), strict=True)))
    if rows:
        marts.register("downloaded", downloaded)
        marts.execute(f"insert into {name} from downloaded")
