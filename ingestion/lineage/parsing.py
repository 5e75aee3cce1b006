"""Parses SQL with sqlglot, and resolves the names in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify

from ingestion.lineage.syntax import SPELLED


def qualified(sql: str, dialect: str, tables: Mapping[tuple[str, str], Iterable[str]]) -> exp.Expr:
    """Parses a query and resolves its names: stars, aliases and the table of each column.

    Args:
        sql: The query.
        dialect: Its dialect.
        tables: The columns of the tables it reads, by schema and name.

    Returns:
        The query. Names of catalogs are dropped, so that the same query on another database is
        the same.

    Raises:
        SqlglotError: If sqlglot cannot read it, or not resolve a name.
    """
    query = sqlglot.parse_one(sql, dialect=dialect)
    _remember_spelling(query, sql)
    for table in query.find_all(exp.Table):
        table.set("catalog", None)
    schema: dict[str, dict[str, dict[str, str]]] = {}
    for (of, name), columns in tables.items():
        schema.setdefault(of, {})[name] = dict.fromkeys(columns, "unknown")
    # Without any schema sqlglot would guess which table a column is of.
    known: dict[str, object] = {**schema} or {"_": {"_": {"_": "unknown"}}}
    return qualify(query, dialect=dialect, schema=known, quote_identifiers=False)


def _remember_spelling(query: exp.Expr, sql: str) -> None:
    """Notes the name of each function as the SQL has it.

    sqlglot takes some functions for the same that need not be, such as `len` and `length`.
    """
    for function in query.find_all(exp.Func):
        place = function.meta
        if "start" in place:
            function.meta[SPELLED] = sql[place["start"] : place["end"] + 1].lower()


def without_format(sql: str, dialect: str) -> object:
    """Returns the tokens of some SQL, so without comments and white space.

    Returns:
        The tokens; the text itself if sqlglot cannot split it, or does not know the dialect.
    """
    try:
        tokens = sqlglot.tokenize(sql, read=dialect)
    except (SqlglotError, ValueError):
        return sql
    return [(token.token_type.name, token.text) for token in tokens]
