"""Where a set of marts is, and how one connection to the warehouse reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ingestion.literals import duckdb_literal
from ingestion.warehouse.base import Connection

# The name of the place whose marts readers see.
SEEN = "published"


@dataclass(frozen=True, kw_only=True)
class Mart:
    """A mart as a connection reads it.

    Attributes:
        source: What follows `from`: its relation and, in a store, the condition for its version.
        columns: The type of each column, in order.
    """

    source: str
    columns: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Place:
    """A set of marts of one version.

    Attributes:
        name: What it is to a reader, such as `candidate`.
        version: The version of its marts.
        schemas: The schemas that its marts can be in.
        file: The DuckDB file that holds them; None if they are in the warehouse.
        is_store: Whether its tables hold the rows of several versions, and outlive their marts.
    """

    name: str
    version: str
    schemas: tuple[str, ...]
    file: Path | None = None
    is_store: bool = False

    def open(self, connection: Connection, alias: str) -> dict[str, Mart]:
        """Finds the marts, and attaches their file if it is not the warehouse's.

        Args:
            connection: A connection to the warehouse.
            alias: The name of an attached file; each place on a connection needs its own.

        Returns:
            The marts by name.
        """
        if self.file is not None:
            connection.execute(f"attach {duckdb_literal(self.file)} as {alias} (read_only)")
        columns: dict[tuple[str, str], dict[str, str]] = {}
        for schema, table, column, type_ in self._columns(connection, alias):
            columns.setdefault((schema, table), {})[column] = type_
        return {
            table: Mart(source=self._source(connection, alias, schema, table), columns=types)
            for (schema, table), types in columns.items()
        }

    def _columns(self, connection: Connection, alias: str) -> list[tuple[str, str, str, str]]:
        database = "current_database()" if self.file is None else connection.literal(alias)
        rows = connection.execute(
            "select lower(table_schema), lower(table_name), lower(column_name), lower(data_type), "
            "ordinal_position from information_schema.columns "
            f"where lower(table_catalog) = lower({database}) and lower(table_schema) in "
            f"({', '.join(map(connection.literal, self.schemas))}) order by 1, 2, 5"
        ).fetchall()
        return [
            (schema, table, column, type_)
            for schema, table, column, type_, _ in rows
            if table.startswith("mart_") and not (self.is_store and column == "_version")
        ]

    def _source(self, connection: Connection, alias: str, schema: str, table: str) -> str:
        relation = f"{schema}.{table}" if self.file is None else f"{alias}.{schema}.{table}"
        if not self.is_store:
            return relation
        return f"{relation} where _version = {connection.literal(self.version)}"
