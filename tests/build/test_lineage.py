"""The fingerprints of this project: without the warehouse, and by file while nothing changes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import pytest

from dashboard import queries
from ingestion.build.lineage import Lineage, lineage_of, source_columns
from ingestion.lineage.analysis import Analysis, Flow, Read
from ingestion.lineage.comparison import compare
from ingestion.lineage.tree import origins, trace
from ingestion.settings import Settings
from tests.support.checkout import copy_of_the_project

# Nothing listens there: a statement, or a login, would fail.
SNOWFLAKE = {
    **{f"SNOWFLAKE_{name}": "x" for name in ("ACCOUNT", "USER", "DATABASE")},
    "SNOWFLAKE_HOST": "127.0.0.1",
    "SNOWFLAKE_PORT": "9",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lineage") / "home"


@pytest.fixture(scope="module")
def on_duckdb(home: Path) -> Lineage:
    return lineage_of(Settings(home=home, _env_file=None))


@pytest.fixture(scope="module")
def on_snowflake(home: Path) -> Lineage:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SNOWFLAKE.items():
            patch.setenv(name, value)
        return lineage_of(Settings(home=home, target="prod", _env_file=None))


def test_every_model_is_understood(on_duckdb: Lineage) -> None:
    assert {name: each.opaque for name, each in on_duckdb.analyses.items() if each.opaque} == {}
    assert set(on_duckdb.analyses) == set(on_duckdb.fingerprints)
    assert len(on_duckdb.analyses) > 30
    known = {**source_columns(), **{n: a.columns for n, a in on_duckdb.analyses.items()}}
    for analysis in on_duckdb.analyses.values():
        for read in analysis.rows.reads:
            assert read.column is None or read.column in known[read.parent]


def test_no_warehouse_is_made_or_opened(home: Path, on_duckdb: Lineage, tmp_path: Path) -> None:
    assert not list(home.rglob("*.duckdb*"))
    other = Settings(home=tmp_path / "home", _env_file=None)
    other.home.mkdir()
    with duckdb.connect(str(other.warehouse_file)):
        # Another process could not even read it now.
        assert lineage_of(other).fingerprints == on_duckdb.fingerprints


def test_snowflake_is_understood_without_a_connection(
    on_duckdb: Lineage, on_snowflake: Lineage
) -> None:
    assert not any(each.opaque for each in on_snowflake.analyses.values())
    one, other = (
        {name: list(each.columns) for name, each in lineage.analyses.items()}
        for lineage in (on_duckdb, on_snowflake)
    )
    assert one == other
    values = [each.fingerprints["mart_movie"].value for each in (on_duckdb, on_snowflake)]
    assert values[0] != values[1]


# No column of a mart is made of user ids, except by counting them.


def columns_about_a_person(lineage: Lineage) -> set[str]:
    return {
        str(column)
        for mart in lineage.analyses
        if mart.startswith("mart_")
        for column in trace(lineage.analyses, mart)
        for origin in origins(column)
        if origin.column == "user_id" and "count" not in origin.through
    }


def test_marts_only_count_people(on_duckdb: Lineage, on_snowflake: Lineage) -> None:
    for lineage in (on_duckdb, on_snowflake):
        assert not columns_about_a_person(lineage)
        (people,) = trace(lineage.analyses, "mart_movie_tag.n_people")
        assert origins(people) == {Flow("raw.tags", "user_id", ("count",))}


LEAKS = {
    "mart_a": "select user_id as who, count(*) as n from {{ ref('fct_ratings') }} group by user_id",
    "mart_b": "select movie_id, min(user_id) as who from {{ ref('fct_tags') }} group by movie_id",
    "mart_c": "select row_number() over (order by user_id) as who from {{ ref('dim_users') }}",
    "mart_d": "select case when user_id = 7 then 1 end as who from {{ ref('dim_users') }}",
    "mart_e": "select (select max(user_id) from {{ ref('dim_users') }}) as who",
    "mart_f": "select movie_id, {{ join_texts('user_id', ',') }} as who"
    " from {{ ref('fct_tags') }} group by movie_id",
    "mart_g": "select who from {{ ref('mart_a') }} union all select 1",
    # dbt cannot know the columns of this one, nor can anybody.
    "mart_h": "select * from {{ ref('dim_users') }} natural join {{ ref('fct_tags') }}",
}


def test_a_mart_with_a_user_id_is_noticed(tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path / "project")
    config = "{{ config(contract={'enforced': false}) }}\n"
    for name, sql in LEAKS.items():
        (project / "models" / "mart" / f"{name}.sql").write_text(config + sql)
    lineage = lineage_of(Settings(home=tmp_path / "home", project=project, _env_file=None))
    noticed = {f"{name}.who" for name in LEAKS if name != "mart_h"}
    assert columns_about_a_person(lineage) == noticed | {"mart_h.user_id"}


def test_while_nothing_changes_neither_dbt_nor_sqlglot_is_imported(
    home: Path, on_duckdb: Lineage
) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom ingestion.build.lineage import lineage_of\n"
        "from ingestion.settings import Settings\n"
        "found = lineage_of(Settings(home=Path(sys.argv[1]), _env_file=None))\n"
        "print(*(each.value for each in found.fingerprints.values()))\n"
        "assert not {'dbt', 'sqlglot', 'duckdb', 'dlt'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code, str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [each.value for each in on_duckdb.fingerprints.values()]


@pytest.mark.slow
def test_a_file_that_is_damaged_is_made_anew(home: Path, on_duckdb: Lineage) -> None:
    settings = Settings(home=home, _env_file=None)
    (file,) = (home / "lineage" / "dev").glob("*/lineage.json")
    for damaged in ("{", "[]", ""):
        file.write_text(damaged)
        assert lineage_of(settings) == on_duckdb


def test_other_columns_of_a_source_are_other_fingerprints(home: Path, on_duckdb: Lineage) -> None:
    sources = source_columns()
    sources["raw.links"] = {**sources["raw.links"], "imdb_id": "bigint"}
    found = lineage_of(Settings(home=home, _env_file=None), sources)
    changes = compare(on_duckdb.fingerprints, found.fingerprints)
    rebuilt = {name for name, change in changes.items() if change.rebuilds}
    assert {"src_links", "dim_movies"} <= rebuilt
    assert not rebuilt & {"src_movies", "fct_ratings", "mart_rating_month"}


FAST = [("models/dim/dim_movies.sql", "select", "select -- a comment\n   ", set[str]())]
SLOW = [
    ("macros/incremental/touched_keys.sql", "> {{ since }}", ">{{since}}", set()),
    ("models/mart/_mart_tags.yml", "description: ", "description: So it is. ", set()),
    ("macros/measures.sql", "trim(lower(", "ltrim(lower(", {"fct_tags", "dim_tags", "mart_tag"}),
    ("macros/incremental/touched_keys.sql", "> {{ since", ">= {{ since", {"fct_ratings"}),
    ("macros/incremental/built_files.sql", "max(src_", "min(src_", {"fct_ratings", "mart_movie"}),
    ("models/fct/fct_tags.sql", "post_hook=[", "post_hook=['select 1', ", {"fct_tags", "mart_tag"}),
    ("dbt_project.yml", "schema_change: fail", "schema_change: ignore", {"fct_ratings"}),
    ("dbt_project.yml", "fewest_people: 5", "fewest_people: 6", {"mart_rating_month"}),
]


@pytest.mark.parametrize(
    ("file", "old", "new", "rebuilt"),
    [*FAST, *(pytest.param(*edit, marks=pytest.mark.slow) for edit in SLOW)],
)
def test_edits_of_the_project(
    tmp_path: Path, on_duckdb: Lineage, file: str, old: str, new: str, rebuilt: set[str]
) -> None:
    project = copy_of_the_project(tmp_path / "project")
    text = (project / file).read_text()
    assert old in text
    (project / file).write_text(text.replace(old, new))
    found = lineage_of(Settings(home=tmp_path / "home", project=project, _env_file=None))
    changes = compare(on_duckdb.fingerprints, found.fingerprints).values()
    assert rebuilt <= {change.model for change in changes if change.rebuilds}
    if not rebuilt:
        assert {change.kind for change in changes} <= {"unchanged", "format"}
        assert "format" in {change.kind for change in changes} or not file.startswith("models/dim")


# Columns that nothing on a page comes from, and why they stay. What only these read is here, too.
_WATERMARK = "the file of the row: what a fact's next load replaces, and what the audit counts"
_OPEN_DATA = "for readers of the published file, who have questions of their own"
_ANALYSTS = "describes the dimension to who queries the warehouse"
UNREAD = {
    _WATERMARK: {
        "fct_genome_scores": {"_file_id"},
        "fct_ratings": {"_file_id"},
        "fct_tags": {"_file_id"},
        "src_genome_scores": {"_file_id"},
        "src_genome_tags": {"_file_id"},
        "src_links": {"_file_id"},
        "src_movies": {"_file_id"},
        "src_ratings": {"_file_id"},
        "src_tags": {"_file_id"},
    },
    _OPEN_DATA: {
        "dim_tags": {"first_used_at", "last_used_at"},
        "fct_tags": {"tagged_at"},
        "mart_movie_genre": {"movie_id", "genre"},
        "mart_rating_month": {"n_new_users"},
        "mart_release_year": {"n_movies", "n_ratings", "sum_rating"},
        "mart_tag": {"first_used_at", "last_used_at"},
        "mart_user_activity": {"bucket"},
        "src_tags": {"tagged_at"},
    },
    _ANALYSTS: {
        "dim_genome_tags": {"is_inferred"},
        "dim_genres": {"genre", "n_movies"},
        "dim_movies": {"imdb_id", "tmdb_id"},
        "dim_users": {
            *("sum_rating", "mean_rating", "sd_rating"),
            *("last_rated_at", "first_active_at", "last_active_at"),
        },
    },
    "the whole manifest, to trace a row back to its file": {
        "src_files": {"source", "version"},
    },
}


def test_every_column_that_no_page_needs_has_its_reason(on_duckdb: Lineage) -> None:
    analyses = on_duckdb.analyses
    needed: set[Read] = set()
    waiting = [read for statement in statements() for read in read_by(statement, analyses)]
    while waiting:
        read = waiting.pop()
        if read.parent in analyses and read not in needed:
            needed.add(read)
            model = analyses[read.parent]
            computed = model.rows if read.column is None else model.columns[read.column]
            waiting += [*computed.reads, Read(read.parent, None)]
    unread = {
        f"{name}.{column}"
        for name, analysis in analyses.items()
        for column in analysis.columns
        if Read(name, column) not in needed
    }
    listed = [
        f"{name}.{column}"
        for tables in UNREAD.values()
        for name, columns in tables.items()
        for column in columns
    ]
    assert len(listed) == len(set(listed))
    assert unread - set(listed) == set(), "no page needs these: show them, or say why they stay"
    assert set(listed) - unread == set(), "a page needs these by now: take them off the list"


def statements() -> list[str]:
    return [
        text for text in vars(queries).values() if isinstance(text, str) and "from mart" in text
    ]


def read_by(statement: str, analyses: Mapping[str, Analysis]) -> Iterator[Read]:
    """What a statement names: marts, and their columns."""
    words = set(re.findall(r"[a-z_][a-z0-9_]*", statement))
    for mart in words & analyses.keys():
        yield Read(mart, None)
        yield from (Read(mart, column) for column in analyses[mart].columns if column in words)
