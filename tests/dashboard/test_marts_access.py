"""marts.py: marts only, read-only, bounded, one version a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from dashboard import layout, marts, queries
from dashboard.marts_duckdb import DuckDBMarts
from dashboard.row_cache import RowCache
from tests.support import marts_fixture

STATEMENTS = {
    name: statement
    for name, statement in vars(queries).items()
    if name.isupper() and not name.startswith("_")
}


@pytest.mark.parametrize(
    "statement",
    [
        "select * from raw.ratings",
        "select * from dim_users",
        "select * from published.mart_genre",
        "select genre from mart_genre join analytics.fct_ratings on true",
        "select genre from mart_genre, mart_movie; drop table mart_genre",
        "select * from read_csv('/etc/passwd')",
        "select 1",
        "delete from mart_genre",
        "create table mart_new as select 1",
    ],
)
def test_refuses_anything_but_reading_marts(pinned: None, statement: str) -> None:
    with pytest.raises(ValueError, match="The dashboard"):
        marts.rows(statement)


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_every_statement_names_marts_and_columns_of_the_contract(name: str) -> None:
    statement = STATEMENTS[name]
    assert set(marts.marts_named(statement)) <= set(marts_fixture.contract())
    with duckdb.connect() as connection:
        marts_fixture.empty_marts(connection)
        # The binder refuses a column that models/mart/*.yml does not promise.
        connection.execute(f"explain {statement}", ["1"] * statement.count("?"))


def test_answers_with_the_rows_of_the_mart(pinned: None, published: Path) -> None:
    expected = {(genre, n_ratings) for genre, n_ratings, *_ in _read(published, "genre, n_ratings")}
    rows = marts.rows(queries.GENRES)
    assert set(zip(rows["genre"], rows["n_ratings"], strict=True)) == expected


def test_parameters_are_values_and_never_sql(pinned: None) -> None:
    assert marts.rows(queries.TAG_FILMS, "x' or '1'='1").empty


@pytest.mark.parametrize(
    "statement",
    [
        "insert into mart_genre (genre) values ('x')",
        "delete from mart_genre",
        "drop table mart_genre",
        "create table published.mart_new as select 1 as one",
        "copy mart_genre to 'leak.csv'",
        "select * from read_csv('/etc/passwd')",
        "attach 'other.duckdb'",
        "set enable_external_access = true",
        "install httpfs",
    ],
)
def test_the_database_itself_refuses_to_write_or_to_reach_outside(
    published: Path, statement: str
) -> None:
    store = DuckDBMarts(published / "marts.duckdb", "1")
    with pytest.raises(marts.MartsError):
        store.fetch(statement, ())
    assert _read(published, "count(*)") == [(13,)]


def test_visitors_cannot_grow_the_cache_without_bound() -> None:
    cache = RowCache(max_entries=100, max_bytes=10_000_000)
    asked: list[int] = []

    def ask(number: int, size: int = 1) -> None:
        def answer() -> pd.DataFrame:
            asked.append(number)
            return pd.DataFrame({"n": range(size)})

        assert len(cache.get(number, answer)) == size

    for number in range(120):
        ask(number)
    ask(119)
    assert len(asked) == 120  # the latest is kept
    ask(0)
    assert len(asked) == 121  # the oldest made room
    for number in range(200, 220):
        ask(number, size=100_000)  # 800 kB each
    taken = sum(rows.memory_usage(deep=True).sum() for rows in cache._kept.values())
    assert 5_000_000 < taken < 10_000_000
    ask(300, size=2_000_000)  # more than all of it: answered, not kept
    ask(219, size=100_000)
    assert len(asked) == 142


def test_a_page_may_change_the_rows_that_it_was_given(pinned: None) -> None:
    rows = marts.rows(queries.GENRES)
    rows["genre"] = "changed"
    rows.loc[0, "n_ratings"] = -1
    del rows["sum_rating"]
    assert marts.rows(queries.GENRES)["genre"].nunique() == 13
    assert marts.rows(queries.GENRES)["n_ratings"].min() >= 0


def test_an_answer_is_computed_once_per_version_and_arguments(
    published: Path, tmp_path: Path, use_home: Callable[[Path], None]
) -> None:
    asked: list[str] = []

    @marts.remembered
    def films_of(genre: str) -> tuple[int, ...]:
        asked.append(genre)
        rows = marts.rows(queries.GENRES)
        return tuple(rows.loc[rows["genre"] == genre, "n_movies"])

    use_home(published)
    marts.pin()
    first = [films_of("Drama"), films_of("Horror"), films_of("Drama")]
    assert asked == ["Drama", "Horror"]
    n_movies = dict(_read(published, "genre, n_movies"))["Drama"]
    assert first[0] == first[2] == (n_movies,)
    other = marts_fixture.write_marts(
        tmp_path, change="update mart_genre set n_movies = n_movies + 1"
    )
    use_home(other.parent)
    marts.pin()
    assert films_of("Drama") == (first[0][0] + 1,)
    assert asked == ["Drama", "Horror", "Drama"]
    # Nothing of the version that is gone is kept.
    assert {key[0] for key in marts._kept._kept} == {marts.version()}


def test_a_function_that_a_page_defines_again_is_the_same_function(pinned: None) -> None:
    asked: list[int] = []

    def defined() -> Callable[[], int]:
        def answer() -> int:
            asked.append(1)
            return len(asked)

        return marts.remembered(answer)

    assert [defined()(), defined()()] == [1, 1]


def test_figures_count_with_their_rows_and_their_words() -> None:
    cache = RowCache(max_entries=1000, max_bytes=1_000_000)
    rows = pd.DataFrame({"n": range(10_000)})  # 80 kB
    for number in range(50):
        cache.get(("v", number), lambda: (layout.figure(rows, "x" * 1000),))
    assert 10 <= len(cache._kept) <= 12


def test_what_many_ask_at_once_is_asked_once() -> None:
    cache, asked = RowCache(10, 1_000_000), []

    def slow() -> pd.DataFrame:
        asked.append(1)
        time.sleep(0.1)
        return pd.DataFrame({"n": [1]})

    def fails() -> pd.DataFrame:
        raise marts.MartsUnreadable("no")

    with pytest.raises(marts.MartsUnreadable):
        cache.get("key", fails)  # a failure is not kept
    threads = [threading.Thread(target=cache.get, args=("key", slow)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 1


def test_a_replaced_file_is_seen_by_the_next_run_and_not_by_this_one(
    tmp_path: Path, use_home: Callable[[Path], None]
) -> None:
    marts_fixture.write_marts(tmp_path, marts_fixture.Build(version="one"))
    use_home(tmp_path)
    marts.pin()
    assert marts.rows(queries.STATUS)["data_version"].tolist() == ["one"]
    marts_fixture.write_marts(
        tmp_path, marts_fixture.Build(version="two"), "delete from mart_genre"
    )
    assert len(marts.rows(queries.GENRES)) == 13  # not read before the switch: still the old one
    assert marts.rows(queries.STATUS)["data_version"].tolist() == ["one"]
    marts.pin()
    assert marts.rows(queries.STATUS)["data_version"].tolist() == ["two"]
    assert marts.rows(queries.GENRES).empty


def test_twenty_publishes_under_a_reader_never_mix_versions(
    tmp_path: Path, use_home: Callable[[Path], None]
) -> None:
    files = []
    for count in (1, 2):
        home = tmp_path / str(count)
        change = f"""
            update mart_dataset_status set data_version = '{count}';
            update mart_genre set n_ratings = {count}
        """
        files.append(marts_fixture.write_marts(home, change=change))
    served = tmp_path / "served"
    served.mkdir()
    (served / "marts.duckdb").write_bytes(files[0].read_bytes())
    use_home(served)
    mixed, done = [], threading.Event()

    def publish() -> None:
        for turn in range(20):
            beside = served / "next"
            beside.write_bytes(files[turn % 2].read_bytes())
            beside.replace(served / "marts.duckdb")
        done.set()

    publisher = threading.Thread(target=publish)
    publisher.start()
    while not done.is_set():
        marts.pin()
        version = marts.rows(queries.STATUS)["data_version"].iloc[0]
        counts = set(marts.rows(queries.GENRES)["n_ratings"])
        if counts != {int(version)}:
            mixed.append((version, counts))
    publisher.join()
    assert mixed == []


def test_says_when_nothing_is_published(tmp_path: Path, use_home: Callable[[Path], None]) -> None:
    use_home(tmp_path / "nowhere")
    with pytest.raises(marts.NothingPublished):
        marts.pin()


@pytest.mark.parametrize("content", [b"", b"not a database", b"\0" * 20_000])
def test_says_when_the_file_is_no_database(
    tmp_path: Path, use_home: Callable[[Path], None], content: bytes
) -> None:
    (tmp_path / "marts.duckdb").write_bytes(content)
    use_home(tmp_path)
    with pytest.raises(marts.MartsUnreadable) as refused:
        marts.pin()
    assert str(tmp_path) not in str(refused.value)


@pytest.mark.parametrize("without", [(), ("mart_genre",)])
def test_reads_a_file_that_an_earlier_release_published(
    tmp_path: Path, use_home: Callable[[Path], None], without: tuple[str, ...]
) -> None:
    """Its tables are in a schema `marts`."""
    change = "create schema marts;" + "".join(
        f"create table marts.{mart} as from main.{mart}; drop table main.{mart};"
        for mart in marts_fixture.contract()
        if mart not in without
    )
    marts_fixture.write_marts(tmp_path, change=change, without=without)
    use_home(tmp_path)
    marts.pin()
    assert len(marts.rows(queries.STATUS)) == 1
    if without:
        with pytest.raises(marts.MartMissing, match=r"^mart_genre is missing"):
            marts.rows(queries.GENRES)
    else:
        assert len(marts.rows(queries.GENRES)) == 13


def test_names_the_mart_that_is_missing(tmp_path: Path, use_home: Callable[[Path], None]) -> None:
    marts_fixture.write_marts(tmp_path, without=("mart_genre",))
    use_home(tmp_path)
    marts.pin()
    with pytest.raises(marts.MartMissing) as missing:
        marts.rows(queries.GENRES)
    assert missing.value.names == "mart_genre"


def _read(home: Path, columns: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home / "marts.duckdb"), read_only=True) as connection:
        return connection.execute(f"select {columns} from mart_genre").fetchall()
