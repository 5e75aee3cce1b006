"""The product, from CSV files to the pages: every figure against an independent computation."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.settings import settings as dashboard_settings
from ingestion.plan.diff import diff_environment
from ingestion.settings import Settings
from ingestion.warehouse.base import DuckDBWarehouse
from local_dev.generate import generate
from tests.support import screenshots
from tests.support.candidates import table_of
from tests.support.cli import REAL, Cli
from tests.support.independent import Figures, figures
from tests.support.independent import rows as independent_rows
from tests.support.plain_diff import compared

pytestmark = pytest.mark.xdist_group("end-to-end")

PROJECT = Path(__file__).resolve().parent.parent
HISTOGRAM = ", ".join(f"h{half * 5:02d}" for half in range(1, 11))
CLOSE = 1e-9


class Published:
    """A landing zone taken through the whole product, and the expected results."""

    def __init__(self, home: Path, source: Path) -> None:
        self.home = home
        self.source = source
        self.expected: Figures = figures(source)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with duckdb.connect() as connection:
            connection.execute(f"attach '{self.home / 'marts.duckdb'}' as published (read_only)")
            connection.execute("use published")
            cursor = connection.execute(sql)
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self.rows(sql)]

    def status(self) -> dict[str, Any]:
        return self.rows("from mart_dataset_status")[0]


@pytest.fixture(scope="module", params=["real", "generated"])
def published(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Published]:
    folder = tmp_path_factory.mktemp(request.param)
    source = REAL
    if request.param == "generated":
        source = folder / "landing"
        generate(source, ratings=20_000, seed=7)
    elif not REAL.exists():
        pytest.skip(
            "the real ml-latest-small is not there: unpack it and name its folder in "
            "MOVIELENS_TEST_DATA (movielens data download ml-latest-small fetches it)"
        )
    # So short a lease is renewed all the time, also while dlt and dbt have the warehouse open.
    env = {"MOVIELENS_LEASE_SECONDS": "1"}
    report = Cli(folder).json("run", "--source", source, "--home", folder / "home", env=env)
    assert report["publish"]["published"] is True
    yield Published(folder / "home", source)


def test_the_real_release_has_the_figures_of_its_readme(published: Published) -> None:
    if published.source != REAL:
        assert published.status()["is_generated"] is True
        return
    status = published.status()
    shown = {
        name: status[name]
        for name in ("n_ratings", "n_users", "n_movies", "n_tag_applications", "is_generated")
    }
    # README.txt of ml-latest-small: "100836 ratings and 3683 tag applications across 9742 movies
    # … by 610 users".
    assert shown == {
        "n_ratings": 100_836,
        "n_users": 610,
        "n_movies": 9_742,
        "n_tag_applications": 3_683,
        "is_generated": False,
    }


def test_totals(published: Published) -> None:
    status, expected = published.status(), published.expected
    for name in (
        "n_movies",
        "n_ratings",
        "n_users",
        "n_rated_movies",
        "n_tag_applications",
        "n_tag_users",
        "prior_weight",
    ):
        assert status[name] == getattr(expected, name), name
    assert status["sum_rating"] == pytest.approx(expected.sum_rating, abs=CLOSE)
    assert status["prior_mean"] == pytest.approx(expected.prior_mean, abs=CLOSE)


def test_months(published: Published) -> None:
    found = published.query("select month, n_ratings, sum_rating from mart_rating_month")
    rated = {f"{month:%Y-%m}": (n, total) for month, n, total in found if n}
    assert rated == published.expected.months
    first, last = min(found)[0], max(found)[0]
    assert len(found) == (last.year - first.year) * 12 + last.month - first.month + 1


def test_stars_per_year(published: Published) -> None:
    found = published.query("select rating_year, rating, n_ratings from mart_rating_value_year")
    assert {(year, star): n for year, star, n in found if n} == published.expected.stars


def test_genres(published: Published) -> None:
    found = published.query("select genre, n_movies, n_ratings, sum_rating from mart_genre")
    assert {genre: tuple(rest) for genre, *rest in found} == published.expected.genres


def test_every_film(published: Published) -> None:
    found = published.query(f"select movie_id, weighted_score, {HISTOGRAM} from mart_movie")
    rated = {movie: rest for movie, *rest in found if rest[0] is not None}
    assert rated.keys() == published.expected.weighted_scores.keys()
    for movie, (score, *histogram) in rated.items():
        assert score == pytest.approx(published.expected.weighted_scores[movie], abs=CLOSE)
        assert histogram == published.expected.histograms[movie]


def test_ranking(published: Published) -> None:
    found = published.query(
        "select movie_id from mart_movie where rank_weighted <= 100 order by rank_weighted"
    )
    assert [movie for (movie,) in found] == published.expected.best[:100]


def test_hours_of_the_week(published: Published) -> None:
    rows = published.query("select weekday, hour, n_ratings from mart_weekday_hour")
    assert len(rows) == 168
    assert {(day, hour): n for day, hour, n in rows if n} == published.expected.hours


def test_pairs_of_genres(published: Published) -> None:
    rows = published.query("select genre_a, genre_b, n_movies from mart_genre_pair")
    assert {(a, b): n for a, b, n in rows} == published.expected.pairs


def test_people_by_activity(published: Published) -> None:
    counts = published.expected.ratings_per_user.values()
    rows = published.query("select lo, hi, n_users, n_ratings from mart_user_activity order by lo")
    for lo, hi, n_users, n_ratings in rows:
        within = [n for n in counts if lo <= n and (hi is None or n <= hi)]
        assert (len(within), sum(within)) == (n_users, n_ratings)
    assert sum(row[2] for row in rows) == len(counts)


def test_people_by_first_year(published: Published) -> None:
    people = published.expected.years_of_users.values()
    rows = published.query(
        "select cohort_year, last_cohort_year, years_since, last_years_since, n_users_active,"
        " n_ratings from mart_user_cohort"
    )
    for first, last, since, until, n_users, n_ratings in rows:
        cohort = [years for years in people if first <= min(years) <= last]
        active = [
            sum(
                n
                for year, n in years.items()
                if since <= year - min(years) and (until is None or year - min(years) <= until)
            )
            for years in cohort
        ]
        assert (sum(n > 0 for n in active), sum(active)) == (n_users, n_ratings)
    assert sum(row[4] for row in rows if row[2] == 0) == len(people)


def test_people_of_months(published: Published) -> None:
    for month, n_users in published.query(
        "select strftime(month, '%Y-%m'), n_users from mart_rating_month"
    ):
        people = len(published.expected.users_per_month.get(month, ()))
        assert n_users == (None if 0 < people < 5 else people)


def test_no_count_of_people_is_below_five(published: Published) -> None:
    """Over all columns that count people, whatever mart they are in."""
    columns = published.query(
        "select table_name, column_name from information_schema.columns where table_schema ="
        " 'main' and regexp_matches(column_name, '^n_(users|people|raters|.*_users)')"
        # Who gave one tag is told with the tag's text, not with a person's ratings.
        " and table_name not in ('mart_tag', 'mart_movie_tag')"
    )
    assert len(columns) >= 4
    for table, column in columns:
        small = f"select count(*) from {table} where {column} between 1 and 4"
        assert published.query(small) == [(0,)], f"{table}.{column}"


def test_source_files(published: Published) -> None:
    rows = published.query("select dataset, rows_loaded from mart_source_file")
    assert dict(rows)["ratings"] == sum(
        1 for _ in independent_rows(published.source, "ratings.csv")
    )


def test_published_file_holds_marts_and_nothing_else(published: Published) -> None:
    found = published.query(
        "select distinct table_catalog, table_schema from information_schema.tables"
    )
    assert found == [("published", "main")]
    users = published.query(
        "select table_name, column_name from information_schema.columns "
        "where column_name like '%user_id%'"
    )
    assert users == []


def test_pages_show_the_figures(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOVIELENS_HOME", str(published.home))
    dashboard_settings.cache_clear()  # One process shows one home; this one shows two.
    app = AppTest.from_file(str(PROJECT / "dashboard" / "app.py"), default_timeout=30).run()
    assert not app.exception
    shown = {metric.value.replace(",", "") for metric in app.metric}
    assert {str(published.expected.n_ratings), str(published.expected.n_users)} <= shown


DIFF_SECONDS = 3


def test_a_diff_of_every_mart_against_plain_python(
    published: Published, cli: Cli, tmp_path: Path
) -> None:
    """In every mart but the reports some rows are gone, and some numbers are others."""
    home = shutil.copytree(published.home, tmp_path / "home")
    marts = {mart["mart"]: mart for mart in cli.json("diff", "--home", home)["marts"]}
    target = DuckDBWarehouse(home / "warehouse.duckdb")
    with duckdb.connect(home / "warehouse.duckdb") as connection:
        for name, mart in marts.items():
            edit(connection, table_of(target, name), mart["key"])
        after = {name: all_rows(connection, f"marts_candidate.{name}") for name in marts}
        connection.execute(f"attach '{home / 'marts.duckdb'}' as published (read_only)")
        before = {name: all_rows(connection, f"published.{name}") for name in marts}

    started = time.process_time()  # of the processor, as other tests run beside this one
    found = diff_environment(Settings(home=home, _env_file=None)).marts
    assert time.process_time() - started < DIFF_SECONDS

    assert {mart.mart for mart in found} == marts.keys()
    for mart in found:
        old, new = before[mart.mart], after[mart.mart]
        columns = {column.column: column.rows for column in mart.columns}
        expected = compared(old, new, mart.key)
        assert (mart.added, mart.removed, mart.changed, columns) == expected[:4], mart.mart
        assert mart.removed + mart.changed > 0 or len(old) < 2, mart.mart


def edit(connection: duckdb.DuckDBPyConnection, mart: str, key: list[str]) -> None:
    """Takes away some rows, and changes numbers in some of the others."""
    order = ", ".join(key)
    types = connection.execute(f"describe {mart}").fetchall()
    numbers = [
        name for name, type_, *_ in types if name not in key and type_ in ("BIGINT", "DOUBLE")
    ]
    numbered = f"(select *, row_number() over (order by {order}) as nth from {mart})"
    values = ", ".join(
        f"case when nth % {at + 3} = 0 then {name} + 1 else {name} end as {name}"
        for at, name in enumerate(numbers)
    )
    replaced = f" replace ({values})" if values else ""
    connection.execute(
        f"create or replace table {mart} as "
        f"select * exclude (nth){replaced} from {numbered} where nth % 11 <> 2"
    )


def all_rows(connection: duckdb.DuckDBPyConnection, mart: str) -> list[dict[str, Any]]:
    cursor = connection.execute(f"from {mart}")
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.mark.skipif(shutil.which("chromium") is None, reason=screenshots.NO_CHROMIUM)
def test_a_browser_shows_the_figures(published: Published) -> None:
    with screenshots.served(published.home) as address, screenshots.browser() as browser:
        page = browser.new_page()
        page.goto(address)
        screenshots.wait_until_drawn(page)
        shown = page.locator("[data-testid=stMetricValue]").all_inner_texts()
        generated = page.get_by_text("generated", exact=False).count() > 0
    expected = published.expected
    assert shown == [
        f"{expected.n_ratings:,}",
        f"{expected.n_users:,}",
        f"{expected.prior_mean:.2f}",
        f"{expected.n_rated_movies:,}",
        f"{expected.n_tag_applications:,}",
    ]
    assert generated is (published.source != REAL)


def test_a_run_with_nothing_new_changes_nothing(published: Published, cli: Cli) -> None:
    files = [published.home / name for name in ("marts.duckdb", "warehouse.duckdb")]
    before = [(file.stat().st_mtime_ns, file.read_bytes()) for file in files]
    done = cli("run", "--source", published.source, "--home", published.home)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Nothing to do: ")
    assert [(file.stat().st_mtime_ns, file.read_bytes()) for file in files] == before
