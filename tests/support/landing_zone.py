"""Landing zones of a few rows, and what must be in RAW of them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from tests.support.contract import TYPES, table_of

RATINGS = (
    "userId,movieId,rating,timestamp\n1,1,4.0,964982703\n1,3,4.5,964981247\n2,1,0.5,1445714994\n"
)
MOVIES = 'movieId,title,genres\n1,Toy Story (1995),Adventure|Children\n3,"Matrix, The",Action\n'
TAGS = 'userId,movieId,tag,timestamp\n2,1,NULL,1445714994\n2,3,"a ""b""",1445714996\n'
LINKS = "movieId,imdbId,tmdbId\n1,0114709,862\n3,0113228,\n"
GENOME_SCORES = "movieId,tagId,relevance\n1,1,0.025\n1,2,0.97325\n"
GENOME_TAGS = "tagId,tag\n1,007\n2,007 (series)\n"
SIX = {
    "movies.csv": MOVIES,
    "ratings.csv": RATINGS,
    "tags.csv": TAGS,
    "links.csv": LINKS,
    "genome-scores.csv": GENOME_SCORES,
    "genome-tags.csv": GENOME_TAGS,
}
TABLES = sorted(table_of(name.removesuffix(".csv")) for name in SIX)

Rows = list[tuple[Any, ...]]


def write(folder: Path, **contents: str) -> None:
    """Writes files; `ratings=` is `ratings.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / f"{name.replace('_', '-')}.csv").write_text(content)


def write_six(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in SIX.items():
        (folder / name).write_text(content)


def _converter(name: str) -> Callable[[str], Any]:
    kind = TYPES.get(name, str)
    return lambda text: kind(text) if text else None


def rows_in_files(*files: Path) -> Rows:
    """The rows of CSV files in plain Python."""
    rows: Rows = []
    for file in files:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            for record in csv.DictReader(stream):
                rows.append(tuple(_converter(name)(text) for name, text in record.items()))
    return sorted(rows, key=repr)


def query(warehouse: Path, sql: str) -> Rows:
    with duckdb.connect(str(warehouse)) as connection:
        return connection.execute(sql).fetchall()


def rows_that_count(warehouse: Path, dataset: str) -> Rows:
    """The rows of a RAW table whose file version is current."""
    return sorted(
        query(
            warehouse,
            f"""
            select * exclude (_file_id) from raw.{dataset} where _file_id in (
                select max(file_id) from raw._files group by path
                having arg_max(version is not null, file_id)
            )
            """,
        ),
        key=repr,
    )
