"""What tables and views of DuckDB hold, whatever the order of their rows, as two numbers each."""

from __future__ import annotations

from collections.abc import Collection

import duckdb

Digest = tuple[int, int]
"""The number of rows, and the sum of their hashes: a row that is there twice counts twice."""


def digest(connection: duckdb.DuckDBPyConnection, selection: str) -> Digest:
    """Of what a query gives."""
    hashed = f"select count(*), sum(hash(one)::hugeint) from ({selection}) as one"
    return connection.execute(hashed).fetchall()[0]


def selections(
    connection: duckdb.DuckDBPyConnection, *schemas: str, left_out: Collection[str] = ()
) -> dict[str, str]:
    """A query of each table and view of some schemas, without the columns that are left out."""
    columns = connection.execute(
        "select table_schema || '.' || table_name, column_name from information_schema.columns"
        " where list_contains(?, table_schema) and table_catalog = current_database()"
        " order by table_schema, table_name, ordinal_position",
        [list(schemas)],
    ).fetchall()
    kept: dict[str, list[str]] = {}
    for relation, column in columns:
        kept.setdefault(relation, [])
        if column not in left_out:
            kept[relation].append(f'"{column}"')
    return {name: f"select {', '.join(columns)} from {name}" for name, columns in kept.items()}


def digests(
    connection: duckdb.DuckDBPyConnection, *schemas: str, left_out: Collection[str] = ()
) -> dict[str, Digest]:
    """Of each table and view of some schemas."""
    return {
        relation: digest(connection, selection)
        for relation, selection in selections(connection, *schemas, left_out=left_out).items()
    }
