"""What compares dbt with SQLMesh finds what differs; `make sqlmesh` runs it, SQLMesh included."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
import yaml

from tests.support.checkout import PROJECT, copy_of_the_project
from tests.support.second_opinion import (
    EDIT,
    PROGRAM,
    WATERMARKS,
    Sqlmesh,
    SqlmeshFailedError,
    differences,
    hand_over,
    tables,
    unproved,
    watermarks_behind,
)

MART = "marts_candidate.mart_tag"
ROWS = "select * from (values (1, 'fun', 0.5), (2, 'dark', null)) as one (tag_id, tag, share)"


def warehouse(path: Path, rows: str = ROWS, seen: int = 7) -> Path:
    with duckdb.connect(path) as connection:
        for schema in ("analytics", "marts_candidate", "store"):
            connection.execute(f"create schema {schema}")
        connection.execute(f"create table {MART} as {rows}")
        connection.execute(f"create table {WATERMARKS} (model_name varchar, file_id bigint)")
        connection.execute(f"insert into {WATERMARKS} values ('fct_tags__{seen}', {seen})")
    return path


@pytest.fixture
def one(tmp_path: Path) -> Path:
    return warehouse(tmp_path / "one.duckdb")


def told(one: Path, other: Path) -> dict[str, str]:
    return differences(tables(one), tables(other))


def test_neither_the_order_of_rows_nor_watermarks_count(one: Path, tmp_path: Path) -> None:
    other = warehouse(tmp_path / "other.duckdb", f"{ROWS} order by tag_id desc", seen=8)
    assert told(one, other) == {}


@pytest.mark.parametrize(
    ("rows", "difference"),
    [
        (ROWS.replace("0.5", "0.6"), "the same number of rows, but others"),
        (ROWS.replace("'dark'", "'Dark'"), "the same number of rows, but others"),
        (ROWS.replace("null", "0.0"), "the same number of rows, but others"),
        (f"{ROWS} where tag_id = 1", "rows: 2 of dbt, 1 of SQLMesh"),
        (f"{ROWS} where tag_id = 3", "rows: 2 of dbt, 0 of SQLMesh"),
        (f"{ROWS} union all {ROWS}", "rows: 2 of dbt, 4 of SQLMesh"),
        (ROWS.replace("(1,", "(1::bigint,"), "columns: tag_id"),
        (ROWS.replace("tag, share)", "tag, part)"), "columns: part, share"),
        (f"select tag, tag_id, share from ({ROWS})", "columns: in another order"),
    ],
)
def test_what_differs_is_found(one: Path, tmp_path: Path, rows: str, difference: str) -> None:
    assert told(one, warehouse(tmp_path / "other.duckdb", rows)) == {MART: difference}


def test_a_table_that_one_side_lacks_is_found(one: Path, tmp_path: Path) -> None:
    other = warehouse(tmp_path / "other.duckdb")
    with duckdb.connect(other) as connection:
        connection.execute(f"drop table {MART}; create view analytics.src_tags as select 1 as n")
    assert told(one, other) == {
        MART: "only dbt has it",
        "analytics.src_tags": "only SQLMesh has it",
    }


def test_a_watermark_may_be_further_on_but_not_behind(one: Path, tmp_path: Path) -> None:
    assert watermarks_behind(one, warehouse(tmp_path / "on.duckdb", seen=8)) == []
    behind = warehouse(tmp_path / "behind.duckdb", seen=6)
    assert watermarks_behind(one, behind) == ["fct_tags"]
    with duckdb.connect(behind) as connection:
        connection.execute(f"update {WATERMARKS} set model_name = 'fct_ratings'")
    assert watermarks_behind(one, behind) == ["fct_ratings", "fct_tags"]


def test_the_other_side_gets_the_rows_and_nothing_that_was_built(one: Path, tmp_path: Path) -> None:
    with duckdb.connect(one) as connection:
        connection.execute("create schema raw; create table raw.tags as select 1 as n")
        connection.execute("create schema audit; create table audit.builds as select 'v1' as v")
    other = tmp_path / "side" / "warehouse.duckdb"
    hand_over(one, other)
    with duckdb.connect(one) as connection:
        connection.execute("update raw.tags set n = 2")
    hand_over(one, other)
    with duckdb.connect(other, read_only=True) as connection:
        assert connection.execute("select n, v from raw.tags, audit.builds").fetchall() == [
            (2, "v1")
        ]
    assert tables(other) == {}


def test_what_was_empty_or_never_changed_is_not_taken_for_equal() -> None:
    models = {path.stem for path in (PROJECT / "models").rglob("*.sql")}
    found = {f"analytics.{model}": [(1, 5), (1, 6)] for model in models}
    assert unproved(found) == []
    found["analytics.mart_tag"] = [(0, 0), (0, 0)]
    found["analytics.fct_tags"] = [(3, 9), (3, 9)]
    del found["analytics.dim_users"]
    assert unproved(found) == [
        "dim_users never had a row",
        "mart_tag never had a row",
        "fct_tags was not changed by any load after the first",
    ]


def test_the_edit_can_be_made_and_names_what_there_is(tmp_path: Path) -> None:
    copy = copy_of_the_project(tmp_path / "project")
    EDIT.apply(copy)
    assert (copy / EDIT.path).read_text() != (PROJECT / EDIT.path).read_text()
    with pytest.raises(ValueError, match="0 times"):
        EDIT.apply(copy)
    models = {path.stem for path in (PROJECT / "models").rglob("*.sql")}
    assert {table.partition(".")[2] for table in EDIT.changes} <= models


@pytest.mark.parametrize("succeeds", [True, False])
def test_sqlmesh_works_on_a_copy_and_its_failure_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, succeeds: bool
) -> None:
    monkeypatch.setenv("MOVIELENS_TARGET", "prod")
    program = tmp_path / "sqlmesh"
    program.write_text(f'#!/bin/sh\necho "$@"; env > env; echo oh >&2; exit {int(not succeeds)}\n')
    program.chmod(0o755)
    side = Sqlmesh(tmp_path / "side", program)
    if succeeds:
        side.run()
    else:
        with pytest.raises(SqlmeshFailedError, match=r"(?s)plan exited with 1.*--no-prompts.*oh"):
            side.plan()
    seen = (tmp_path / "side" / "env").read_text().splitlines()
    assert f"MOVIELENS_WAREHOUSE={side.warehouse}" in seen
    assert not [line for line in seen if line.startswith("MOVIELENS_TARGET")]
    assert (side.project / "sqlmesh.yaml").exists()
    project = yaml.safe_load((side.project / "dbt_project.yml").read_text())
    assert project["data_tests"] == {"movielens": {"+enabled": False}}
    assert "data_tests" not in yaml.safe_load((PROJECT / "dbt_project.yml").read_text())


def test_both_environments_have_the_same_dbt_and_duckdb() -> None:
    def locked(name: str) -> dict[str, str]:
        text = (PROJECT / name).read_text()
        return dict(re.findall(r"^((?:dbt-[\w-]+)|duckdb)==(\S+)", text, re.MULTILINE))

    ours, others = locked("requirements.lock"), locked("requirements-sqlmesh.lock")
    assert {"dbt-core", "dbt-duckdb", "duckdb"} <= others.keys()
    assert others.items() <= ours.items()


def test_make_installs_it_where_the_comparison_looks() -> None:
    folder = PROGRAM.relative_to(PROJECT).parents[1]
    assert f"\nSQLMESH := {folder}\n" in (PROJECT / "Makefile").read_text()
