"""Nothing published is about a single person."""

from __future__ import annotations

from pathlib import Path

import duckdb
import yaml

from tests.support.raw_by_hand import PROJECT

# Counts of people. Counts per tag and per edition come with nothing else about those people; counts
# of people who like two films are at least 20 (tests/models/test_films_liked_together.py).
OF_PEOPLE = {
    ("mart_rating_month", "n_users"),
    ("mart_rating_month", "n_new_users"),
    ("mart_user_activity", "n_users"),
    ("mart_user_cohort", "n_users_active"),
}
NOT_SINGLED_OUT = {
    ("mart_dataset_status", "n_users"),
    ("mart_dataset_status", "n_tag_users"),
    ("mart_previous_version", "n_users"),
    ("mart_tag", "n_people"),
    ("mart_movie_tag", "n_people"),
    ("mart_movie_liked_together", "n_people"),
}


def published(file: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(file), read_only=True)


def test_no_mart_names_a_user(built: Path) -> None:
    with published(built / "home" / "marts.duckdb") as marts:
        columns = marts.execute(
            "select table_name, column_name from duckdb_columns() where schema_name = 'main'"
        ).fetchall()
    about = {(table, name) for table, name in columns if "user" in name or "people" in name}
    assert about == OF_PEOPLE | NOT_SINGLED_OUT


def test_no_group_of_people_is_too_small(built: Path) -> None:
    fewest = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]["fewest_people"]
    assert fewest == 5
    with published(built / "home" / "marts.duckdb") as marts:
        for table, column in sorted(OF_PEOPLE):
            few = f"from marts.{table} where {column} between 1 and {fewest - 1}"
            assert marts.execute(f"select count(*) {few}").fetchall() == [(0,)]
        hidden = "select count(*) from marts.mart_rating_month where n_users is null"
        assert marts.execute(hidden).fetchall()[0][0] > 0
