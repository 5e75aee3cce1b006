"""The dashboard on an environment: its own marts, and marked as a preview wherever one looks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError
from streamlit.testing.v1 import AppTest

from dashboard import marts, queries
from dashboard.settings import Settings, settings
from tests.support import marts_fixture
from tests.support.pages import PAGES, words

OpenPage = Callable[..., AppTest]
BADGES = [
    ":violet-badge[Preview: not what the public sees]",
    ":violet-badge[environment dev\\_anna]",
]
VIEWS: list[tuple[str, dict[str, str]]] = [
    *((page, {}) for page in PAGES),
    ("films", {"film": "2"}),
    ("data", {"table": "mart_movie"}),
]
OUTSIDE = [
    "..",
    "../marts",
    "/marts",
    "a/b",
    "a\\b",
    "a.b",
    "a\n",
    "A",
    "1a",
    "_a",
    "a-b",
    "ä",
    " ",
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with published marts and, unlike them, those of dev_anna."""
    home = tmp_path_factory.mktemp("environments")
    marts_fixture.write_marts(home, marts_fixture.Build(version="public"))
    marts_fixture.write_environment(home, "dev_anna", marts_fixture.Build(version="anna"))
    return home


@pytest.mark.parametrize(("page", "query"), VIEWS)
def test_every_page_shows_the_environment_and_says_so_first(
    open_page: OpenPage, home: Path, page: str, query: dict[str, str]
) -> None:
    app = open_page(home, page, "dev_anna", **query)
    assert not app.exception
    assert not app.error or page == "data"
    assert [badge.value for badge in app.main[0].markdown] == BADGES
    assert app.main[2].type == "title"  # below the links to all pages
    assert "version anna" in words(app)
    assert "version public" not in words(app)


@pytest.mark.parametrize(("page", "query"), VIEWS)
def test_without_an_environment_no_page_speaks_of_one(
    open_page: OpenPage, home: Path, page: str, query: dict[str, str]
) -> None:
    app = open_page(home, page, **query)
    assert app.main[1].type == "title"
    assert "version public" in words(app)
    assert not [word for word in ("nvironment", "review", "violet") if word in words(app)]


def test_the_file_of_an_environment_is_read_whatever_the_target(
    use_home: Callable[..., None], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_home(home, "dev_anna")
    monkeypatch.setenv("MOVIELENS_TARGET", "prod")
    settings.cache_clear()
    marts.pin()
    assert marts.rows(queries.STATUS)["data_version"].tolist() == ["anna"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_may_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=r"(?s)environment.*should match pattern"):
        Settings(environment=name)


def test_under_a_refused_name_no_page_shows_anything(open_page: OpenPage, home: Path) -> None:
    app = open_page(home, environment="../marts")
    assert [error.value for error in app.error] == [
        "This page failed because of an error on our side. It has been logged."
    ]
    assert "version" not in words(app)


# What was done to the file of an environment, and what the page says then; never what is published.
TROUBLES = {
    "dev_nothing": ("", "There is nothing to preview yet"),
    "dev_corrupt": ("", "The previewed data cannot be read"),
    "dev_no_status": ("drop table mart_dataset_status", "The previewed data are incomplete"),
    "dev_one_missing": ("drop table mart_genre", "mart_genre is not among the previewed marts"),
    "dev_stale": (
        "update mart_dataset_status set built_at = built_at - interval 40 day",
        "You see the last previewed version",
    ),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble_is_the_environment_s_and_never_mended_by_a_publish(
    open_page: OpenPage,
    fresh_caches: None,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    change, said = TROUBLES[name]
    marts_fixture.write_marts(tmp_path)
    file = marts_fixture.write_environment(tmp_path, name, change=change)
    if name == "dev_nothing":
        file.unlink()
    elif name == "dev_corrupt":
        file.write_bytes(b"this is no database")
    app = open_page(tmp_path, environment=name)
    assert not app.exception
    assert app.main[0].markdown[0].value == BADGES[0]
    assert said in words(app)
    assert not [word for word in ("published", "`movielens") if word in words(app)]
    assert f"`movielens dashboard --env {name}` exports them again" in caplog.text
    assert not [word for word in ("published", "movielens run", "rollback") if word in caplog.text]
