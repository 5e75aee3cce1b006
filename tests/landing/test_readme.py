"""What the README of a release states, for any edition."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion import load
from ingestion.landing.listing import list_landing_zone
from ingestion.landing.readme import Readme, parse
from ingestion.raw.readme import recall
from ingestion.settings import Settings
from ingestion.warehouse.base import DuckDBWarehouse
from tests.support.cli import REAL
from tests.support.landing_zone import write_six

LATEST = """Summary
=======

This dataset ({edition}) describes 5-star rating and free-text tagging activity from
[MovieLens](http://movielens.org). It contains {ratings} ratings and {tags} tag applications
across {movies} movies. These data were created by {users} users between March 29, 1996 and
September 24, 2018. All selected users had rated at least 20 movies.
"""
TEN_MILLION = (
    "<p>This data set contains 10000054 ratings and 95580 tags\napplied to 10681 movies by 71567 "
    "users of the\nonline movie recommender service MovieLens.</p>"
)
ONE_MILLION = """SUMMARY
================================================================================

These files contain 1,000,209 anonymous ratings of approximately 3,900 movies
made by 6,040 MovieLens users who joined MovieLens in 2000.
"""
HUNDRED_THOUSAND = """This data set consists of:
\t* 100,000 ratings (1-5) from 943 users on 1682 movies.
\t* Each user has rated at least 20 movies.
"""
SIX_ROWS = {"edition": "ml-tiny", "ratings": 3, "users": 2, "movies": 2, "tags": 2}


def stated(**counts: object) -> str:
    return LATEST.format(**{**SIX_ROWS, **counts})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (stated(), Readme("README.txt", "ml-tiny", 3, 2, 2, 2)),
        (
            stated(edition="ml-25m", ratings="25,000,095", users="162,541"),
            Readme("README.txt", "ml-25m", 25_000_095, 162_541, 2, 2),
        ),
        (TEN_MILLION, Readme("README.txt", None, 10_000_054, 71_567, 10_681, 95_580)),
        (ONE_MILLION, Readme("README.txt", None, 1_000_209, 6_040)),
        (HUNDRED_THOUSAND, Readme("README.txt", None, 100_000, 943, 1_682)),
        ("These files hold 100 ratings of 9 movies by 3 users.", None),
        ("", None),
    ],
)
def test_counts_are_read_from_the_text(text: str, expected: Readme | None) -> None:
    assert parse("README.txt", text) == expected


def test_the_newest_readme_beside_files_names_the_edition(tmp_path: Path) -> None:
    zone = tmp_path / "anything"
    write_six(zone / "2018")
    assert list_landing_zone(str(zone)).readme is None
    (zone / "2018" / "README.txt").write_text(stated())
    (zone / "elsewhere").mkdir()
    (zone / "elsewhere" / "README.txt").write_text(stated(edition="ml-other"))
    listed = list_landing_zone(str(zone))
    assert (listed.edition, listed.readme) == (
        "ml-tiny",
        Readme("2018/README.txt", "ml-tiny", 3, 2, 2, 2),
    )
    assert listed.ignored == ["elsewhere/README.txt"]
    (zone / "2018" / "README.txt").write_text("Mine.")
    listed = list_landing_zone(str(zone))
    assert (listed.edition, listed.readme) == ("anything", None)
    assert "2018/README.txt" in listed.ignored


def test_a_readme_that_changes_alone_is_kept_without_a_load(settings: Settings) -> None:
    zone = Path(settings.source or "")
    target = DuckDBWarehouse(settings.warehouse_file)
    write_six(zone)
    (zone / "README.txt").write_text(stated())
    assert load(settings=settings).changed
    assert recall(target) == Readme("README.txt", "ml-tiny", 3, 2, 2, 2)
    (zone / "README.txt").write_text(stated(ratings=4))
    assert not load(settings=settings).changed
    assert recall(target) == Readme("README.txt", "ml-tiny", 4, 2, 2, 2)
    (zone / "README.txt").unlink()
    assert not load(settings=settings).changed
    assert recall(target) is None


def test_the_real_readme() -> None:
    file = REAL / "README.txt"
    if not file.exists():
        pytest.skip("MOVIELENS_TEST_DATA names no release with a README")
    assert parse("README.txt", file.read_text()) == Readme(
        "README.txt", "ml-latest-small", 100_836, 610, 9_742, 3_683
    )
