"""Loading a landing zone: exactly once, whatever happens to its files in between."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dlt
import fsspec
import pytest

from ingestion import load, movielens_source
from ingestion.engine import engine_of
from ingestion.engines.on_duckdb import DuckDBEngine
from ingestion.errors import MovielensError, SettingsError
from ingestion.landing.listing import list_landing_zone
from ingestion.progress import Event
from ingestion.raw import manifest
from ingestion.raw.commit import verify
from ingestion.raw.load import LoadReport
from ingestion.reading.file import Outcome
from ingestion.settings import Settings
from ingestion.warehouse.base import Cursor, DuckDBSession, DuckDBWarehouse
from tests.support import forking
from tests.support.cli import Cli
from tests.support.crashing import STEPPING
from tests.support.facts import build_facts
from tests.support.landing_zone import (
    LINKS,
    MOVIES,
    RATINGS,
    SIX,
    TABLES,
    query,
    rows_in_files,
    rows_that_count,
    write,
    write_six,
)
from tests.support.marks import slow_except


@pytest.fixture
def zone(settings: Settings) -> Path:
    folder = Path(settings.source or "")
    write_six(folder)
    return folder


def statuses(report: LoadReport) -> dict[str, str]:
    return {file.path: file.status for file in report.files}


def ratings(settings: Settings) -> list[tuple[object, ...]]:
    return rows_that_count(settings.warehouse_file, "ratings")


def test_a_first_load_is_what_is_in_the_files(settings: Settings, zone: Path) -> None:
    (zone / "README.txt").write_text("hello")
    report = load(settings=settings)
    assert statuses(report) == dict.fromkeys(SIX, "loaded")
    assert (report.rows, report.rejected, report.exit_code) == (13, 0, 0)
    assert (report.source, report.edition, report.ignored) == (
        f"file://{zone}",
        "zone",
        ["README.txt"],
    )
    for table in TABLES:
        file = zone / f"{table.replace('_', '-')}.csv"
        assert rows_that_count(settings.warehouse_file, table) == rows_in_files(file)


def test_the_contract_of_raw(settings: Settings, zone: Path) -> None:
    for name in ("tags", "genome-scores", "genome-tags", "links"):
        (zone / f"{name}.csv").unlink()
    load(settings=settings)
    found = query(
        settings.warehouse_file,
        "select table_name, string_agg(column_name || ' ' || lower(data_type), ', ' "
        "order by ordinal_position) from information_schema.columns "
        "where table_schema = 'raw' and table_name not like '\\_dlt%' escape '\\' group by all",
    )
    assert dict(found) == {
        "movies": "movie_id bigint, title varchar, genres varchar, _file_id bigint",
        "ratings": "user_id bigint, movie_id bigint, rating double, timestamp bigint, "
        "_file_id bigint",
        "tags": "user_id bigint, movie_id bigint, tag varchar, timestamp bigint, _file_id bigint",
        "links": "movie_id bigint, imdb_id varchar, tmdb_id bigint, _file_id bigint",
        "genome_scores": "movie_id bigint, tag_id bigint, relevance double, _file_id bigint",
        "genome_tags": "tag_id bigint, tag varchar, _file_id bigint",
        "_files": "file_id bigint, path varchar, dataset varchar, version varchar, bytes bigint, "
        "rows_loaded bigint, rows_rejected bigint, load_id varchar, "
        "loaded_at timestamp with time zone, content_hash varchar, source varchar, "
        "edition varchar",
        "_layout": "layout bigint, written_by varchar, written_at timestamp with time zone",
        "_lease": "fence bigint, holder varchar, home varchar, taken_at timestamp with time zone, "
        "expires_at timestamp with time zone, next_file_id bigint",
        "_rejected_rows": "file_id bigint, line bigint, raw_text varchar, column_name varchar, "
        "reason varchar",
    }


def test_a_second_load_reads_and_writes_nothing(settings: Settings, zone: Path) -> None:
    load(settings=settings)
    before = (settings.warehouse_file.stat().st_mtime_ns, settings.warehouse_file.read_bytes())
    # Other content of the same size and time: it would show if it were read.
    (zone / "ratings.csv").write_text("x" * len(RATINGS))
    known = query(settings.warehouse_file, "select version from raw._files where path like 'rat%'")
    modified = float(known[0][0].partition(":")[2])
    os.utime(zone / "ratings.csv", (modified, modified))
    if list_landing_zone(str(zone)).files["ratings.csv"].version != known[0][0]:
        pytest.skip("this file system does not keep times exactly")
    report = load(settings=settings)
    assert statuses(report) == dict.fromkeys(SIX, "unchanged")
    assert (report.load_id, report.changed) == (None, False)
    after = (settings.warehouse_file.stat().st_mtime_ns, settings.warehouse_file.read_bytes())
    assert after == before


def test_a_changed_file_replaces_its_old_version(settings: Settings, zone: Path) -> None:
    first = load(settings=settings)
    write(zone, ratings=RATINGS.replace("0.5", "5.0"))
    second = load(settings=settings)
    assert statuses(second) == dict.fromkeys(SIX, "unchanged") | {"ratings.csv": "loaded"}
    assert ratings(settings) == rows_in_files(zone / "ratings.csv")
    assert query(
        settings.warehouse_file,
        "select load_id, rows_loaded from raw._files where path = 'ratings.csv' order by file_id",
    ) == [(first.load_id, 3), (second.load_id, 3)]
    assert query(settings.warehouse_file, "select count(*) from raw.ratings") == [(6,)]


def test_a_file_that_grew_is_not_doubled(settings: Settings, zone: Path) -> None:
    load(settings=settings)
    with (zone / "ratings.csv").open("a") as stream:
        stream.writelines(f"9,{n},3.0,{10**9 + n}\n" for n in range(100))
    assert load(settings=settings).rows == 103
    assert ratings(settings) == rows_in_files(zone / "ratings.csv")


def test_a_file_that_was_only_touched_is_not_loaded_again(settings: Settings, zone: Path) -> None:
    load(settings=settings)
    for seconds in (1, 4_000_000_000):
        os.utime(zone / "ratings.csv", (seconds, seconds))
        report = load(settings=settings)
        assert statuses(report) == dict.fromkeys(SIX, "unchanged")
        assert report.load_id is None
    assert query(settings.warehouse_file, "select count(*) from raw.ratings") == [(3,)]


def test_new_files_of_a_dataset_add_to_it_whatever_their_age(
    settings: Settings, zone: Path
) -> None:
    load(settings=settings)
    (zone / "old").mkdir()
    write(zone / "old", ratings_1999="userId,movieId,rating,timestamp\n7,1,2.0,964982705\n")
    late = zone / "old" / "ratings-1999.csv"
    os.utime(late, (0, 0))
    assert statuses(load(settings=settings))["old/ratings-1999.csv"] == "loaded"
    assert ratings(settings) == rows_in_files(zone / "ratings.csv", late)


def test_a_missing_file_keeps_its_rows_unless_told(settings: Settings, zone: Path) -> None:
    load(settings=settings)
    (zone / "ratings.csv").unlink()
    report = load(settings=settings)
    assert (statuses(report)["ratings.csv"], report.load_id) == ("missing", None)
    assert len(ratings(settings)) == 3

    # Loading another file neither removes it nor reports it as removed.
    write(zone, links="movieId,imdbId,tmdbId\n1,0114709,862\n")
    report = load(settings=settings)
    assert (statuses(report)["ratings.csv"], report.changed) == ("missing", True)
    assert len(ratings(settings)) == 3

    removed = load(settings=settings, remove_missing=True)
    assert statuses(removed)["ratings.csv"] == "removed"
    last = "select version, bytes, rows_loaded, rows_rejected from raw._files order by file_id desc"
    assert query(settings.warehouse_file, last)[0] == (None, 0, 0, 0)
    assert ratings(settings) == []
    assert len(rows_that_count(settings.warehouse_file, "movies")) == 2
    assert load(settings=settings, remove_missing=True).load_id is None

    write(zone, ratings=RATINGS)
    assert statuses(load(settings=settings))["ratings.csv"] == "loaded"
    assert ratings(settings) == rows_in_files(zone / "ratings.csv")


def test_a_new_column_arrives_and_later_files_without_it_still_load(
    settings: Settings, zone: Path
) -> None:
    load(settings=settings)
    write(
        zone,
        ratings_2="userId,movieId,rating,timestamp,deviceType\n"
        "5,1,1.0,964982701,007\n5,2,1.0,964982702,\n",
    )
    report = load(settings=settings)
    (file,) = [file for file in report.files if file.path == "ratings-2.csv"]
    assert (file.status, file.new_columns) == ("loaded", ("device_type",))
    write(zone, ratings_3="userId,movieId,rating,timestamp\n6,1,1.0,964982701\n")
    write(zone, ratings_4="userId,movieId,rating,timestamp,HTTPCode,été\n7,1,1.0,964982701,200,x\n")
    assert load(settings=settings).of_status("refused") == []
    found = query(
        settings.warehouse_file,
        "select user_id, device_type, http_code from raw.ratings where user_id >= 5 order by all",
    )
    assert found == [
        (5, "007", None),
        (5, None, None),
        (6, None, None),
        (7, None, "200"),
    ]
    assert query(settings.warehouse_file, "select count(*) from raw.ratings") == [(7,)]


@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
def test_a_file_without_rows_brings_its_new_column(
    settings: Settings, zone: Path, first: bool
) -> None:
    if not first:
        load(settings=settings)
    write(zone, links="movieId,imdbId,tmdbId,mubiId\n")
    (file,) = [file for file in load(settings=settings).files if file.path == "links.csv"]
    assert (file.status, file.rows, file.new_columns) == ("loaded", 0, ("mubi_id",))
    assert query(settings.warehouse_file, "select count(mubi_id) from raw.links") == [(0,)]


def test_rejected_rows_are_kept_with_line_and_reason(settings: Settings, zone: Path) -> None:
    write(zone, ratings=RATINGS + "1,2,3.7,964982704\n1,2\n")
    report = load(settings=settings)
    assert (report.rejected, report.exit_code) == (2, 0)
    assert query(
        settings.warehouse_file,
        "select f.path, f.rows_loaded, f.rows_rejected, r.line, r.raw_text, r.column_name, "
        "r.reason from raw._rejected_rows as r join raw._files as f using (file_id) order by line",
    ) == [
        ("ratings.csv", 3, 2, 5, "1,2,3.7,964982704", "rating", "3.7 is not a multiple of 0.5"),
        ("ratings.csv", 3, 2, 6, "1,2", None, "2 fields; expected 4"),
    ]


def test_a_refused_file_stops_no_other_and_is_tried_again(settings: Settings, zone: Path) -> None:
    write(zone, ratings="userId;movieId;rating;timestamp\n1;2;3.5;4\n", tags="userId\n")
    for name in ("links.csv", "links-pipe.csv"):
        (zone / name).unlink(missing_ok=True)
    (zone / "links.csv").symlink_to("/proc/self/mem")  # A file that gives an I/O error.
    report = load(settings=settings)
    refused = {"ratings.csv": "refused", "tags.csv": "refused", "links.csv": "refused"}
    assert statuses(report) == dict.fromkeys(SIX, "loaded") | refused
    assert report.exit_code == 4
    reasons = {file.path: file.reason for file in report.of_status("refused")}
    assert "semicolons" in reasons["ratings.csv"]
    assert "could not be read" in reasons["links.csv"]

    again = load(settings=settings)
    assert (again.exit_code, again.load_id) == (4, None)
    assert {file.path for file in again.of_status("refused")} == set(refused)

    (zone / "links.csv").unlink()
    write(zone, ratings=RATINGS, links=LINKS)
    mended = load(settings=settings)
    assert {file.path for file in mended.of_status("loaded")} == {"ratings.csv", "links.csv"}
    assert ratings(settings) == rows_in_files(zone / "ratings.csv")


def test_a_refused_new_version_leaves_the_old_one(settings: Settings, zone: Path) -> None:
    load(settings=settings)
    old = ratings(settings)
    write(zone, ratings="nonsense\n")
    assert load(settings=settings).exit_code == 4
    assert ratings(settings) == old


@contextmanager
def rewriting(file: Path) -> Iterator[None]:
    """Another process keeps rewriting the file."""
    stop = threading.Event()

    def rewrite() -> None:
        second = 1_000_000_000
        while not stop.is_set():
            second += 1
            os.utime(file, (second, second))

    thread = threading.Thread(target=rewrite)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_a_file_that_changes_while_it_is_read_is_put_off(settings: Settings, zone: Path) -> None:
    with rewriting(zone / "ratings.csv"):
        report = load(settings=settings)
    assert statuses(report) == dict.fromkeys(SIX, "loaded") | {"ratings.csv": "put off"}
    assert (report.exit_code, ratings(settings)) == (0, [])
    assert statuses(load(settings=settings))["ratings.csv"] == "loaded"
    assert ratings(settings) == rows_in_files(zone / "ratings.csv")


@pytest.mark.parametrize("at", slow_except(1, range(4)))
def test_a_landing_zone_that_changes_while_it_is_loaded(
    settings: Settings, zone: Path, at: int
) -> None:
    """Files appear, are replaced and are deleted after the listing, at one of the files' turns."""
    turns = iter(range(len(SIX) + 1))

    def change(_: Event) -> None:
        if next(turns) == at:
            write(zone, ratings_2=RATINGS, movies=MOVIES + "4,New,x\n")
            (zone / "links.csv").unlink(missing_ok=True)

    found = statuses(load(settings=settings, on_event=change))
    assert "ratings-2.csv" not in found
    assert {found["movies.csv"], found["links.csv"]} <= {"loaded", "put off"}
    load(settings=settings, remove_missing=True)
    for table in ("movies", "ratings"):
        wanted = rows_in_files(*zone.glob(f"{table}*.csv"))
        assert rows_that_count(settings.warehouse_file, table) == wanted
    current = "select path from raw._files qualify row_number() over (partition by path "
    current += "order by file_id desc) = 1 and version is not null"
    assert {path for (path,) in query(settings.warehouse_file, current)} == {
        file.name for file in zone.iterdir()
    }


@pytest.mark.slow
def test_a_file_that_is_listed_twice_counts_as_two_whose_rows_are_one(
    settings: Settings, zone: Path
) -> None:
    write(zone, ratings=RATINGS.replace(",1445714\n", ",1445714994\n"))
    (zone / "ratings-again.csv").symlink_to(zone / "ratings.csv")
    load(settings=settings)
    rows = rows_in_files(zone / "ratings.csv")
    assert ratings(settings) == sorted(2 * rows, key=repr)
    build_facts(settings)
    facts = "select user_id, movie_id, rating from analytics.fct_ratings"
    assert sorted(query(settings.warehouse_file, facts)) == sorted(row[:3] for row in rows)


def test_another_landing_zone_is_refused_and_nothing_changes(
    settings: Settings, zone: Path, tmp_path: Path
) -> None:
    load(settings=settings)
    write(tmp_path / "other", movies=MOVIES)
    with pytest.raises(SettingsError, match="must not be mixed") as raised:
        load(str(tmp_path / "other"), settings=settings)
    assert "--switch-source" in raised.value.remedy
    assert len(rows_that_count(settings.warehouse_file, "movies")) == 2
    assert load(settings=settings).load_id is None


def test_switching_the_source_leaves_nothing_of_the_old_one(
    settings: Settings, zone: Path, tmp_path: Path
) -> None:
    load(settings=settings)
    other = tmp_path / "other"
    write(other, movies="movieId,title,genres\n9,New,x\n", ratings="broken\n", tags="userId\n")
    report = load(str(other), settings=settings, switch_source=True)
    assert statuses(report) == {
        "genome-scores.csv": "removed",
        "genome-tags.csv": "removed",
        "links.csv": "removed",
        "movies.csv": "loaded",
        "ratings.csv": "refused",
        "tags.csv": "refused",
    }
    for table in TABLES:
        expected = [(9, "New", "x")] if table == "movies" else []
        assert rows_that_count(settings.warehouse_file, table) == expected, table
    write(other, ratings=RATINGS)
    (other / "tags.csv").unlink()
    assert statuses(load(str(other), settings=settings)) == {
        "movies.csv": "unchanged",
        "ratings.csv": "loaded",
    }
    assert statuses(load(str(zone), settings=settings, switch_source=True)) == dict.fromkeys(
        SIX, "loaded"
    )


@pytest.mark.slow
def test_switching_to_a_copy_switches(settings: Settings, zone: Path, tmp_path: Path) -> None:
    """Whose files have the same sizes and times."""
    load(settings=settings)
    copy = shutil.copytree(zone, tmp_path / "copy", copy_function=shutil.copy2)
    for name in SIX:
        assert (copy / name).stat().st_mtime_ns == (zone / name).stat().st_mtime_ns
    report = load(str(copy), settings=settings, switch_source=True)
    assert statuses(report) == dict.fromkeys(SIX, "loaded")
    current = manifest.current_files(engine_of(settings).warehouse()).values()
    assert {entry.source for entry in current} == {report.source} == {f"file://{copy}"}
    assert ratings(settings) == rows_in_files(zone / "ratings.csv")
    assert load(str(copy), settings=settings).load_id is None
    with pytest.raises(SettingsError, match="must not be mixed"):
        load(str(zone), settings=settings)


class MeddledWith(DuckDBWarehouse):
    """A warehouse that loses rows just before they are counted.

    Args:
        path: The file.
        statement: What somebody else does then.
    """

    def __init__(self, path: Path, statement: str) -> None:
        super().__init__(path)
        self.statement = statement

    @contextmanager
    def connect(self) -> Iterator[DuckDBSession]:
        meddle = self.statement

        class Session(DuckDBSession):
            def execute(self, sql: str) -> Cursor:
                if "_file_id, count(*) from raw." in sql:
                    self.native.execute(meddle)
                return super().execute(sql)

        with super().connect() as session:
            yield Session(session.native)


@pytest.mark.parametrize(
    "statement",
    [
        "delete from raw.ratings where user_id = 2",
        "insert into raw.ratings from raw.ratings limit 1",
        "delete from raw._rejected_rows",
    ],
)
def test_a_load_counts_what_arrived(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    write(tmp_path / "zone", ratings=RATINGS + "1,9,not a number,1\n")
    with monkeypatch.context() as meddled:
        other = MeddledWith(settings.warehouse_file, statement)
        meddled.setattr(DuckDBEngine, "warehouse", lambda *_, **__: other)
        with pytest.raises(MovielensError, match=r"were read for raw\..* but it has"):
            load(settings=settings)
    assert query(settings.warehouse_file, "select count(*) from raw._files") == [(0,)]
    report = load(settings=settings)
    assert (report.rows, report.rejected) == (3, 1)
    assert query(settings.warehouse_file, "select count(*) from raw._rejected_rows") == [(1,)]


def test_switching_to_a_source_that_cannot_be_read_changes_nothing(
    settings: Settings, zone: Path, tmp_path: Path
) -> None:
    load(settings=settings)
    write(tmp_path / "other", movies="broken\n")
    report = load(str(tmp_path / "other"), settings=settings, switch_source=True)
    assert (report.exit_code, report.load_id) == (4, None)
    assert len(ratings(settings)) == 3
    assert load(settings=settings).load_id is None


def test_rows_that_a_crash_left_never_count_and_are_swept(settings: Settings, zone: Path) -> None:
    load(settings=settings)
    with DuckDBWarehouse(settings.warehouse_file).connect() as connection:
        connection.execute("insert into raw.ratings values (666, 1, 1.0, 1, 5)")
        connection.execute("insert into raw._rejected_rows values (5, 1, 'x', null, 'x')")
    assert ratings(settings) == rows_in_files(zone / "ratings.csv")
    write(zone, movies=MOVIES + "4,New,x\n")
    load(settings=settings)
    assert query(settings.warehouse_file, "from raw.ratings where user_id = 666") == []
    assert query(settings.warehouse_file, "from raw._rejected_rows") == []
    assert ratings(settings) == rows_in_files(zone / "ratings.csv")


def test_missing_rows_are_caught_before_the_commit(settings: Settings, zone: Path) -> None:
    load(settings=settings)
    file = list_landing_zone(str(zone)).files["ratings.csv"]
    ((file_id,),) = query(
        settings.warehouse_file, "select file_id from raw._files where path = 'ratings.csv'"
    )
    target = DuckDBWarehouse(settings.warehouse_file)
    with target.connect() as connection:
        verify(connection, [Outcome(file, file_id, rows=3)])
        connection.execute("delete from raw.ratings where user_id = 2")
        with pytest.raises(
            MovielensError, match=r"3 rows were read for raw\.ratings, but it has 2"
        ):
            verify(connection, [Outcome(file, file_id, rows=3)])


def test_file_ids_grow_even_when_the_clock_jumps_back(settings: Settings, zone: Path) -> None:
    load(settings=settings)
    ahead = 10**15  # As if the first load had been made with a clock far ahead.
    target = DuckDBWarehouse(settings.warehouse_file)
    target.execute(
        f"update raw._files set file_id = file_id + {ahead}",
        *(f"update raw.{table} set _file_id = _file_id + {ahead}" for table in TABLES),
    )
    before = query(settings.warehouse_file, "select max(file_id) from raw._files")[0][0]
    write(zone, ratings=RATINGS.replace("0.5", "5.0"), movies=MOVIES + "4,New,x\n")
    load(settings=settings)
    new = query(settings.warehouse_file, f"select file_id from raw._files where file_id > {before}")
    assert len(new) == 2
    assert ratings(settings) == rows_in_files(zone / "ratings.csv")


def test_a_run_whose_clock_is_years_ahead_loses_nothing_of_the_next_one(
    cli: Cli, settings: Settings, zone: Path, tmp_path: Path
) -> None:
    asked = tmp_path / "asked.json"
    asked.write_text(json.dumps({"ahead": 10 * 365 * 86_400}))
    options = ["--home", settings.home, "--source", zone]
    command = [sys.executable, "-P", STEPPING, asked, "--", "load", *options]
    process = forking.start(list(map(str, command)), env=cli.environment(), cwd=cli.folder)
    assert process.wait(100) == 0
    far = query(settings.warehouse_file, "select min(file_id) from raw._files")[0][0]
    assert far > (time.time() + 9 * 365 * 86_400) * 1e6
    write(zone, ratings=RATINGS.replace("0.5", "5.0"))
    assert statuses(load(settings=settings))["ratings.csv"] == "loaded"
    assert ratings(settings) == rows_in_files(zone / "ratings.csv")


def test_homes_and_files_may_have_any_name(tmp_path: Path) -> None:
    zone = tmp_path / "zone [1] * #%20'ñ"
    write(zone, ratings=RATINGS)
    (zone / "movies [1]'.csv").write_text(MOVIES)
    settings = Settings(home=tmp_path / "home #1 (ñ) é&;", source=str(zone), _env_file=None)
    assert statuses(load(settings=settings)) == {
        "ratings.csv": "loaded",
        "movies [1]'.csv": "loaded",
    }
    assert ratings(settings) == rows_in_files(zone / "ratings.csv")


@pytest.mark.parametrize("name", ["100%", "what?", "a*b", "[1]", "John's"])
def test_a_home_that_dlt_cannot_work_in_is_said(settings: Settings, zone: Path, name: str) -> None:
    home = zone.parent / name
    with pytest.raises(SettingsError, match="in its path; dlt cannot write there"):
        load(settings=settings.model_copy(update={"home": home}))
    assert not home.exists()


def _pipeline(folder: Path) -> dlt.Pipeline:
    return dlt.pipeline(
        "composed",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(folder / "composed.duckdb")),
        dataset_name="raw",
    )


def test_the_source_composes_with_any_dlt_pipeline(settings: Settings, zone: Path) -> None:
    folder = zone.parent
    write(zone, ratings=RATINGS + "x,1,1.0,964982701\n", tags="broken\n")
    _pipeline(folder).run(movielens_source(str(zone)))
    _pipeline(folder).run(movielens_source(str(zone)))
    write(zone, ratings=RATINGS.replace("0.5", "5.0"))
    os.utime(zone / "movies.csv", (1, 1))
    _pipeline(folder).run(movielens_source(str(zone)))
    database = folder / "composed.duckdb"
    for table in set(TABLES) - {"tags"}:
        file = zone / f"{table.replace('_', '-')}.csv"
        assert rows_that_count(database, table) == rows_in_files(file)
    assert query(database, "select count(*) from raw.ratings") == [(6,)]
    assert query(database, "select count(*) from raw.movies") == [(2,)]
    assert query(database, "select count(*) from raw.tags") == [(0,)]
    assert query(database, "select line, column_name from raw._rejected_rows") == [(5, "user_id")]


@pytest.mark.parametrize("destination", ["duckdb", "filesystem"])
def test_what_the_source_loaded_can_be_read_back_through_dlt(
    zone: Path, tmp_path: Path, destination: str
) -> None:
    to = {
        "duckdb": dlt.destinations.duckdb(str(tmp_path / "films.duckdb")),
        "filesystem": dlt.destinations.filesystem(str(tmp_path / "films")),
    }[destination]
    pipeline = dlt.pipeline("films", pipelines_dir=str(tmp_path / "pipelines"), destination=to)
    pipeline.run(movielens_source(str(zone)))
    ratings = pipeline.dataset().ratings
    columns = ["user_id", "movie_id", "rating", "timestamp"]
    found = ratings.df()[columns].itertuples(index=False, name=None)
    assert sorted(found, key=repr) == rows_in_files(zone / "ratings.csv")
    assert ratings.select("rating").max().fetchscalar() == 4.5


def test_the_source_selects_resources(zone: Path) -> None:
    _pipeline(zone.parent).run(movielens_source(str(zone)).with_resources("movies"))
    database = zone.parent / "composed.duckdb"
    assert rows_that_count(database, "movies") == rows_in_files(zone / "movies.csv")


def test_a_landing_zone_that_is_not_local(settings: Settings, tmp_path: Path) -> None:
    fs = fsspec.filesystem("memory")
    for name, content in SIX.items():
        fs.pipe(f"/landing/{name}", content.encode())
    assert load("memory://landing", settings=settings).rows == 13
    assert load("memory://landing", settings=settings).load_id is None
    fs.pipe("/landing/ratings.csv", RATINGS.replace("0.5", "5.0").encode())
    assert load("memory://landing", settings=settings).rows == 3
    write(tmp_path, ratings=RATINGS.replace("0.5", "5.0"))
    assert ratings(settings) == rows_in_files(tmp_path / "ratings.csv")
    fs.rm("/landing", recursive=True)
