"""Small but complete published marts: the columns of models/mart/*.yml, rows from a tiny set."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import duckdb
import yaml

PROJECT = Path(__file__).resolve().parents[2]
VERSION = "20261123-040000-0123abc"

# Titles as strangers write them: Markdown, HTML, formulas, accents, one name twice.
FILMS = [
    (1, "Toy Story", 1995, "Adventure|Animation|Children|Comedy"),
    (2, "M*A*S*H (a.k.a. MASH)", 1970, "Comedy|Drama|War"),
    (3, "*batteries not included", 1987, "Children|Comedy|Sci-Fi"),
    (4, "$9.99", 2008, "Animation"),
    (5, "[REC]", 2007, "Drama|Horror|Thriller"),
    (6, "Cry_Wolf", 2005, "Drama|Horror|Mystery|Thriller"),
    (7, "![x](http://127.0.0.1:9/x.png)", 1999, "Horror"),
    (8, "<img src=x onerror=alert(1)>", 1999, "Horror|Drama"),
    (9, "Amélie", 2001, "Comedy|Romance"),
    (10, "War of the Worlds", 2005, "Sci-Fi|Thriller"),
    (11, "War of the Worlds", 2005, "Action|Sci-Fi"),
    (12, "=1+1", 2010, "Documentary"),
    (13, "Film without a year", None, "Drama"),
    (14, "Film without a genre", 1960, "(no genres listed)"),
    (15, "None", 1985, "Drama"),
    (16, "Matrix", 1999, "Action|Sci-Fi|Thriller"),
    (17, "100% Wolf", 2020, "Animation|Children"),
    (18, ":smile: www.example.com", 1993, "Comedy"),
    (19, "Seven Samurai", 1954, "Action|Drama"),
    (20, "Film that nobody rated", 2001, "Drama"),
]
INFERRED = (21, "Movie 21", None, "(no genres listed)")
TAGS = [
    "funny", "Funny", "boring", "![x](http://127.0.0.1:9/x.png)", "<img src=x onerror=alert(1)>",
    "=1+1", "NA", "slow",
]  # fmt: skip


@dataclass(frozen=True)
class Build:
    """What the fixture says about itself."""

    edition: str = "ml-test"
    is_generated: bool = False
    version: str = VERSION
    built_at: datetime | None = None
    genome: bool = True


@cache
def contract() -> dict[str, dict[str, str]]:
    """Columns and types of each mart, as the models promise them."""
    marts: dict[str, dict[str, str]] = {}
    for file in sorted((PROJECT / "models" / "mart").glob("*.yml")):
        for model in yaml.safe_load(file.read_text(encoding="utf-8")).get("models", []):
            columns = {column["name"]: column["data_type"] for column in model["columns"]}
            marts[model["name"]] = columns
    return marts


def empty_marts(connection: duckdb.DuckDBPyConnection) -> None:
    """Creates each mart of the contract, without rows."""
    for mart, columns in contract().items():
        listed = ", ".join(f"{name} {data_type}" for name, data_type in columns.items())
        connection.execute(f"create table {mart} ({listed})")


def tiny_inputs(connection: duckdb.DuckDBPyConnection, genome: bool) -> None:
    """Creates the inputs: 40 people, 21 films; half stars from 2003; nothing in 1998 to 2000."""
    connection.execute(
        "create temp table movies (movie_id bigint, title varchar, release_year bigint,"
        " genres varchar, is_inferred boolean)"
    )
    films = [(*film, False) for film in FILMS] + [(*INFERRED, True)]
    connection.executemany("insert into movies values (?, ?, ?, ?, ?)", films)
    connection.execute("""
        create temp table ratings as
        with pairs as (
            select u as user_id, m as movie_id,
                1995 + case when u % 12 in (3, 4, 5) then 6 + u % 3 else u % 12 end as y
            from range(1, 41) as people (u), range(1, 20) as films (m)
            where (u * 7 + m * 3) % 4 <> 0
        )
        select user_id, movie_id,
            case when y >= 2003
                then 0.5 + ((user_id * 5 + movie_id * 11) % 10) / 2.0
                else 1 + (user_id * 5 + movie_id * 11) % 5
            end::double as rating,
            make_timestamp(y, 1 + (user_id + movie_id) % 12, 3, (user_id * movie_id) % 24, 0, 0)
                as rated_at
        from pairs
        union all select 1, 21, 4.0, timestamp '2001-02-03 04:00:00'
    """)
    connection.execute(
        "create temp table tags as select 1 + i % 9 as user_id, 1 + i % 13 as movie_id,"
        " ?[1 + i % 8] as tag, timestamp '2006-01-01' + i * interval 1 day as tagged_at"
        " from range(0, 120) as t (i)",
        [TAGS],
    )
    connection.execute(
        "create temp table links as select m as movie_id, lpad(m::varchar, 7, '0') as imdb_id,"
        " case when m <> 4 then m * 10 end as tmdb_id from range(1, 20) as films (m)"
    )
    connection.execute(
        "create temp table relevance as select m as movie_id, 'tag ' || t as tag,"
        " ((m * t) % 17) / 17.0 as relevance"
        " from range(1, 13) as films (m), range(1, 16) as tags (t) where ?",
        [genome],
    )


def fill_unknown(connection: duckdb.DuckDBPyConnection, known: str) -> None:
    """Gives each mart that the text `known` does not name three rows, made up by type."""
    plausible = {
        "bigint": "n",
        "double": "n / 2.0",
        "varchar": "'text ' || n",
        "boolean": "n = 1",
        "date": "date '2001-01-01' + interval (n) month",
        "timestamp": "timestamp '2001-01-01' + interval (n) month",
    }
    for mart, columns in contract().items():
        if not re.search(rf"\b{mart}\b", known):
            values = ", ".join(f"{plausible[kind]} as {name}" for name, kind in columns.items())
            connection.execute(f"insert into {mart} by name select {values} from range(1, 4) t (n)")


def fill(connection: duckdb.DuckDBPyConnection, build: Build) -> None:
    """Computes the marts from inputs that are there already."""
    built_at = build.built_at or datetime.now(UTC).replace(tzinfo=None)
    connection.execute(
        "create temp table build as select ? as edition, ?::boolean as is_generated,"
        " ? as version, ?::timestamp as built_at",
        [build.edition, build.is_generated, build.version, built_at],
    )
    statements = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    connection.execute(statements)
    fill_unknown(connection, statements)
    for mart, columns in contract().items():
        connection.executemany(
            "insert into mart_dictionary values (?, 'mart', ?, ?, ?, ?, '')",
            [
                (mart, position, name, data_type, f"What {name} is.")
                for position, (name, data_type) in enumerate(columns.items(), start=1)
            ],
        )


def write_marts(
    home: Path, build: Build = Build(), change: str = "", without: tuple[str, ...] = ()
) -> Path:
    """Publishes the fixture as the project does: written beside, then renamed into place.

    Args:
        home: Folder to publish in; made if need be.
        build: What the marts say about themselves.
        change: SQL to run on the finished marts.
        without: Marts to leave out.

    Returns:
        The published file.
    """
    home.mkdir(parents=True, exist_ok=True)
    beside = home / "beside.next"
    beside.write_bytes(_content(build))
    if change or without:
        with duckdb.connect(str(beside)) as connection:
            connection.execute(change) if change else None
            for mart in without:
                connection.execute(f"drop table {mart}")
    return beside.replace(home / "marts.duckdb")


def write_environment(home: Path, name: str, build: Build = Build(), change: str = "") -> Path:
    """Exports the fixture as the marts of an environment of the home; returns the file."""
    folder = home / "environments"
    return write_marts(folder, build, change).replace(folder / f"{name}.duckdb")


@cache
def _content(build: Build) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "marts.duckdb"
        with duckdb.connect(str(file)) as connection:
            empty_marts(connection)
            tiny_inputs(connection, build.genome)
            fill(connection, build)
        return file.read_bytes()
