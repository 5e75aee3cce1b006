"""`status` and `doctor`: what the operator sees, even during a run or when files are gone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion import load
from ingestion.operate.doctor.release import release
from ingestion.operate.status import Status, status
from ingestion.operate.steps import publish, rollback
from ingestion.raw import refusals
from ingestion.reading.rules import Rules
from ingestion.settings import Settings
from ingestion.warehouse.base import DuckDBWarehouse
from tests.support.candidates import rename_candidate
from tests.support.cli import Cli
from tests.support.landing_zone import RATINGS, write, write_six

NOBODY = 65534
SEMICOLONS = "userId;movieId;rating;timestamp\n1;1;4.0;964982703\n"


@pytest.fixture
def zone(settings: Settings) -> Path:
    folder = Path(settings.source or "")
    write_six(folder)
    return folder


def codes(settings: Settings) -> list[str]:
    return [finding.code for finding in release(settings) if finding.code]


# ---- refused files ---------------------------------------------------------------------------


def test_a_refused_file_stays_visible_until_it_is_mended(settings: Settings, zone: Path) -> None:
    write(zone, ratings_2=SEMICOLONS)
    assert load(settings=settings).exit_code == 4
    for _ in range(2):
        (refused,) = status(settings).refused
        assert (refused.path, refused.dataset) == ("ratings-2.csv", "ratings")
        assert "semicolons" in refused.reason
        assert codes(settings) == ["file-refused"]
        again = load(settings=settings)
        assert (again.exit_code, again.changed) == (4, False)
    write(zone, ratings_2=RATINGS)
    assert load(settings=settings).exit_code == 0
    assert status(settings).refused == []
    assert codes(settings) == []


def test_only_the_refused_file_that_is_gone_is_forgotten(settings: Settings, zone: Path) -> None:
    write(zone, ratings_2=SEMICOLONS, ratings_3=SEMICOLONS)
    load(settings=settings)
    (zone / "ratings-2.csv").unlink()
    report = load(settings=settings)
    assert (report.exit_code, report.changed) == (4, False)
    assert [refused.path for refused in status(settings).refused] == ["ratings-3.csv"]
    (zone / "ratings-3.csv").unlink()
    report = load(settings=settings)
    assert (report.exit_code, report.changed) == (0, False)
    assert status(settings).refused == []


def test_a_refused_release_of_a_loaded_file_is_forgotten_when_the_old_one_is_back(
    settings: Settings, zone: Path
) -> None:
    load(settings=settings)
    file = zone / "ratings.csv"
    saved = shutil.copy2(file, zone.parent / "saved")
    file.write_text(SEMICOLONS)
    load(settings=settings)
    assert [refused.path for refused in status(settings).refused] == ["ratings.csv"]
    shutil.copy2(saved, file)
    assert load(settings=settings).exit_code == 0
    assert status(settings).refused == []


def test_readers_of_another_version_read_again(settings: Settings, zone: Path) -> None:
    write(zone, ratings_2=SEMICOLONS)
    load(settings=settings)
    target = DuckDBWarehouse(settings.warehouse_file)
    (refusal,) = refusals.recall(target)
    assert refusal.judged_by == refusals.judged_by(Rules())
    target.execute(
        f"update {refusals.TABLE} set judged_by = replace(judged_by, 'readers ', 'readers 0'), "
        "refused_at = timestamp '2000-01-01'"
    )
    load(settings=settings)
    (judged_again,) = refusals.recall(target)
    assert judged_again.judged_by == refusal.judged_by
    assert judged_again.refused_at.year > 2000


# ---- a warehouse that cannot be looked at ------------------------------------------------------


HOLD = """
import sys, time, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def held(home: Path) -> Iterator[Path]:
    """A home whose warehouse another process has to itself, as a run does while it writes."""
    command = [sys.executable, "-c", HOLD, str(home / "warehouse.duckdb")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield home
        process.kill()


def loaded(found: Status) -> Any:
    return found.source, found.datasets, found.candidate, found.loads


def test_it_answers_while_a_run_has_the_warehouse(held: Path, cli: Cli) -> None:
    answer = cli.json("status", "--home", held)
    assert answer["warehouse"] == "busy"
    assert {dataset["dataset"] for dataset in answer["datasets"]} >= {"ratings", "movies"}
    assert answer["published"] == answer["candidate"]
    assert "A run is in progress" in cli("status", "--home", held).stdout


def test_what_is_shown_meanwhile_is_what_the_run_before_left(home: Path) -> None:
    settings = Settings(home=home, _env_file=None)
    live = status(settings)
    assert live.warehouse == "open"
    (home / "warehouse.duckdb").write_bytes(b"no database")
    assert status(settings).warehouse == "unreadable"
    assert loaded(status(settings)) == loaded(live)
    (home / "status.json").write_text("{}]")
    assert status(settings).datasets == []


def test_without_the_warehouse_it_tells_what_is_published(home: Path, cli: Cli) -> None:
    (home / "warehouse.duckdb").unlink()
    answer = cli.json("status", "--home", home)
    assert (answer["warehouse"], answer["datasets"]) == ("missing", [])
    assert answer["published"] is not None
    told = cli("status", "--home", home).stdout
    write_six(home.parent / "zone")
    assert "The warehouse is missing" in told
    assert answer["published"] in told
    doctor = cli.json("doctor", "--home", home, "--source", home.parent / "zone")
    assert "warehouse-missing" in {finding["code"] for finding in doctor["findings"]}


@contextmanager
def without_permission_to_write(home: Path) -> Iterator[None]:
    """Root may write everywhere, so it becomes nobody for a while."""
    everything = [home.parent, home, *home.rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        for path in everything:
            path.chmod(0o755)


def test_it_needs_no_permission_to_write(home: Path) -> None:
    before = status(Settings(home=home, _env_file=None))
    # Not below pytest's own folder, which is closed to other users.
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(home, Path(folder) / "home")
        with without_permission_to_write(copy):
            with pytest.raises(PermissionError):
                (copy / "anything").touch()
            found = status(Settings(home=copy, _env_file=None))
    assert (found.warehouse, loaded(found)) == ("open", loaded(before))
    assert found.published == before.published


# ---- rolled back ------------------------------------------------------------------------------


def test_a_rollback_leaves_a_trace(home: Path, cli: Cli) -> None:
    settings = Settings(home=home, _env_file=None)
    first = status(settings)
    assert first.published_at is not None
    later = "21000101T000001Z-00000000"
    rename_candidate(DuckDBWarehouse(settings.warehouse_file), later)
    publish(settings)
    report = rollback(settings)
    assert (report.version, report.held_back) == (first.published, later)
    found = status(settings)
    assert [(v.version, v.source) for v in found.held_back] == [(later, first.source)]
    assert found.versions == (first.published,)
    assert found.published_source == first.source
    assert codes(settings) == ["version-held-back"]
    told = cli("status", "--home", home).stdout
    assert f"Held back     {later} of {first.source}" in told
    publish(settings)
    assert status(settings).held_back == ()
    assert codes(settings) == []


def test_versions_of_an_earlier_release_have_no_landing_zone(home: Path) -> None:
    for note in (home / "versions").glob("*.json"):
        note.unlink()
    found = status(Settings(home=home, _env_file=None))
    assert (found.published_source, found.published_at) == (None, None)
    with duckdb.connect(str(home / "marts.duckdb"), read_only=True) as marts:
        assert marts.execute("from mart_dataset_status").fetchall()
