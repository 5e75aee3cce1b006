"""Concurrent runs, on one machine or several: nothing is doubled or lost; all but one exit.

`python -m benchmarks.concurrency` does the same in many more rounds.

A process that is paused while it has DuckDB's file open keeps everybody out of it, whatever the
lease says: the others exit with 75. So a pause matters where the file is closed, which is wherever
nothing is asked of the warehouse: above all while files are read.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import pytest

from ingestion.build.build import build_candidate, build_in
from ingestion.build.environments import CANDIDATE, PRODUCTION
from ingestion.build.making import Job
from ingestion.engine import engine_of
from ingestion.errors import BusyError
from ingestion.home import make_home
from ingestion.operate.exclusive import exclusive_run
from ingestion.operate.steps import publish
from ingestion.publish.duckdb_file import export_marts
from ingestion.publish.publish import publish_candidate
from ingestion.publish.published import seen
from ingestion.settings import Settings
from ingestion.warehouse.lease import acquire
from tests.support.contending import Machines, at_once, wrong_endings
from tests.support.crashing import BUSY, published, published_version
from tests.support.landing_zone import LINKS, MOVIES, TAGS, write

HEADER = "userId,movieId,rating,timestamp\n"
# Where a load is paused, and the warehouse is closed; and how it ends. At the first it has not yet
# decided what to do, and then finds nothing left.
PAUSES = {
    "has the lease": (("after sql update raw._lease set fence", "after sql close"), 0),
    "has reserved its file ids": (
        ("after sql update raw._lease set exp", "after sql close", "after sql close"),
        BUSY,
    ),
    "has read its files": (("after sql copy",), BUSY),
}


def drop(zone: Path, number: int) -> None:
    """A new file, and one that changes."""
    rows = [f"{user},{user % 7},{number % 5 + 0.5},{10**9 + user}\n" for user in range(3_000)]
    write(zone, **{f"ratings_{number}": HEADER + "".join(rows)})
    write(zone, ratings=HEADER + "".join(rows[number:]))


@pytest.fixture
def machines(tmp_path: Path) -> Machines:
    made = Machines(tmp_path, 3)
    write(made.zone, movies=MOVIES, tags=TAGS, links=LINKS)
    return made


@pytest.mark.slow
def test_five_runners_on_three_machines(machines: Machines) -> None:
    for number in (1, 2):
        drop(machines.zone, number)
        endings = at_once(machines, [(home, "load") for home in (0, 0, 1, 1, 2)])
        assert wrong_endings(endings) == []
        assert machines.problems() == []
    assert BUSY in [code for _, code, _ in endings]


@pytest.mark.slow
@pytest.mark.parametrize("moment", PAUSES)
def test_one_that_is_paused_when_it(machines: Machines, moment: str) -> None:
    """Another machine takes over, loads and ends; the paused one then commits nothing."""
    drop(machines.zone, 1)
    at, ends_with = PAUSES[moment]
    paused = machines.start_and_pause(0, at, "load")
    code, told = machines.call(1, "load")
    assert code == BUSY
    assert "--take-over" in told
    code, told = machines.call(1, "load", "--take-over")
    assert code == 0, told
    assert machines.problems() == []
    paused.go_on()
    code, told = paused.end()
    assert code == ends_with
    message = "Another run took over the warehouse while this one was paused"
    assert (message if code else "nothing new") in told
    assert machines.problems() == []
    assert machines.call(0, "load")[0] == 0


def test_one_that_is_paused_longer_than_its_lease(tmp_path: Path) -> None:
    machines = Machines(tmp_path, 2, lease_seconds=1)
    drop(machines.zone, 1)
    paused = machines.start_and_pause(0, ("after sql copy",), "load")
    drop(machines.zone, 2)
    time.sleep(1.1)
    code, told = machines.call(1, "load")
    assert code == 0, told
    assert "took over the warehouse from" in told
    paused.go_on()
    assert paused.end()[0] == BUSY
    assert machines.problems() == []


def test_a_build_and_a_publish_of_a_run_that_lost_its_lease(home: Path, built: Path) -> None:
    """The next run of its home finds everything as the other machine left it."""
    settings = Settings(home=home, source=str(built / "zone"), _env_file=None)
    elsewhere = {"home": home.with_name("other"), "warehouse": settings.warehouse_file}
    other = settings.model_copy(update=elsewhere)
    make_home(other.home)
    version, marts = published_version(home), published(home)
    with exclusive_run(settings) as run:
        lost = run.lease(engine_of(settings).warehouse())
        taken = acquire(other, take_over=True)
        with pytest.raises(BusyError, match="took over the warehouse while this one was paused"):
            build_candidate(run, partial(seen, settings), full_refresh=True)
        job = Job(
            settings=settings,
            lease=lost,
            fingerprint="its own",
        )
        with pytest.raises(BusyError):
            build_in(PRODUCTION, job)
        settings.marts_file.unlink()
        with pytest.raises(BusyError):
            publish_candidate(run)
        with pytest.raises(BusyError):
            export_marts(lost, CANDIDATE, home / "exported.duckdb")
    taken.release()
    assert not (home / "exported.duckdb").exists()
    assert publish(settings).version == version
    assert published(home) == marts
