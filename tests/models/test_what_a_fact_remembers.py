"""The watermark of a fact; whole histories of drops are in test_histories.py."""

import pytest

from tests.support.raw_by_hand import Row, Warehouse

FACTS = ("fct_ratings", "fct_tags", "fct_genome_scores")
BUILD_FACTS = ("run", "--select", *(f"+{name}" for name in FACTS))


def facts(warehouse: Warehouse) -> dict[str, list[Row]]:
    """All rows of each fact, in an order that does not depend on how they were written."""
    return {name: warehouse.query(f"from analytics.{name} order by all") for name in FACTS}


@pytest.mark.slow
def test_a_build_that_died_before_it_noted_what_it_had_seen(warehouse: Warehouse) -> None:
    warehouse.load("a.csv", "ratings", [(1, 1, 4.0, 10), (1, 2, 3.0, 10)])
    warehouse.dbt(*BUILD_FACTS)
    seen = warehouse.query("from store._built_files order by all")
    warehouse.load("a.csv", "ratings", [(1, 1, 4.5, 20)])
    warehouse.load("b.csv", "ratings", [(2, 1, 1.0, 30)])
    warehouse.dbt(*BUILD_FACTS)
    expected = facts(warehouse)
    with warehouse.connect() as connection:
        connection.execute("delete from store._built_files")
        connection.executemany("insert into store._built_files values (?, ?)", seen)
    warehouse.dbt(*BUILD_FACTS)
    assert facts(warehouse) == expected
    assert [row[:3] for row in expected["fct_ratings"]] == [(1, 1, 4.5), (2, 1, 1.0)]


def test_a_fact_that_remembers_nothing_is_built_anew(warehouse: Warehouse) -> None:
    """Its first build died before writing the watermark, and vacuum removed superseded rows."""
    first = warehouse.load("a.csv", "ratings", [(1, 1, 4.0, 10), (1, 2, 3.0, 10)])
    warehouse.dbt(*BUILD_FACTS)
    warehouse.load("a.csv", "ratings", [(1, 1, 4.5, 20)])
    with warehouse.connect() as connection:
        connection.execute("delete from store._built_files")
        connection.execute("delete from raw.ratings where _file_id = ?", [first])
    warehouse.dbt(*BUILD_FACTS)
    assert [row[:3] for row in facts(warehouse)["fct_ratings"]] == [(1, 1, 4.5)]


def test_nothing_new_leaves_every_row_where_it_is(warehouse: Warehouse) -> None:
    warehouse.load("a.csv", "ratings", [(1, 1, 4.0, 10), (1, 2, 3.0, 10)])
    warehouse.dbt(*BUILD_FACTS)
    # A row that no rebuild would give stays, so nothing was rebuilt.
    with warehouse.connect() as connection:
        connection.execute("update analytics.fct_ratings set rating = 0.5 where movie_id = 2")
    warehouse.load("tags.csv", "tags", [(1, 1, "fun", 10)])
    warehouse.dbt(*BUILD_FACTS)
    ratings = warehouse.query("select movie_id, rating from analytics.fct_ratings order by all")
    assert ratings == [(1, 4.0), (2, 0.5)]


def test_each_fact_notes_the_last_entry_of_the_snapshot(warehouse: Warehouse) -> None:
    warehouse.load("a.csv", "ratings", [(1, 1, 4.0, 10)])
    warehouse.dbt(*BUILD_FACTS)
    last = warehouse.load("b.csv", "ratings", [(1, 2, 4.0, 10)])
    warehouse.dbt("run", "--select", *FACTS)  # on the old snapshot
    assert {row[1] for row in warehouse.query("from store._built_files")} == {last - 1}
    warehouse.dbt(*BUILD_FACTS)
    assert warehouse.query("from store._built_files order by all") == [
        (name, last) for name in sorted(FACTS)
    ]
