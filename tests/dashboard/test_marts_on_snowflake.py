"""The dashboard on Snowflake: the same pages, one version each, even during an outage."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import marts, marts_snowflake, queries
from dashboard.marts_duckdb import DuckDBEngine
from dashboard.settings import settings as dashboard_settings
from ingestion.build.environments import CANDIDATE
from ingestion.operate.steps import publish
from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse
from local_dev.servers import free_port
from tests.support import marts_fixture
from tests.support.candidates import build_candidate, register_candidate, version_of
from tests.support.pages import PAGES, words
from tests.support.snowflake_account import Account

STATEMENTS = {
    name: statement
    for name, statement in vars(queries).items()
    if name.isupper() and not name.startswith("_")
}
# For each statement with parameters, values that give rows, and values that give none.
FILTER = (1, "%, Drama,%", 1900, 1900, 2030)
NOTHING = (9_999, "%", 1900, 1900, 2030)
FILMS = [(1,), (13,), (999,)]
PUBLISHES = 20
PARAMETERS: dict[str, list[Any]] = {
    "BEST_LOVED": [FILTER, NOTHING],
    "SCATTER": [(40, 40, 20, 20, *FILTER), (40, 40, 20, 20, *NOTHING)],
    "CONTROVERSIAL": [(*FILTER, 20), (*NOTHING, 20)],
    "YEAR_BEST": [FILTER, NOTHING],
    "FILM": FILMS,
    "FILM_NEIGHBOURS": [(3, 7), (999, 1003)],
    "FILM_YEARS": FILMS,
    "FILM_TAGS": FILMS,
    "FILM_GENOME_TAGS": FILMS,
    "FILM_SIMILAR": FILMS,
    "FILM_LIKED_TOGETHER": [*FILMS, (4,)],
    "SEARCH_TAGS": [("%bor%",), ("%!%%",)],
    "TAG_FILMS": [("boring",), ("x' or '1'='1",)],
}


def sent_by_pages(account: Account) -> list[str]:
    tag = marts_snowflake.TAG
    return [each["statement"] for each in account.statements() if each["tag"] == tag]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file whose marts are published on both engines."""
    told_of_the_release = """
        insert into mart_release_check values
            ('ratings', 'readme', 571, 571, 571, 'agrees', 'ratings: 571'),
            ('users', 'readme', 41, null, 40, 'differs', 'users: 41, there are 40');
        insert into mart_refused_file values
            ('ratings-2.csv', 'ratings', 12, timestamp '2026-11-23 01:02:03');
    """
    return marts_fixture.write_marts(tmp_path_factory.mktemp("tiny"), change=told_of_the_release)


@pytest.fixture(scope="module")
def account(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    made = Account(tmp_path_factory.mktemp("account"))
    made.start()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in made.env.items():
            environment.setenv(name, value)
        copy_candidate(tiny, made.warehouse())
        publish_version(made, marts_fixture.VERSION)
    yield made
    made.stop()


def copy_candidate(file: Path, target: Warehouse) -> None:
    with duckdb.connect(str(file), read_only=True) as connection:
        for mart, columns in marts_fixture.contract().items():
            rows = connection.execute(f"select {', '.join(columns)} from {mart}").fetchall()
            texts = [[None if value is None else str(value) for value in row] for row in rows]
            ddl = ", ".join(f"{name} {type_}" for name, type_ in columns.items())
            target.replace_table(CANDIDATE, mart, ddl, texts)


def publish_version(account: Account, version: str, keep: int = 3) -> None:
    target = account.warehouse()
    target.execute(f"update {CANDIDATE}.mart_dataset_status set data_version = '{version}'")
    home = account.folder / "home"
    settings = Settings(home=home, target="prod", keep_versions=keep, _env_file=None)
    register_candidate(settings, version)
    publish(settings)


@pytest.fixture
def use_account(
    account: Account, fresh_caches: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., None]]:
    """Switches the dashboard of this process to Snowflake: by settings, and nothing else."""

    def use(**more: str) -> None:
        for name, value in {**account.env, "MOVIELENS_TARGET": "prod", **more}.items():
            monkeypatch.setenv(name, value)
        dashboard_settings.cache_clear()
        marts._engine.cache_clear()

    use()
    yield use
    dashboard_settings.cache_clear()
    marts._engine.cache_clear()


def open_app(page: str = "overview") -> AppTest:
    app = AppTest.from_file(str(marts_fixture.PROJECT / "dashboard" / "app.py"), default_timeout=60)
    if page != "overview":
        app.switch_page(f"app_pages/{page}.py")
    return app.run()


def test_every_statement_gives_the_same_from_both_engines(
    use_account: Callable[..., None], tiny: Path
) -> None:
    marts.pin()
    in_file = DuckDBEngine(tiny).pin().store
    for name, statement in STATEMENTS.items():
        found = 0
        for parameters in PARAMETERS.get(name, [()]):
            expected = in_file.fetch(statement, parameters)
            given = marts.rows(statement, *parameters)
            found += len(given)
            pd.testing.assert_frame_equal(given, expected, rtol=1e-12, obj=name)
        assert found, f"{name}: no parameters that give rows"


def test_every_page_is_the_same_on_both_engines(
    use_account: Callable[..., None], open_page: Callable[..., AppTest], tiny: Path
) -> None:
    on_snowflake = {page: shown(open_app(page)) for page in PAGES}
    on_duckdb = {page: shown(open_page(tiny.parent, page)) for page in PAGES}
    assert on_snowflake == on_duckdb
    assert "571 ratings of 20 films by 40 people." in on_snowflake["overview"][0]
    told = {page: errors for page, (*_, errors) in on_snowflake.items() if errors}
    assert list(told) == ["data"]
    (failed_check,) = told["data"]
    assert failed_check.startswith("Check failed: People who rated differ from the README")


def shown(app: AppTest) -> tuple[str, list[str], list[str], list[str], list[str]]:
    assert not app.exception
    metrics = [f"{metric.label}: {metric.value}" for metric in app.metric]
    alts = [chart.proto.alt for chart in app.get("vega_lite_chart")]
    tables = [str(table.value.to_dict()) for table in app.dataframe]
    return words(app), metrics, alts, tables, [error.value for error in app.error]


def test_statements_are_tagged_bound_and_of_one_version(
    account: Account, use_account: Callable[..., None]
) -> None:
    marts.pin()
    marts.rows(queries.TAG_FILMS, "a tag of a visitor")
    sent = sent_by_pages(account)
    first = "with mart_movie as (select * from marts.mart_movie_by_version where _version = ?), "
    assert any(statement.startswith(first) for statement in sent)
    assert not any("a tag of a visitor" in statement for statement in sent)
    assert not any(marts_fixture.VERSION in statement for statement in sent)


@pytest.mark.slow
def test_publishes_under_a_reader_never_mix_versions(
    account: Account, use_account: Callable[..., None]
) -> None:
    database = "READ_DURING"
    use_account(SNOWFLAKE_DATABASE=database, MOVIELENS_VERSION_SECONDS="0")
    settings = Settings(
        home=account.folder / database, target="prod", keep_versions=2, _env_file=None
    )
    build_candidate(settings, 1)
    publish(settings)
    seen: list[set[int]] = []
    failures: list[Exception] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                marts.pin()
                numbers = set()
                for mart in ("mart_dataset_status", "mart_genre", "mart_tag"):
                    numbers |= set(marts.rows(f"select number from {mart}")["number"])
                    time.sleep(0.2)
                seen.append({int(number) for number in numbers})
            except marts.VersionGone:
                continue
            except Exception as error:
                failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(2, PUBLISHES + 2):
        build_candidate(settings, number)
        assert publish(settings).version == version_of(number)
    done.set()
    reader.join()
    assert failures == []
    assert all(len(numbers) == 1 for numbers in seen)
    assert len({number for numbers in seen for number in numbers}) > PUBLISHES // 3


def test_nothing_is_published_yet(use_account: Callable[..., None]) -> None:
    use_account(SNOWFLAKE_DATABASE="EMPTY")
    app = open_app()
    assert not app.exception
    assert "Nothing is published yet" in app.info[0].value


def test_a_key_that_is_none_gives_a_plain_message(
    use_account: Callable[..., None], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("canary-4711")
    use_account(SNOWFLAKE_PRIVATE_KEY_PATH=str(tmp_path / "key"))
    app = open_app()
    assert not app.exception
    assert_gives_nothing_away(app)
    assert "The published data cannot be read" in app.error[0].value
    assert "The private key is not an RSA key" in caplog.text
    assert "canary-4711" not in caplog.text


@pytest.mark.slow
def test_the_answer_that_there_is_none_comes_within_ten_seconds(
    use_account: Callable[..., None],
) -> None:
    use_account(SNOWFLAKE_PORT=str(free_port()))
    began = time.monotonic()
    with pytest.raises(marts.MartsUnreadable):
        marts.pin()
    assert time.monotonic() - began < 10
    assert "The published data cannot be read" in open_app().error[0].value


# The last two leave another version published, and sessions lost.
@pytest.mark.slow
def test_a_page_keeps_its_version_and_the_next_one_has_the_new(
    account: Account, use_account: Callable[..., None]
) -> None:
    use_account(MOVIELENS_VERSION_SECONDS="0")
    marts.pin()
    with_13 = len(marts.rows(queries.GENRES))
    target = account.warehouse()
    target.execute(
        f"create or replace table {CANDIDATE}.all_genres as select * from {CANDIDATE}.mart_genre"
    )
    target.execute(f"delete from {CANDIDATE}.mart_genre where genre <> 'War'")
    publish_version(account, "20270101T000000Z-00000000")
    marts._kept.clear()
    assert len(marts.rows(queries.GENRES)) == with_13 == 13
    assert marts.rows(queries.STATUS)["data_version"].tolist() == [marts_fixture.VERSION]
    marts.pin()
    assert len(marts.rows(queries.GENRES)) == 1
    assert marts.rows(queries.STATUS)["data_version"].tolist() == ["20270101T000000Z-00000000"]
    # A version that is removed while it is pinned is never shown as empty: the page starts anew.
    use_account(MOVIELENS_VERSION_SECONDS="600")
    app = open_app()
    target.execute(
        f"delete from {CANDIDATE}.mart_genre",
        f"insert into {CANDIDATE}.mart_genre select * from {CANDIDATE}.all_genres",
        f"drop table {CANDIDATE}.all_genres",
    )
    publish_version(account, "20270102T000000Z-00000000", keep=1)
    marts._kept.clear()
    app.run()
    assert not app.exception
    assert not [error.value for error in app.error]
    assert any("version 20270102T000000Z" in text.value for text in app.markdown)


def assert_gives_nothing_away(app: AppTest) -> None:
    said = "\n".join(element.value for element in (*app.warning, *app.error))
    assert said
    told = ("127.0.0.1", "standin", "MOVIELENS", "select", "Traceback", "250001", "Error", "/")
    assert not [word for word in told if word in said]


# The connector's own timer cannot cancel a statement on a server that is gone.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_unreachable_then_reachable_without_a_restart(
    account: Account, use_account: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marts_snowflake, "ANSWER_SECONDS", 1)
    monkeypatch.setattr(marts_snowflake, "LOGIN_SECONDS", 1)
    monkeypatch.setattr(marts_snowflake, "RETRY_SECONDS", 2)
    use_account(MOVIELENS_VERSION_SECONDS="0")
    app = open_app()
    before = words(app)
    account.stop()
    try:
        began = time.monotonic()
        app.run()
        assert time.monotonic() - began < 5
        assert "so this may be stale: you see the last good version" in app.warning[0].value
        warned = app.warning[0].value.splitlines()
        shown = [line for line in words(app).splitlines() if line not in warned]
        assert shown == before.splitlines()
        assert_gives_nothing_away(app)
        # What was not read before cannot be shown; the rest of the page is.
        app.number_input(key="min").set_value(3).run()
        assert not app.exception
        assert "This part cannot be shown right now" in words(app)
        # A process that has just started has nothing to show.
        marts._engine.cache_clear()
        marts._kept.clear()
        began = time.monotonic()
        fresh = open_app()
        assert time.monotonic() - began < 5
        assert "The published data cannot be read" in fresh.error[0].value
        assert_gives_nothing_away(fresh)
    finally:
        account.start()
    time.sleep(2.1)
    again = open_app()
    assert words(again) == before
    assert not again.warning
