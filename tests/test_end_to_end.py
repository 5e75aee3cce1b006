"""The product, from CSV files to the pages.

`tests/models/test_marts_against_reference.py` shows that every figure of these releases is right.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.settings import settings as dashboard_settings
from ingestion.plan.diff import diff_environment
from ingestion.settings import Settings
from ingestion.warehouse.base import DuckDBWarehouse
from tests.support import screenshots
from tests.support.candidates import table_of
from tests.support.cli import REAL, Cli
from tests.support.plain_diff import compared
from tests.support.published import Published, published_generated, published_real

pytestmark = pytest.mark.xdist_group("end-to-end")

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module", params=[pytest.param("real", marks=pytest.mark.slow), "generated"])
def published(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Published:
    """A copy of its own, as a command that finds nothing to do is started on it."""
    make = published_real if request.param == "real" else published_generated
    made = make(tmp_path_factory)
    home = tmp_path_factory.mktemp(request.param) / "home"
    shutil.copytree(made.home, home, copy_function=shutil.copy2)
    return Published(home, made.source)


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
    assert {str(published.status()[name]) for name in ("n_ratings", "n_users")} <= shown


DIFF_SECONDS = 3


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason=screenshots.NO_CHROMIUM)
def test_a_browser_shows_the_figures(published: Published) -> None:
    with screenshots.served(published.home) as address, screenshots.browser() as browser:
        page = browser.new_page()
        page.goto(address)
        screenshots.wait_until_drawn(page)
        shown = page.locator("[data-testid=stMetricValue]").all_inner_texts()
        generated = page.get_by_text("generated", exact=False).count() > 0
    status = published.status()
    assert shown == [
        f"{status['n_ratings']:,}",
        f"{status['n_users']:,}",
        f"{status['prior_mean']:.2f}",
        f"{status['n_rated_movies']:,}",
        f"{status['n_tag_applications']:,}",
    ]
    assert generated is (published.source != REAL)


def test_a_run_with_nothing_new_changes_nothing(published: Published, cli: Cli) -> None:
    files = [published.home / name for name in ("marts.duckdb", "warehouse.duckdb")]
    before = [(file.stat().st_mtime_ns, file.read_bytes()) for file in files]
    done = cli("run", "--source", published.source, "--home", published.home)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Nothing to do: ")
    assert [(file.stat().st_mtime_ns, file.read_bytes()) for file in files] == before
