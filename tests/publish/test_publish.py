"""Publishing: all marts at once, and back again."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import duckdb
import pytest

from ingestion.build.registry import BUILDS
from ingestion.engine import engine_of
from ingestion.errors import MovielensError, SettingsError
from ingestion.operate.doctor import duckdb_files
from ingestion.operate.status import status
from ingestion.operate.steps import publish, rollback
from ingestion.publish.duckdb_file import published_version
from ingestion.publish.publish import PublishReport
from ingestion.settings import Settings
from ingestion.warehouse.base import DuckDBWarehouse
from tests.support.candidates import rename_candidate, table_of
from tests.support.cli import Cli
from tests.support.crashing import EMPTY, Kill, Outcome, Place, Scenario
from tests.support.marks import slow_except

NUMBERED = ("mart_genre", "mart_release_year", "mart_genre_decade")


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home, keep_versions=4, _env_file=None)


def kept(settings: Settings) -> list[str]:
    """The versions that a rollback can return to, and the published one."""
    return [v.version for v in engine_of(settings).published().kept() if not v.is_held_back]


def name_of(number: int) -> str:
    return f"21000101T00000{number}Z-00000000"


def build_candidate(settings: Settings, number: int) -> str:
    """Makes what dbt would: an audited candidate, with its number in several marts."""
    version, target = name_of(number), DuckDBWarehouse(settings.warehouse_file)
    rename_candidate(target, version)
    tables = [table_of(target, mart) for mart in NUMBERED]
    target.execute(*(f"update {table} set n_movies = {number}" for table in tables))
    return version


def publish_candidate(settings: Settings, number: int) -> PublishReport:
    build_candidate(settings, number)
    return publish(settings)


def seen(marts: Path) -> set[object]:
    """What a reader that opens the file sees: its version, and the numbers in its marts."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{marts}' as published (read_only)")
        (version,) = connection.execute(
            "select data_version from published.mart_dataset_status"
        ).fetchall()[0]
        numbers: set[object] = set()
        for mart in NUMBERED:
            rows = connection.execute(f"select distinct n_movies from published.{mart}")
            numbers |= {name_of(number) for (number,) in rows.fetchall()}
    return numbers | {version}


def test_publishing_replaces_all_marts(settings: Settings) -> None:
    before = published_version(settings.marts_file)
    report = publish_candidate(settings, 1)
    assert (report.version, report.published, report.before) == (name_of(1), True, before)
    assert report.bytes == settings.marts_file.stat().st_size
    assert seen(settings.marts_file) == {name_of(1)}
    again = publish(settings)
    assert (again.version, again.published) == (name_of(1), False)


def test_the_published_file_holds_marts_and_nothing_else(settings: Settings) -> None:
    publish_candidate(settings, 1)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{settings.marts_file}' as published (read_only)")
        schemas = "select distinct table_schema from information_schema.tables"
        assert connection.execute(schemas).fetchall() == [("main",)]
        tables = connection.execute("select distinct table_name from information_schema.tables")
        published = {name for (name,) in tables.fetchall()}
    with DuckDBWarehouse(settings.warehouse_file).connect() as connection:
        built = connection.execute(
            "select table_name from information_schema.tables "
            "where table_schema = 'marts_candidate' and table_name like 'mart%'"
        ).fetchall()
    assert published == {name for (name,) in built}
    assert len(published) >= 20


@pytest.mark.parametrize("table", ["mart_genre", "marts.mart_genre"])
def test_the_published_file_is_read_by_its_name_alone(home: Path, table: str) -> None:
    with duckdb.connect(home / "marts.duckdb", read_only=True) as connection:
        assert len(connection.execute(f"from {table}").fetchall()) > 10


def as_written_before(file: Path) -> None:
    """Gives a file of marts the layout of earlier releases: its tables in the schema `marts`."""
    old = file.with_suffix(".old")
    with duckdb.connect() as connection:
        connection.execute(f"attach '{file}' as new (read_only); attach '{old}' as old")
        connection.execute("create schema old.marts")
        for (mart,) in connection.execute(
            "select table_name from duckdb_tables() where database_name = 'new'"
        ).fetchall():
            connection.execute(f"create table old.marts.{mart} as from new.{mart}")
    old.replace(file)


@pytest.fixture
def upgraded(settings: Settings) -> Settings:
    """Two versions, the later one published, all of it written by an earlier release."""
    publish_candidate(settings, 1)
    publish_candidate(settings, 2)
    for file in (settings.marts_file, *settings.versions_dir.glob("*.duckdb")):
        as_written_before(file)
    for note in settings.versions_dir.glob("*.json"):
        note.unlink()
    return settings


@pytest.mark.slow
def test_a_file_of_the_old_layout_is_known_until_it_is_replaced(upgraded: Settings) -> None:
    content = upgraded.marts_file.read_bytes()
    assert published_version(upgraded.marts_file) == name_of(2)
    assert status(upgraded).published == name_of(2)
    assert [(f.status, f.found) for f in duckdb_files.published(upgraded)] == [
        ("ok", f"version {name_of(2)}")
    ]
    assert upgraded.marts_file.read_bytes() == content


def test_the_first_run_brings_the_old_layout_up_to_date(built: Path, home: Path, cli: Cli) -> None:
    marts = Settings(home=home, _env_file=None).marts_file
    as_written_before(marts)
    before = published_version(marts)
    done = cli("run", "--home", home, "--source", built / "zone")
    assert done.returncode == 0, done.stderr
    with duckdb.connect(marts, read_only=True) as connection:
        rows = connection.execute("select data_version from mart_dataset_status").fetchall()
    assert rows == [(before,)]


@pytest.mark.slow
def test_the_old_layout_is_brought_up_to_date_beside_a_version_that_is_held_back(
    upgraded: Settings,
) -> None:
    rolled_back = upgraded.versions_dir / f"{name_of(2)}.duckdb"
    rolled_back.rename(rolled_back.with_suffix(".rolled-back.duckdb"))
    shutil.copy(upgraded.versions_dir / f"{name_of(1)}.duckdb", upgraded.marts_file)
    assert publish(upgraded, again=False).held_back == name_of(2)
    assert seen(upgraded.marts_file) == {name_of(1)}
    publish(upgraded)
    assert seen(upgraded.marts_file) == {name_of(2)}


@pytest.mark.slow
def test_rollback_to_a_version_of_the_old_layout(upgraded: Settings) -> None:
    assert rollback(upgraded).version == name_of(1)
    assert seen(upgraded.marts_file) == {name_of(1)}
    assert {file.suffix for file in upgraded.versions_dir.iterdir()} == {".duckdb", ".json"}


@pytest.mark.slow
def test_a_version_that_cannot_be_read_is_left_as_it_is(upgraded: Settings) -> None:
    damaged = upgraded.versions_dir / f"{name_of(0)}.duckdb"
    damaged.write_bytes(b"no database")
    assert publish(upgraded).version == name_of(2)
    assert seen(upgraded.marts_file) == {name_of(2)}
    assert damaged.read_bytes() == b"no database"


def test_rollback_and_publish_again(settings: Settings) -> None:
    publish_candidate(settings, 1)
    publish_candidate(settings, 2)
    report = rollback(settings)
    assert (report.version, report.published, report.before) == (name_of(1), True, name_of(2))
    assert seen(settings.marts_file) == {name_of(1)}
    assert kept(settings)[-1] == name_of(1)

    held = publish(settings, again=False)
    assert (held.held_back, held.published, held.version) == (name_of(2), False, name_of(1))
    assert seen(settings.marts_file) == {name_of(1)}

    publish(settings)
    assert seen(settings.marts_file) == {name_of(2)}
    assert kept(settings)[-2:] == [name_of(1), name_of(2)]


@pytest.mark.slow
def test_a_newer_version_is_published_after_a_rollback(settings: Settings) -> None:
    publish_candidate(settings, 1)
    publish_candidate(settings, 2)
    rollback(settings)
    build_candidate(settings, 3)
    assert publish(settings, again=False).version == name_of(3)
    assert rollback(settings).version == name_of(1)


AROUND_ITS_MOMENT = ("before file replace marts.next", "after file replace marts.next")


@pytest.mark.parametrize("moment", slow_except(AROUND_ITS_MOMENT[1], AROUND_ITS_MOMENT))
def test_a_rollback_that_is_killed_is_not_undone(
    settings: Settings, tmp_path: Path, moment: str
) -> None:
    publish_candidate(settings, 1)
    publish_candidate(settings, 2)
    place = Place(tmp_path / "place")
    command = Scenario("rollback", place, settings.home, place.zone, ("rollback",), EMPTY, EMPTY)
    place.reset(settings.home, place.zone)
    outcome = Outcome(Kill(steps=(moment,)))
    command.kill(outcome)
    assert outcome.killed, outcome
    killed = settings.model_copy(update={"home": place.home})
    left = published_version(killed.marts_file)
    assert publish(killed, again=False).version == left
    if left == name_of(2):
        rollback(killed)
    assert seen(killed.marts_file) == {name_of(1)}


def test_rollback_goes_back_until_nothing_is_kept(settings: Settings) -> None:
    publish_candidate(settings, 1)
    publish_candidate(settings, 2)
    first = kept(settings)[0]
    assert [rollback(settings).version for _ in range(2)] == [name_of(1), first]
    content = settings.marts_file.read_bytes()
    with pytest.raises(MovielensError, match="no version before") as raised:
        rollback(settings)
    assert "MOVIELENS_KEEP_VERSIONS (now 4)" in raised.value.remedy
    assert settings.marts_file.read_bytes() == content


def test_a_version_that_readers_never_saw_is_not_returned_to(settings: Settings) -> None:
    """Its publish died between the export and the rename."""
    (first,) = kept(settings)
    folder = settings.versions_dir
    shutil.copy2(folder / f"{first}.duckdb", folder / f"{name_of(1)}.duckdb")
    with pytest.raises(MovielensError, match="no version before"):
        rollback(settings)
    assert published_version(settings.marts_file) == first


def test_a_version_of_another_landing_zone_is_returned_to_only_if_asked(
    settings: Settings,
) -> None:
    (first,) = kept(settings)
    build_candidate(settings, 1)
    DuckDBWarehouse(settings.warehouse_file).execute(f"update {BUILDS} set source = 'file:///b'")
    publish(settings)
    with pytest.raises(SettingsError, match="was built from another landing zone"):
        rollback(settings)
    assert seen(settings.marts_file) == {name_of(1)}
    assert rollback(settings, switch_source=True).version == first


@pytest.mark.slow
def test_old_versions_are_pruned(settings: Settings) -> None:
    first = kept(settings)
    for number in range(1, 6):
        publish_candidate(settings, number)
        versions = [*first, *map(name_of, range(1, number + 1))]
        assert kept(settings) == versions[-settings.keep_versions :]
    rollback(settings)
    publish_candidate(settings, 6)
    files = {file.name for file in settings.versions_dir.iterdir()}
    ends = (".duckdb", ".json")
    assert files == {f"{name_of(number)}{end}" for number in (2, 3, 4, 6) for end in ends}


def test_without_a_candidate_nothing_is_published(settings: Settings) -> None:
    """As in a home of a release that had no registry."""
    content = settings.marts_file.read_bytes()
    target = DuckDBWarehouse(settings.warehouse_file)
    for statement in ("update store._environments set version = null", "drop schema store cascade"):
        target.execute(statement)
        with pytest.raises(MovielensError, match="no audited candidate") as raised:
            publish(settings)
        assert raised.value.remedy == "movielens build"
    assert settings.marts_file.read_bytes() == content


def test_what_a_crash_left_of_an_export_is_not_used(settings: Settings) -> None:
    version = build_candidate(settings, 1)
    # A crash in the middle of an export: a file, and the log of what was not yet in it.
    leftover = settings.versions_dir / f"{version}.unfinished"
    connection = duckdb.connect(str(leftover))
    connection.execute("set checkpoint_threshold = '1GB'")
    connection.execute("create table mart_genre as select 'half' as genre")
    log = Path(f"{leftover}.wal").read_bytes()
    connection.close()
    Path(f"{leftover}.wal").write_bytes(log)
    (settings.versions_dir / "20000101T000000Z-x.unfinished.wal").write_bytes(log)
    (settings.home / "marts.next").write_bytes(b"half")
    publish(settings)
    assert seen(settings.marts_file) == {name_of(1)}
    assert {file.suffix for file in settings.versions_dir.iterdir()} == {".duckdb", ".json"}


def test_a_reader_never_fails_and_never_sees_a_mixture(settings: Settings) -> None:
    publish_candidate(settings, 1)
    done = threading.Event()
    found: list[set[object]] = []
    failed: list[Exception] = []

    def read() -> None:
        while not done.is_set():
            try:
                found.append(seen(settings.marts_file))
            except Exception as error:
                failed.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(2, 5):
        publish_candidate(settings, number)
    rollback(settings)
    done.set()
    for reader in readers:
        reader.join()
    assert failed == []
    assert [mixture for mixture in found if len(mixture) != 1] == []
    assert len({version for one in found for version in one}) >= 3
