"""One writer at a time in a warehouse, whichever home and machine it runs from."""

from __future__ import annotations

import pkgutil
import time
from pathlib import Path

import duckdb
import pytest

from ingestion import load
from ingestion.engine import engine_of
from ingestion.errors import BusyError, LeaseLost
from ingestion.home import make_home
from ingestion.operate.exclusive import exclusive_run
from ingestion.settings import Settings
from ingestion.warehouse import lease
from ingestion.warehouse.base import Cursor, DuckDBSession
from local_dev.generate import generate
from tests.support.cli import Cli
from tests.support.landing_zone import RATINGS, query, rows_in_files, rows_that_count, write


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    folder = tmp_path / "zone"
    write(folder, ratings=RATINGS)
    return folder


def machine(folder: Path, name: str, lease_seconds: int = 900) -> Settings:
    """A separate home with a shared warehouse."""
    settings = Settings(
        home=folder / name,
        warehouse=folder / "shared.duckdb",
        source=str(folder / "zone"),
        lease_seconds=lease_seconds,
        _env_file=None,
    )
    make_home(settings.home)
    return settings


def test_another_machine_is_kept_out_until_the_lease_is_released(
    tmp_path: Path, zone: Path
) -> None:
    a, b = machine(tmp_path, "a"), machine(tmp_path, "b")
    with exclusive_run(a) as run:
        run.lease(engine_of(a).warehouse())
        with pytest.raises(BusyError, match="Another run is in progress in this warehouse") as busy:
            load(settings=b)
        assert "--take-over" in busy.value.remedy
    assert load(settings=b).rows == 3


def test_a_lease_of_a_lost_machine_ends(tmp_path: Path, zone: Path) -> None:
    a, b = machine(tmp_path, "a", lease_seconds=1), machine(tmp_path, "b")
    lost = lease.acquire(a)
    engine_of(a).warehouse().execute(
        f"update {lease.TABLE} set expires_at = now() - interval 1 second"
    )
    report = load(settings=b)
    assert report.rows == 3
    assert [note.startswith("took over the warehouse from") for note in report.notes] == [True]
    with (
        engine_of(a).warehouse().connect() as connection,
        pytest.raises(BusyError, match="while this one was"),
    ):
        lost.renew_in(connection)


def test_a_live_lease_is_taken_when_asked_to(tmp_path: Path, zone: Path) -> None:
    a, b = machine(tmp_path, "a"), machine(tmp_path, "b")
    lease.acquire(a)
    assert load(settings=b, take_over=True).rows == 3


def test_a_run_that_died_does_not_keep_its_own_home_out(tmp_path: Path, zone: Path) -> None:
    a = machine(tmp_path, "a")
    lease.acquire(a)
    assert load(settings=a).notes == []


def test_a_lease_from_the_future_is_none(tmp_path: Path, zone: Path) -> None:
    a, b = machine(tmp_path, "a"), machine(tmp_path, "b")
    lease.acquire(a)
    ahead = "taken_at = now() + interval 1 day, expires_at = now() + interval 2 day"
    engine_of(a).warehouse().execute(f"update {lease.TABLE} set {ahead}")
    assert load(settings=b).rows == 3


def test_reserved_file_ids_are_never_given_twice(tmp_path: Path, zone: Path) -> None:
    a, b = machine(tmp_path, "a"), machine(tmp_path, "b")
    make_home(a.home)
    first = lease.acquire(a)
    with engine_of(a).warehouse().connect() as connection:
        reserved = first.reserve(connection, 1_000_000_000_000)
    load(settings=b, take_over=True)
    ids = query(a.warehouse_file, "select file_id from raw._files")
    assert ids == [(reserved + 1_000_000_000_000,)]


@pytest.mark.parametrize("after", ["ingestion.raw.load._read_all", "ingestion.raw.commit.verify"])
def test_a_paused_holder_commits_nothing(
    tmp_path: Path, zone: Path, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    """Once one load has read, or appended, its rows, another machine takes over, loads and ends."""
    a, b = machine(tmp_path, "a"), machine(tmp_path, "b")
    step = pkgutil.resolve_name(after)

    def and_pause(*arguments: object) -> object:
        done = step(*arguments)
        monkeypatch.setattr(after, step)
        assert load(settings=b, take_over=True).rows == 3
        return done

    monkeypatch.setattr(after, and_pause)
    with pytest.raises(BusyError, match="took over the warehouse while this one was paused"):
        load(settings=a)
    assert rows_that_count(a.warehouse_file, "ratings") == rows_in_files(zone / "ratings.csv")
    assert query(a.warehouse_file, "select count(*) from raw.ratings") == [(3,)]
    assert load(settings=a).changed is False


@pytest.mark.slow
def test_a_step_may_take_longer_than_the_lease(tmp_path: Path, zone: Path) -> None:
    a, b = machine(tmp_path, "a", lease_seconds=1), machine(tmp_path, "b")
    with exclusive_run(a) as run:
        held = run.lease(engine_of(a).warehouse())
        time.sleep(2)
        with pytest.raises(BusyError, match="Another run is in progress in this warehouse"):
            load(settings=b)
        held.execute("create table raw.still_held (a int)")
    assert load(settings=b).rows == 3


def test_a_run_whose_lease_was_taken_hears_of_it_and_ends_nobody_elses(
    tmp_path: Path, zone: Path
) -> None:
    a, b, c = (machine(tmp_path, name, lease_seconds=1) for name in "abc")
    b = b.model_copy(update={"lease_seconds": 900})
    with exclusive_run(a) as run:
        lost = run.lease(engine_of(a).warehouse())
        lease.acquire(b, take_over=True)
        time.sleep(1)  # a heartbeat has found out
        with pytest.raises(LeaseLost):
            lost.renew()
        with pytest.raises(LeaseLost):
            run.lease(engine_of(a).warehouse())
    with pytest.raises(BusyError, match="Another run is in progress in this warehouse"):
        load(settings=c)


@pytest.mark.parametrize("released", [True, False])
def test_a_lease_of_a_warehouse_that_was_replaced_is_none(
    tmp_path: Path, zone: Path, released: bool
) -> None:
    """The new one begins with the same number."""
    a, b, c = (machine(tmp_path, name) for name in "abc")
    before = lease.acquire(a)
    a.warehouse_file.unlink()
    assert lease.acquire(b).fence == before.fence
    if released:
        before.release()
    else:
        with pytest.raises(LeaseLost):
            before.execute("create table raw.of_another (a int)")
    with pytest.raises(BusyError, match="Another run is in progress in this warehouse"):
        load(settings=c)


def test_the_old_lease_of_a_home_ends_not_its_new_one(tmp_path: Path, zone: Path) -> None:
    a, b = machine(tmp_path, "a"), machine(tmp_path, "b")
    old = lease.acquire(a)
    lease.acquire(a)
    old.release()
    with pytest.raises(BusyError, match="Another run is in progress in this warehouse"):
        load(settings=b)


def test_a_lease_that_was_extended_meanwhile_is_not_taken(
    tmp_path: Path, zone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that found it expired may have waited for the holder, which renewed it."""
    a, b = machine(tmp_path, "a"), machine(tmp_path, "b")
    held = lease.acquire(a)
    target = engine_of(a).warehouse()
    target.execute(f"update {lease.TABLE} set expires_at = now() - interval 1 second")
    execute = DuckDBSession.execute

    def after_the_holder(session: DuckDBSession, sql: str) -> Cursor:
        if sql.startswith(f"update {lease.TABLE} set fence"):
            held.renew_in(session)
        return execute(session, sql)

    monkeypatch.setattr(DuckDBSession, "execute", after_the_holder)
    with pytest.raises(BusyError, match="Another run is in progress in this warehouse"):
        load(settings=b)


def test_what_a_holder_writes_is_written_as_a_whole(tmp_path: Path, zone: Path) -> None:
    held = lease.acquire(machine(tmp_path, "a"))
    with pytest.raises(duckdb.CatalogException):
        held.execute("create table raw.begun (a int)", "drop table raw.none")
    assert not held.target.has_table("raw", "begun")


@pytest.mark.slow
def test_heartbeats_are_in_nobodys_way(tmp_path: Path, cli: Cli) -> None:
    """While dlt and dbt open the warehouse, and runs of others wait for it."""
    generate(tmp_path / "zone", ratings=1_000, seed=1)
    env = {"MOVIELENS_LEASE_SECONDS": "1", "MOVIELENS_WAREHOUSE": str(tmp_path / "shared.duckdb")}
    report = cli.json("run", "--home", tmp_path / "a", "--source", tmp_path / "zone", env=env)
    assert report["publish"]["published"] is True


@pytest.mark.slow
def test_a_warehouse_that_another_program_holds_is_busy(
    cli: Cli, tmp_path: Path, zone: Path
) -> None:
    settings = machine(tmp_path, "a")
    load(settings=settings)
    with engine_of(settings).warehouse().connect():
        arguments = ("load", "--home", tmp_path / "b", "--source", zone)
        told = cli.json(
            *arguments, exit_code=75, env={"MOVIELENS_WAREHOUSE": str(settings.warehouse_file)}
        )
    assert "is in use by another program" in told["error"]["message"]


def test_a_run_with_nothing_new_takes_no_lease(tmp_path: Path, zone: Path) -> None:
    a, b = machine(tmp_path, "a"), machine(tmp_path, "b")
    load(settings=a)
    fence = query(a.warehouse_file, f"select fence from {lease.TABLE}")
    assert load(settings=b).changed is False
    assert query(a.warehouse_file, f"select fence from {lease.TABLE}") == fence


def test_an_empty_machine_goes_on_where_the_last_one_ended(tmp_path: Path, zone: Path) -> None:
    load(settings=machine(tmp_path, "a"))
    write(zone, ratings_2="userId,movieId,rating,timestamp\n9,9,5.0,964982709\n")
    report = load(settings=machine(tmp_path, "b"))
    assert {file.path: file.status for file in report.files} == {
        "ratings.csv": "unchanged",
        "ratings-2.csv": "loaded",
    }
