"""Facts built load by load are, row for row, the facts built from scratch."""

import random
import shutil
from collections.abc import Callable

import pytest

from .conftest import Row, Warehouse

FACTS = ("fct_ratings", "fct_tags", "fct_genome_scores")
BUILD_FACTS = ("run", "--select", *(f"+{name}" for name in FACTS))


class History:
    """Random changes to a landing zone: few users, films and times, so that keys meet often."""

    def __init__(self, warehouse: Warehouse, seed: int) -> None:
        self._warehouse = warehouse
        self._random = random.Random(seed)
        self._paths: dict[str, str] = {}
        self._removed: dict[str, str] = {}
        for _ in range(6):
            self._add_file()

    def step(self) -> None:
        """Change a few things at once, as one load does."""
        changes: list[Callable[[], None]] = [
            self._add_file,
            self._change_file,
            self._remove_file,
            self._bring_file_back,
            self._leave_uncommitted_rows,
        ]
        for _ in range(self._random.randint(2, 6)):
            self._random.choice(changes)()

    def _rows(self, dataset: str) -> list[Row]:
        n_rows = self._random.randint(0, 12)
        rows = [self._row(dataset) for _ in range(n_rows)]
        return rows + rows[:2]  # RAW may hold exact duplicates

    def _row(self, dataset: str) -> Row:
        pick = self._random.randint
        match dataset:
            case "ratings":
                return pick(1, 4), pick(1, 5), pick(1, 10) / 2, pick(1, 3)
            case "tags":
                tag = self._random.choice(["Fun", "fun", "", None])
                return pick(1, 4), pick(1, 3), tag, pick(1, 3)
            case _:
                return pick(1, 5), pick(1, 3), pick(0, 4) / 4

    def _add_file(self) -> None:
        dataset = self._random.choice(["ratings", "tags", "genome_scores"])
        path = f"{dataset}-{len(self._paths) + len(self._removed)}.csv"
        self._paths[path] = dataset
        self._warehouse.load(path, dataset, self._rows(dataset))

    def _change_file(self) -> None:
        if self._paths:
            path, dataset = self._random.choice(sorted(self._paths.items()))
            self._warehouse.load(path, dataset, self._rows(dataset))

    def _remove_file(self) -> None:
        if self._paths:
            path = self._random.choice(sorted(self._paths))
            self._removed[path] = self._paths.pop(path)
            self._warehouse.remove(path, self._removed[path])

    def _bring_file_back(self) -> None:
        if self._removed:
            path = self._random.choice(sorted(self._removed))
            self._paths[path] = self._removed.pop(path)
            self._warehouse.load(path, self._paths[path], self._rows(self._paths[path]))

    def _leave_uncommitted_rows(self) -> None:
        self._warehouse.append_rows("ratings", self._rows("ratings"))


def facts(warehouse: Warehouse) -> dict[str, list[Row]]:
    """All rows of each fact, in an order that does not depend on how they were written."""
    return {name: warehouse.query(f"from analytics.{name} order by all") for name in FACTS}


def facts_from_scratch(warehouse: Warehouse) -> dict[str, list[Row]]:
    """The facts that a full refresh of the same warehouse gives; done, and undone, on its file."""
    kept = warehouse.path.with_suffix(".kept")
    shutil.copy(warehouse.path, kept)
    warehouse.dbt(*BUILD_FACTS, "--full-refresh")
    rows = facts(warehouse)
    kept.replace(warehouse.path)
    return rows


@pytest.mark.parametrize("seed", [1, 2])
def test_after_each_step_of_a_random_history(warehouse: Warehouse, seed: int) -> None:
    history = History(warehouse, seed)
    sizes: set[tuple[int, ...]] = set()
    for _ in range(4):
        warehouse.dbt(*BUILD_FACTS)
        built = facts(warehouse)
        assert built == facts_from_scratch(warehouse)
        sizes.add(tuple(len(rows) for rows in built.values()))
        history.step()
    assert len(sizes) > 2, "the history hardly changed anything; take another seed"


def test_a_build_that_died_before_it_noted_what_it_had_seen(warehouse: Warehouse) -> None:
    warehouse.load("a.csv", "ratings", [(1, 1, 4.0, 10), (1, 2, 3.0, 10)])
    warehouse.dbt(*BUILD_FACTS)
    seen = warehouse.query("from analytics._built_files order by all")
    warehouse.load("a.csv", "ratings", [(1, 1, 4.5, 20)])
    warehouse.load("b.csv", "ratings", [(2, 1, 1.0, 30)])
    warehouse.dbt(*BUILD_FACTS)
    expected = facts(warehouse)
    with warehouse.connect() as connection:
        connection.execute("delete from analytics._built_files")
        connection.executemany("insert into analytics._built_files values (?, ?)", seen)
    warehouse.dbt(*BUILD_FACTS)
    assert facts(warehouse) == expected
    assert [row[:3] for row in expected["fct_ratings"]] == [(1, 1, 4.5), (2, 1, 1.0)]


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
    assert {row[1] for row in warehouse.query("from analytics._built_files")} == {last - 1}
    warehouse.dbt(*BUILD_FACTS)
    assert warehouse.query("from analytics._built_files order by all") == [
        (name, last) for name in sorted(FACTS)
    ]
