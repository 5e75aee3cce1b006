"""`movielens diff` against plain Python, and in its words."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ingestion.build import artifacts
from ingestion.plan.comparison import EXAMPLES
from ingestion.plan.diff import diff
from ingestion.plan.diff_text import as_markdown, as_text
from ingestion.plan.differences import Diff, MartDiff
from ingestion.publish.place import Place
from ingestion.warehouse.base import Connection, DuckDBSession, DuckDBWarehouse
from tests.support.candidates import table_of
from tests.support.cli import Cli
from tests.support.plain_diff import comparable, compared

BEFORE = Place(name="published", version="1", schemas=("one",))
AFTER = Place(name="candidate", version="2", schemas=("two",))
COLUMNS = {
    "id": "bigint",
    "name": "varchar",
    "score": "double",
    "given_at": "timestamp",
    "is_good": "boolean",
}
Rows = Sequence[Sequence[Any]]


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    with duckdb.connect() as native:
        native.execute("create schema one")
        native.execute("create schema two")
        yield DuckDBSession(native)


def write(
    connection: Connection, schema: str, mart: str, columns: Mapping[str, str], rows: Rows
) -> None:
    ddl = ", ".join(f"{name} {type_}" for name, type_ in columns.items())
    connection.native.execute(f"create or replace table {schema}.{mart} ({ddl})")
    if rows:
        by_name = dict(zip(columns, map(pa.array, zip(*rows, strict=True)), strict=True))
        connection.native.register("given", pa.table(by_name))
        connection.execute(f"insert into {schema}.{mart} from given")


def differ(
    connection: Connection,
    before: tuple[Mapping[str, str], Rows],
    after: tuple[Mapping[str, str], Rows],
    key: tuple[str, ...] | None = ("id",),
) -> Diff:
    write(connection, "one", "mart_x", *before)
    write(connection, "two", "mart_x", *after)
    keys = {} if key is None else {"mart_x": key}
    return diff(connection, BEFORE, AFTER, keys, named=["mart_x"])


def check(found: MartDiff, before: Rows, after: Rows, key: tuple[str, ...] | None) -> None:
    """Everything that a comparison says, against plain Python."""
    old, new = ([dict(zip(COLUMNS, row, strict=True)) for row in rows] for rows in (before, after))
    if key is None and max(len(old), len(new)) <= 1:
        key = ()
    added, removed, changed, columns, kinds = compared(old, new, key)
    assert (found.rows_before, found.rows_after) == (len(old), len(new))
    assert (found.added, found.removed, found.changed) == (added, removed, changed)
    assert {column.column: column.rows for column in found.columns} == columns
    assert found.change == ("changed" if added or removed or changed else "same")
    assert found.by_row == (kinds is None)
    in_both = max(1, len(old) - removed)
    assert all(column.share == column.rows / in_both for column in found.columns)
    if kinds is None:
        return
    for kind, keys in kinds.items():
        shown = [e for e in found.examples if e.change == kind]
        assert len(shown) == min(EXAMPLES, len(keys))
        for example in shown:
            assert tuple(example.key.values()) in keys
        for example in shown if kind == "changed" else ():
            was = next(row for row in old if all(row[k] == v for k, v in example.key.items()))
            assert example.before is not None
            assert all(comparable(was[n]) == comparable(v) for n, v in example.before.items())


VALUES = st.tuples(
    st.none() | st.integers(0, 6),
    st.none() | st.sampled_from(["", "a", "A", "a ", "é", "it's", "a\nb"]),
    st.none() | st.sampled_from([0.0, 0.1, 0.1 + 2**-55, 0.30000000000000004, 0.3, float("nan")]),
    st.none() | st.datetimes().map(lambda at: at.replace(year=2000, month=1, day=1, hour=1)),
    st.none() | st.booleans(),
)
ROWS = st.lists(VALUES, max_size=12)


def edited(rows: Rows, other: Rows) -> list[Sequence[Any]]:
    """Rows that are mostly the same: some of the others' values in their places."""
    return [
        [
            *row[:1],
            *(
                value if at % 3 else one
                for at, (one, value) in enumerate(zip(row[1:], more[1:], strict=True))
            ),
        ]
        for row, more in zip(rows, [*other, *rows][: len(rows)], strict=True)
    ]


@pytest.mark.parametrize("key", [("id",), ("id", "name"), None], ids=str)
@hypothesis_settings(max_examples=40, deadline=None)
@given(before=ROWS, after=ROWS, unique=st.booleans(), related=st.booleans())
def test_it_says_what_plain_python_says(
    connection: Connection,
    key: tuple[str, ...] | None,
    before: list[Any],
    after: list[Any],
    unique: bool,
    related: bool,
) -> None:
    if related:
        after = edited(before, after)
    if unique:
        before, after = (list({row[0]: row for row in rows}.values()) for rows in (before, after))
    found = differ(connection, (COLUMNS, before), (COLUMNS, after), key).marts[0]
    check(found, before, after, key)


@pytest.mark.slow
def test_a_large_table() -> None:
    """Enough rows for every thread and every block of the engine."""
    of = random.Random(5)
    before = [[n, str(n % 97), n / 7, None, n % 2 == 0] for n in range(130_000)]
    after = [[*row[:2], row[2] + of.choice((0, 0, 2**-30)), *row[3:]] for row in before[100:]]
    with duckdb.connect() as native:
        native.execute("create schema one")
        native.execute("create schema two")
        connection = DuckDBSession(native)
        found = differ(connection, (COLUMNS, before), (COLUMNS, after)).marts[0]
    check(found, before, after, ("id",))
    assert found.removed == 100
    assert 35_000 < found.changed < 55_000


def test_columns_that_are_new_gone_or_of_another_type(connection: Connection) -> None:
    before = {"id": "bigint", "title": "varchar", "n": "integer", "gone": "date"}
    after = {"id": "bigint", "title": "varchar", "n": "bigint", "new": "double"}
    found = differ(
        connection,
        (before, [[1, "a", 1, None], [2, "b", 2, None]]),
        (after, [[1, "a", 5, 0.5], [2, "c", 6, 0.5]]),
    )
    (mart,) = found.marts
    told = {column.column: (column.change, column.before, column.after) for column in mart.columns}
    assert told == {
        "title": ("values", "varchar", "varchar"),
        "n": ("type", "integer", "bigint"),
        "new": ("new", None, "double"),
        "gone": ("gone", "date", None),
    }
    assert (mart.added, mart.removed, mart.changed) == (0, 0, 1)
    assert as_text(found) == [
        "candidate 2 against published 1",
        "~ mart_x  2 rows: 1 changed",
        "    ~ column n: integer → bigint, values not compared",
        "    + column new (double)",
        "    - column gone (date)",
        "    title 1 (50.0 %)",
        "    ~ id 2: title b → c",
    ]


def test_the_same_rows_with_another_column_are_a_difference(connection: Connection) -> None:
    found = differ(
        connection, ({"id": "bigint"}, [[1]]), ({"id": "bigint", "n": "bigint"}, [[1, 2]])
    )
    assert found.different == found.marts
    assert as_text(found)[1:] == ["~ mart_x  1 row: the same", "    + column n (bigint)"]


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(({"name": "varchar", "n": "bigint"}, [["a", 1], ["b", 2]]), id="gone"),
        pytest.param(
            ({"id": "varchar", "name": "varchar", "n": "bigint"}, [["1", "a", 1], ["2", "b", 2]]),
            id="of another type",
        ),
    ],
)
def test_a_key_whose_columns_changed_matches_no_rows(connection: Connection, after: Any) -> None:
    """Then only whole rows can be compared, by what both have."""
    before = ({"id": "bigint", "name": "varchar", "n": "bigint"}, [[1, "a", 1], [2, "b", 1]])
    found = differ(connection, before, after)
    (mart,) = found.marts
    assert (mart.by_row, mart.added, mart.removed, mart.changed) == (True, 1, 1, 0)
    assert "whole rows compared" in as_text(found)[2]
    assert "+ name b, n 2" in as_text(found)[-2:][0]


def test_marts_without_a_column_in_common(connection: Connection) -> None:
    found = differ(connection, ({"a": "bigint"}, [[1], [2]]), ({"b": "bigint"}, [[1]])).marts[0]
    assert (found.rows_before, found.rows_after, found.removed) == (2, 1, 1)


def test_marts_that_are_new_or_gone(connection: Connection) -> None:
    write(connection, "one", "mart_old", {"id": "bigint"}, [])
    write(connection, "two", "mart_new", {"id": "bigint"}, [[1], [2]])
    write(connection, "two", "other_table", {"id": "bigint"}, [[1]])
    found = diff(connection, BEFORE, AFTER, {}, left_out=["mart_x"])
    assert [(mart.mart, mart.change, mart.added) for mart in found.marts] == [
        ("mart_new", "new", 2),
        ("mart_old", "gone", 0),
    ]
    assert as_text(found)[1:] == ["+ mart_new  new, 2 rows", "- mart_old  gone, 0 rows"]
    assert "| `mart_new` new | 2 | 2 | 0 | 0 |" in as_markdown(found)
    connection.execute("drop table one.mart_old")
    connection.execute("drop table two.mart_new")


def test_long_and_odd_values_stay_on_one_line(connection: Connection) -> None:
    columns = {"id": "bigint", "title": "varchar"}
    found = differ(connection, (columns, [[1, "a\nb"]]), (columns, [[1, "x" * 100]]))
    assert as_text(found)[-1] == f"    ~ id 1: title a b → {'x' * 39}…"


def test_a_share_is_not_rounded_to_all_or_nothing(connection: Connection) -> None:
    columns = {"id": "bigint", "n": "bigint", "m": "bigint"}
    before = [[n, 0, 0] for n in range(3000)]
    after = [[n, int(n == 5), int(n != 5)] for n in range(3000)]
    text = as_text(differ(connection, (columns, before), (columns, after)))
    assert text[2] == "    m 2,999 (99.9 %), n 1 (<0.1 %)"


def test_every_mart_has_a_key_that_its_tests_prove(built: Path) -> None:
    project = artifacts.Project(built / "home" / "dbt")
    keys = project.keys()
    marts = {name for _, name in project.relations() if name.startswith("mart_")}
    assert marts - keys.keys() == {"mart_dataset_status"}  # one row, as a test of its own says
    assert keys["mart_movie"] == ("movie_id",)
    assert keys["mart_genre_year"] == ("genre", "rating_year")
    # Of two that are as long, the one whose columns come first.
    assert keys["mart_movie_similar"] == ("movie_id", "similar_movie_id")


# Through the command line.


def edit(home: Path, *statements: str) -> None:
    """Edits the tables that production shows as marts."""
    target = DuckDBWarehouse(home / "warehouse.duckdb")
    target.execute(
        *(
            re.sub(r"marts_candidate\.(\w+)", lambda found: table_of(target, found[1]), each)
            for each in statements
        )
    )


def test_after_a_run_there_is_no_difference(cli: Cli, home: Path) -> None:
    done = cli("diff", "--home", home)
    assert (done.returncode, done.stderr) == (0, "")
    header, same = done.stdout.splitlines()
    assert header.startswith("candidate 2")
    assert same.endswith(" marts without a difference")
    assert "No difference in " in cli("diff", "--home", home, "--markdown").stdout


def test_a_changed_candidate(cli: Cli, home: Path) -> None:
    edit(
        home,
        "update marts_candidate.mart_genre set n_movies = n_movies + 1 where genre = 'Drama'",
        "delete from marts_candidate.mart_genre where genre = 'Comedy'",
        "update marts_candidate.mart_quality set run_at = run_at + interval 1 day",
    )
    answer = cli.json("diff", "--home", home)
    (mart,) = [mart for mart in answer["marts"] if mart["change"] != "same"]
    assert (mart["mart"], mart["key"]) == ("mart_genre", ["genre"])
    assert (mart["added"], mart["removed"], mart["changed"]) == (0, 1, 1)
    (column,) = mart["columns"]
    assert (column["column"], column["rows"]) == ("n_movies", 1)
    assert column["share"] == 1 / mart["rows_after"]
    changed, removed = mart["examples"]
    assert changed["key"] == {"genre": "Drama"}
    assert changed["after"]["n_movies"] == changed["before"]["n_movies"] + 1
    assert (removed["key"], removed["after"]) == ({"genre": "Comedy"}, None)
    text = cli("diff", "--home", home).stdout
    assert "- genre Comedy" in text
    assert "mart_quality" not in text
    markdown = cli("diff", "--home", home, "--markdown").stdout
    assert (
        f"| `mart_genre` | {mart['rows_before']} → {mart['rows_after']} | 0 | 1 | 1 |" in markdown
    )


def test_only_the_marts_that_are_named_reports_among_them(cli: Cli, home: Path) -> None:
    edit(
        home,
        "update marts_candidate.mart_dataset_status set tests_passed = 7",
        "update marts_candidate.mart_genre set n_movies = 7",
    )
    answer = cli.json("diff", "--home", home, "--mart", "mart_dataset_status", "--mart", "mart_tag")
    status, tag = answer["marts"]
    assert (tag["mart"], tag["change"]) == ("mart_tag", "same")
    assert (status["changed"], status["key"], status["by_row"]) == (1, [], False)
    (example,) = status["examples"]
    assert example["after"] == {"tests_passed": 7}
    error = cli.json("diff", "--home", home, "--mart", "mart_genres", exit_code=2)["error"]
    assert error["message"] == "There is no mart 'mart_genres' in either version"
    assert error["remedy"].startswith("choose another: mart_genre,")


def test_nothing_to_compare(cli: Cli, home: Path, tmp_path: Path) -> None:
    done = cli("diff", "--home", tmp_path / "empty")
    assert done.returncode == 2
    assert "There is no audited candidate" in done.stderr
    assert not (tmp_path / "empty").exists()
    (home / "marts.duckdb").unlink()
    done = cli("diff", "--home", home)
    assert done.returncode == 2
    assert "Nothing is published yet" in done.stderr
    edit(home, "update store._environments set version = null")
    assert "There is no audited candidate" in cli("diff", "--home", home).stderr
