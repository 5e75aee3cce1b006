"""Small queries, analysed and run, to compare what an analysis says with what DuckDB returns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations_with_replacement
from typing import Any

import duckdb

from ingestion.lineage.analysis import Analysis
from ingestion.lineage.columns import analyse
from ingestion.lineage.models import Model

SOURCES = {
    "raw.t": ("k", "a", "b", "g"),
    "raw.u": ("k", "c"),
    "raw.p": ("k", "l"),
}
DATA = """
create schema raw;
create table raw.t (k bigint, a bigint, b varchar, g varchar);
insert into raw.t values (1, 10, 'x', 'p|q'), (2, 20, 'y', 'p'), (2, 20, 'y', 'p'),
    (3, 5, 'y', 'r|s|t'), (4, null, 'z', 'q'), (5, 40, 'x', 'p|q');
create table raw.u (k bigint, c bigint);
insert into raw.u values (1, 7), (2, 8), (2, 9), (3, 7), (6, 3), (null, 1);
create table raw.p (k bigint, l bigint[]);
insert into raw.p values (1, [1, 2]), (2, [3]), (3, []);
"""


def analysis(sql: str, dialect: str = "duckdb") -> Analysis:
    model = Model(name="model", relation=("s", "model"), sql=sql, parents=tuple(SOURCES))
    return analyse([model], dialect=dialect, sources=SOURCES)["model"]


@contextmanager
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    # With several threads, which row of a group `any_value` takes is chance.
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(DATA)
        yield connection


def missed(
    connection: duckdb.DuckDBPyConnection, before: str, after: str
) -> list[tuple[str, ...]] | None:
    """Names columns that differ in DuckDB, but not by the analysis; '' stands for the rows.

    None if nothing differs in DuckDB.
    """
    differing = list(_differing(_rows(connection, before), _rows(connection, after)))
    if not differing:
        return None
    one, other = ({"": each.rows, **each.columns} for each in map(analysis, (before, after)))
    same = {name for name in one if name in other and one[name].hash == other[name].hash}
    return [names for names in differing if {"", *names} <= same]


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    cursor = connection.execute(sql)
    names = [column[0].lower() for column in cursor.description or []]
    return [dict(zip(names, map(repr, row), strict=True)) for row in cursor.fetchall()]


def _differing(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> Iterator[tuple[str, ...]]:
    """Whether a reader of no column, of one or of two columns gets something else."""
    if len(before) != len(after):
        yield ("",)
    if before and after:
        common = [name for name in before[0] if name in after[0]]
        for names in combinations_with_replacement(common, 2):
            counts = [
                Counter(tuple(row[n] for n in names) for row in rows) for rows in (before, after)
            ]
            if counts[0] != counts[1]:
                yield names
