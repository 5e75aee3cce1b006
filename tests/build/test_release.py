"""An implausible release is not published, unless it is accepted, for one run."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from ingestion.build.release import Counts, Finding, Landing, check, compare_with_readme
from ingestion.landing.readme import Readme
from ingestion.settings import Settings
from tests.support.cli import Cli

pytestmark = pytest.mark.xdist_group("environments")

PUBLISHED = Counts(ratings=1_000, users=100, movies=200, tags=50)
README = """This dataset (ml-tiny) describes ratings. It contains {ratings} ratings and {tags} tag
applications across {movies} movies. These data were created by {users} users."""


def found(
    now: Counts, published: Counts | None = PUBLISHED, same: bool = True, **limits: float
) -> list[tuple[str, str]]:
    settings = Settings(_env_file=None, **limits)
    findings = check(settings, now, published, is_same_zone=same, accept=False)
    return [(finding.name, finding.outcome) for finding in findings]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"ratings": 0}, "no ratings"),
        ({"movies": 0}, "no films"),
        ({"ratings": 899}, "ratings shrank"),
        ({"users": 89}, "users shrank"),
        ({"movies": 179}, "movies shrank"),
        ({"tags": 44}, "tags shrank"),
        ({"orphan_ratings": 51}, "ratings of unknown films"),
        ({"orphan_tags": 3}, "tags of unknown films"),
    ],
)
def test_what_cannot_be_right_is_refused(change: dict[str, int], name: str) -> None:
    assert (name, "refused") in found(replace(PUBLISHED, **change))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"ratings": 900, "users": 90, "movies": 180, "tags": 45},
        {"orphan_ratings": 50, "orphan_tags": 2},
        {"ratings": 5_000, "users": 500, "movies": 900, "tags": 0, "orphan_tags": 0},
    ],
)
def test_what_is_within_the_limits_is_not(change: dict[str, int]) -> None:
    published = replace(PUBLISHED, tags=0) if change.get("tags") == 0 else PUBLISHED
    assert found(replace(PUBLISHED, **change), published) == []


def test_limits_are_settings() -> None:
    halved = replace(PUBLISHED, ratings=500)
    assert found(halved, shrink_limit=0.5) == []
    assert found(halved, shrink_limit=0.49) == [("ratings shrank", "refused")]
    orphans = replace(PUBLISHED, orphan_tags=25)
    assert found(orphans, orphan_limit=0.5) == []


def test_another_landing_zone_may_be_smaller_but_not_wrong() -> None:
    smaller = Counts(ratings=10, users=2, movies=5, tags=0, orphan_ratings=9)
    assert found(smaller, same=False) == [
        ("ratings of unknown films", "refused"),
        *((f"{what} shrank", "reported") for what in ("ratings", "users", "movies", "tags")),
    ]
    assert found(replace(smaller, orphan_ratings=0), published=None) == []


def test_accepting_keeps_what_was_found() -> None:
    findings = check(
        Settings(_env_file=None),
        replace(PUBLISHED, ratings=0, users=0),
        PUBLISHED,
        is_same_zone=True,
        accept=True,
    )
    assert {finding.outcome for finding in findings} == {"accepted"}
    assert [finding.name for finding in findings] == [
        "no ratings",
        "ratings shrank",
        "users shrank",
    ]
    assert findings[1] == Finding(
        "ratings shrank",
        "ratings: 0, 100.0% fewer than the 1,000 that are published; the limit is 10.0%",
        "accepted",
        "MOVIELENS_SHRINK_LIMIT",
    )


def test_counts_of_the_readme_are_compared_with_rows_and_figures() -> None:
    readme = Readme("README.txt", None, ratings=1_000, users=100, movies=200, tags=50)
    landing = Landing("file:///zone", {"ratings": 1_001, "movies": 200, "tags": 50}, readme)
    agrees = {count.what: count.agrees for count in compare_with_readme(landing, PUBLISHED)}
    assert agrees == {"ratings": False, "users": True, "movies": True, "tags": True}
    older = replace(landing, readme=Readme("README", None, ratings=1_000, users=100))
    assert [count.what for count in compare_with_readme(older, PUBLISHED)] == ["ratings", "users"]
    fewer = compare_with_readme(landing, replace(PUBLISHED, users=99))
    assert str(fewer[1]) == "users: the README states 100, there are 99"


# ---- the real command ------------------------------------------------------------------------


class Zone:
    """A landing zone that was published, and its home."""

    def __init__(self, home: Path, folder: Path, cli: Cli) -> None:
        self.home, self.folder = home, folder
        self.cli = cli
        self.marts = self.home / "marts.duckdb"

    def run(
        self, *options: str, exit_code: int = 0, source: Path | None = None
    ) -> dict[str, object]:
        where = ("--source", source or self.folder, "--home", self.home)
        return dict(self.cli.json("run", *where, *options, exit_code=exit_code))

    def status(self) -> dict[str, object]:
        return dict(self.cli.json("status", "--home", self.home))

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.marts), read_only=True) as marts:
            return marts.execute(sql).fetchall()

    def keep(self, name: str, rows: int) -> None:
        lines = (self.folder / name).read_text().splitlines()
        (self.folder / name).write_text("\n".join(lines[: rows + 1]) + "\n")


@pytest.fixture
def zone(home_and_zone: tuple[Path, Path], cli: Cli) -> Zone:
    """A landing zone to change, and its home."""
    return Zone(*home_and_zone, cli)


STATUS = """data_version, built_at, n_ratings, n_users, n_movies, n_rated_movies,
    n_tag_applications, sum_rating, tests_passed, tests_warned"""
BEST = "movie_id, title, release_year, n_ratings, weighted_score, rank_weighted"


def seen_by_readers(zone: Zone) -> list[list[tuple[object, ...]]]:
    best = f"select {BEST} from mart_movie where rank_weighted <= 100 order by rank_weighted"
    return [zone.query(f"select {STATUS} from mart_dataset_status"), zone.query(best)]


def compared_with(zone: Zone) -> list[list[tuple[object, ...]]]:
    best = f"select {BEST} from mart_previous_top_film order by rank_weighted"
    return [zone.query(f"select {STATUS} from mart_previous_version"), zone.query(best)]


@pytest.mark.slow
def test_half_a_release_is_held_back_until_it_is_accepted(zone: Zone) -> None:
    before, seen, compared = zone.marts.read_bytes(), seen_by_readers(zone), compared_with(zone)
    assert len(seen[1]) == 100
    zone.keep("ratings.csv", 500)
    error = zone.run(exit_code=3)["error"]
    assert re.search(
        r"ratings: 49\d, \d\d\.\d% fewer than the 994 that are published", error["message"]
    )
    assert "MOVIELENS_SHRINK_LIMIT" in error["message"]
    assert "movielens run " in error["remedy"]
    assert error["remedy"].endswith(" --accept-release")
    assert {finding["outcome"] for finding in error["release"]} == {"refused"}
    assert zone.marts.read_bytes() == before
    assert "already" in zone.cli("publish", "--home", zone.home).stdout
    assert zone.marts.read_bytes() == before
    status = zone.status()
    assert status["last_run"]["exit_code"] == 3
    assert status["candidate"] == status["published"]
    answer = zone.run("--accept-release")
    assert answer["publish"]["published"] is True
    accepted = zone.query("select outcome, description from mart_release_check order by 2")
    assert {outcome for outcome, _ in accepted} == {"accepted"}
    assert "fewer than the 994 that are published" in str(accepted[0][1])
    runs = zone.status()["runs"]
    assert any("fewer than the 994" in message for message in runs[0]["accepted"])
    # What changed is told to the last digit, and a rollback takes it back with the rest.
    assert compared_with(zone) == seen
    assert seen_by_readers(zone) != seen
    zone.cli.json("rollback", "--home", zone.home)
    assert (seen_by_readers(zone), compared_with(zone)) == (seen, compared)


@pytest.mark.slow
def test_no_ratings_swapped_columns_and_foreign_films_are_held_back(zone: Zone) -> None:
    ratings = zone.folder / "ratings.csv"
    as_it_was = ratings.read_text()
    header, *lines = as_it_was.splitlines()

    ratings.write_text(f"{header}\n")
    before = zone.marts.read_bytes()
    error = zone.run(exit_code=3)["error"]
    assert "there are no current ratings" in error["message"]
    assert zone.marts.read_bytes() == before

    moved = [",".join((u, str(10**6 + int(m)), *rest)) for u, m, *rest in map(_split, lines)]
    ratings.write_text("\n".join([header, *moved[:60], *lines[60:]]) + "\n")
    error = zone.run(exit_code=3)["error"]
    assert re.search(r"60 of 99\d \(6\.0%\) refer to films that no movies", error["message"])

    ratings.write_text(as_it_was)
    again = zone.run()
    assert again["exit_code"] == 0
    assert zone.query("select n_ratings from mart_dataset_status") == [(994,)]

    zone.keep("ratings.csv", 500)
    zone.run("--accept-release")
    zone.keep("ratings.csv", 200)  # it was accepted for one run only
    zone.run(exit_code=3)


def _split(line: str) -> list[str]:
    return line.split(",")


@pytest.mark.slow
def test_a_smaller_landing_zone_is_reported_after_a_switch(zone: Zone, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(zone.folder, other)
    lines = (other / "ratings.csv").read_text().splitlines()
    (other / "ratings.csv").write_text("\n".join(lines[:300]) + "\n")
    answer = zone.run("--switch-source", source=other)
    outcomes = {(f["name"], f["outcome"]) for f in answer["build"]["release"]}
    assert ("ratings shrank", "reported") in outcomes
    assert ("reported",) in zone.query("select distinct outcome from mart_release_check")

    # The version before is of another landing zone.
    error = zone.cli.json("rollback", "--home", zone.home, exit_code=2)["error"]
    assert zone.folder.as_uri() in error["message"]
    assert other.as_uri() in error["message"]
    assert "movielens rollback" in error["remedy"]
    assert error["remedy"].endswith("--switch-source")
    zone.cli.json("rollback", "--home", zone.home, "--switch-source")
    status = zone.status()
    assert status["published_source"] == zone.folder.as_uri()
    assert [v["source"] for v in status["held_back"]] == [other.as_uri()]


@pytest.mark.slow
def test_the_readme_is_compared_in_run_status_doctor_and_marts(zone: Zone) -> None:
    counts = {"ratings": 1_000, "users": 7, "movies": 612, "tags": 0}
    (zone.folder / "README.txt").write_text(README.format(**counts))
    answer = zone.run()
    stated = {count["what"]: count for count in answer["build"]["readme"]}
    assert stated["movies"]["agrees"] is True
    assert (stated["users"]["stated"], stated["users"]["agrees"]) == (7, False)
    told = zone.cli("run", "--home", zone.home)
    assert "differs from the README: users: the README states 7" in told.stdout
    assert "differs from the README: users" in zone.cli("status", "--home", zone.home).stdout
    doctor = zone.cli.json("doctor", "--home", zone.home)
    assert "differs-from-readme" in {finding["code"] for finding in doctor["findings"]}
    assert zone.query("select outcome from mart_release_check where check_name = 'users'") == [
        ("differs",)
    ]
