"""kill -9 in the middle of a load: the next one gives exactly the files."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.ingestion.landing_zone import query, rows_in_files, rows_that_count, write

HEADER = "userId,movieId,rating,timestamp\n"


def landing(folder: Path, star: str) -> None:
    rows = "".join(f"{n},{n % 97},{star},{n}\n" for n in range(30_000))
    write(folder, ratings=HEADER + rows, ratings_2=HEADER + "1,2,3.0,4\n")
    movies = "".join(f'{n},"Film, {n}",x\n' for n in range(97))
    write(folder, movies="movieId,title,genres\n" + movies)


def check(home: Path, zone: Path) -> None:
    warehouse = home / "warehouse.duckdb"
    for table in ("ratings", "movies"):
        expected = rows_in_files(*sorted(zone.glob(f"{table}*.csv")))
        assert rows_that_count(warehouse, table) == expected
    # What the crash left is gone: every row is of a committed file version.
    orphans = (
        "select count(*) from raw.ratings where _file_id not in (from raw._files select file_id)"
    )
    assert query(warehouse, orphans) == [(0,)]


def run_and_kill(cli: Cli, home: Path, zone: Path, seconds: float) -> int:
    process = cli.start("load", "--home", home, "--source", zone)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode


def crash_and_recover(cli: Cli, folder: Path, shares: list[float]) -> int:
    zone, home = folder / "zone", folder / "home"
    landing(zone, "3.0")
    assert cli("load", "--home", home, "--source", zone).returncode == 0
    landing(zone, "5.0")
    started = time.perf_counter()
    assert cli("load", "--home", home, "--source", zone).returncode == 0
    usual = time.perf_counter() - started
    killed = 0
    for number, share in enumerate(shares):
        landing(zone, f"{number % 9 / 2 + 0.5}")
        killed += run_and_kill(cli, home, zone, share * usual) == -signal.SIGKILL
        done = cli("load", "--home", home, "--source", zone)
        assert done.returncode == 0, done.stderr
        check(home, zone)
    return killed


def test_killed_loads(cli: Cli, tmp_path: Path) -> None:
    assert crash_and_recover(cli, tmp_path, [0.6, 0.85]) > 0


def test_killed_first_load(cli: Cli, tmp_path: Path) -> None:
    zone, home = tmp_path / "zone", tmp_path / "home"
    landing(zone, "3.0")
    run_and_kill(cli, home, zone, 1.5)
    assert cli("load", "--home", home, "--source", zone).returncode == 0
    check(home, zone)


@pytest.mark.slow
def test_loads_killed_at_many_moments(cli: Cli, tmp_path: Path) -> None:
    assert crash_and_recover(cli, tmp_path, [n / 60 for n in range(60)]) > 20
