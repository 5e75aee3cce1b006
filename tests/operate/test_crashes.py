"""kill -9 at any moment: readers notice nothing, and the next run gives exactly the files.

`python -m benchmarks.crashes` does the same at many more moments, on more scenarios.
"""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.crashing import (
    EMPTY,
    MARTS,
    WAREHOUSE,
    Kill,
    Outcome,
    Place,
    Scenario,
    State,
    opened,
    orphans,
    read_zone,
    state_of,
)
from tests.support.landing_zone import LINKS, MOVIES, TAGS, write
from tests.support.samples import samples

pytestmark = pytest.mark.xdist_group("crashes")

RATINGS = "userId,movieId,rating,timestamp\n"
LOAD = ("load", "--remove-missing")
COUNTED = "after sql insert into raw._files"

slow = pytest.mark.slow


def one_now(moments: dict[str, tuple[str, ...]], now: str) -> pytest.MarkDecorator:
    """One of the moments each time, the others with the long tests."""
    each = [pytest.param(moment, marks=() if moment == now else slow) for moment in moments]
    return pytest.mark.parametrize("moment", each)


# Where a load is killed, and what counts then.
MOMENTS = {
    "it has taken the lease": ("after sql update raw._lease set fence", "after sql commit"),
    "it has read a file": ("after sql copy",),
    "dlt prepares its package": ("after file rename work/dlt",),
    "a table got its rows": ('after sql INSERT INTO "raw"."ratings"',),
    "its commit is under way": (COUNTED, "before sql commit"),
}
MOMENTS_AFTER_ITS_COMMIT = {
    "its commit": (COUNTED, "after sql commit"),
    "it began to empty its working folder": (COUNTED, "after sql commit", "after file rmdir"),
}
MOMENTS_OF_A_PUBLISH = {
    "it has copied a few marts": ("after sql create table published.mart_genre ",),
    "all is ready": ("before file replace marts.next",),
}


def first_files(zone: Path) -> None:
    rows = "".join(f"{n},{n % 97},{n % 10 / 2 + 0.5},{10**9 + n}\n" for n in range(20_000))
    write(zone, ratings=RATINGS + rows, ratings_2=RATINGS + "1,2,3.0,964982704\n", movies=MOVIES)
    write(zone, tags=TAGS, links=LINKS)


def change_files(zone: Path) -> None:
    rows = "".join(f"{n},{n % 97},{n % 9 / 2 + 1},{10**9 + n}\n" for n in range(500, 20_000))
    write(
        zone,
        ratings=RATINGS + rows + "1,1,99.0,964982705\n",
        ratings_3=RATINGS + "1,2,3.5,964982704\n",
    )
    (zone / "ratings-2.csv").unlink()
    (zone / "links.csv").touch()


@pytest.fixture(scope="module")
def first_load(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    folder = tmp_path_factory.mktemp("crashes")
    first_files(folder / "zone-1")
    after = State(read_zone(folder / "zone-1", folder / "read-1"))
    place = Place(folder / "place")
    return Scenario("first load", place, None, folder / "zone-1", LOAD, EMPTY, after)


@pytest.fixture(scope="module")
def reload(first_load: Scenario) -> Scenario:
    place, zone = first_load.place, first_load.zone.with_name("zone-2")
    shutil.copytree(first_load.zone, zone)
    change_files(zone)
    first_load.seconds()
    after = State(read_zone(zone, zone.with_name("read-2")))
    return Scenario("re-load", place, place.keep("home-1"), zone, LOAD, first_load.after, after)


def check(outcome: Outcome) -> None:
    assert outcome.killed, outcome
    assert outcome.sound, outcome
    assert not outcome.rebuilt, outcome


@one_now(MOMENTS, "its commit is under way")
def test_a_load_is_killed_when(reload: Scenario, moment: str) -> None:
    outcome = reload.try_kill(Kill(steps=MOMENTS[moment]))
    check(outcome)
    assert outcome.found == "before"


@one_now(MOMENTS_AFTER_ITS_COMMIT, "its commit")
def test_a_load_is_killed_after(reload: Scenario, moment: str) -> None:
    """Its machine is lost as well, except for the warehouse."""
    outcome = reload.try_kill(Kill(steps=MOMENTS_AFTER_ITS_COMMIT[moment], lose_home=True))
    check(outcome)
    assert outcome.found == "after"


@pytest.mark.slow
def test_a_first_load_is_killed_at_a_random_time(first_load: Scenario) -> None:
    usual = first_load.seconds()
    outcome = first_load.try_kill(Kill(seconds=random.uniform(0.3, 0.8) * usual))
    check(outcome)


@slow
def test_the_next_load_is_killed_while_it_sweeps_what_the_first_left(reload: Scenario) -> None:
    reload.place.reset(reload.home, reload.zone)
    reload.kill(Outcome(Kill(steps=("before sql insert into raw._files",))))
    left = replace(reload, home=reload.place.keep("home-of-a-crash"))
    with opened(reload.place.home / WAREHOUSE) as connection:
        assert orphans(connection) != []
    check(left.try_kill(Kill(steps=("after sql delete from raw.ratings",))))


def test_a_report_is_whole_or_not_there(reload: Scenario) -> None:
    """A lost warehouse is loaded again from the landing zone the last run names."""
    place = reload.place
    place.reset(reload.home, reload.zone)
    outcome = Outcome(Kill(steps=("after file open reports/",)))
    reload.kill(outcome)
    assert outcome.killed
    (place.home / WAREHOUSE).unlink()
    done = place.cli("load", "--home", place.home)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def published_state(built: Path, tmp_path_factory: pytest.TempPathFactory) -> State:
    return state_of(built / "home", built / "zone", tmp_path_factory.mktemp("read") / "rows")


@one_now(MOMENTS_OF_A_PUBLISH, "all is ready")
def test_a_publish_is_killed_when(
    built: Path, published_state: State, tmp_path: Path, moment: str
) -> None:
    unpublished = shutil.copytree(built / "home", tmp_path / "home", copy_function=shutil.copy2)
    (unpublished / MARTS).unlink()
    shutil.rmtree(unpublished / "versions")
    before = replace(published_state, published={})
    publish = Scenario(
        "publish",
        Place(tmp_path / "place"),
        unpublished,
        built / "zone",
        ("publish",),
        before,
        published_state,
    )
    outcome = publish.try_kill(Kill(steps=MOMENTS_OF_A_PUBLISH[moment]))
    check(outcome)


@slow
def test_a_run_is_killed_while_it_builds(
    built: Path, published_state: State, tmp_path: Path
) -> None:
    """The next one publishes what an undisturbed run did in another home."""
    place = Place(tmp_path / "place", built / "zone")
    run = Scenario("run", place, None, built / "zone", ("run",), EMPTY, published_state)
    outcome = run.try_kill(Kill(steps=('after sql create table "warehouse"."store"."fct_r',)))
    check(outcome)
    assert outcome.found == "after"


@pytest.mark.slow
def test_loads_are_killed_at_many_random_times(reload: Scenario) -> None:
    usual, outcomes = reload.seconds(), []
    # The last ones come when it usually has ended: a busy machine takes longer.
    for number in range(10, 68, samples(4, nightly=1)):
        outcomes.append(reload.try_kill(Kill(seconds=number / 60 * usual)))
        # The machine may have become faster, or slower.
        if not outcomes[-1].killed or number % 10 == 0:
            usual = reload.seconds()
    assert all(outcome.sound for outcome in outcomes)
    assert sum(outcome.killed for outcome in outcomes) >= len(outcomes) / 2
    assert {outcome.found for outcome in outcomes} == {"before", "after"}
