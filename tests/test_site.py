"""The documentation site, as `make docs` writes it: complete, without a broken link, on its own."""

from __future__ import annotations

import http.server
import re
import subprocess
import threading
from collections.abc import Iterator
from functools import cache, partial
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest
import yaml

import ingestion
from dashboard.settings import Settings as DashboardSettings
from ingestion.cli import main
from ingestion.settings import PREFIX, Settings
from ingestion.warehouse.snowflake_login import SnowflakeSettings
from tests.support.checkout import PROJECT
from tests.support.commands import leaves
from tests.support.screenshots import THEMES, WIDTHS, browser
from tests.support.templates import template

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Request

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("site")]

DBT = "dbt/index.html"
# What a page loads by itself, in contrast to what it links to.
LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        done = subprocess.run(
            ["make", "--no-print-directory", "docs", f"SITE={folder / 'site'}"],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    return template(tmp_path_factory, "docs", make) / "site"


class _Page(HTMLParser):
    """What one page links to, loads, and can be linked at."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self._text: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        self.anchors |= {has[name] for name in ("id", "name") if name in has}
        if tag == "a" and "href" in has:
            self.links.append(has["href"])
        # A canonical address or a description of the search loads nothing, but is checked as well.
        if tag in LOADED and LOADED[tag] in has:
            self.loaded.append(has[LOADED[tag]])

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._text).split())


_read = cache(_Page)


def _pages(site: Path) -> list[Path]:
    """All but dbt's, which is one program."""
    return [file for file in sorted(site.rglob("*.html")) if file != site / DBT]


def test_every_link_leads_somewhere(site: Path) -> None:
    broken = []
    for file in _pages(site):
        page = _read(file)
        for link in [*page.links, *page.loaded]:
            to = urlsplit(link)
            if to.scheme in ("http", "https", "mailto", "data"):
                continue
            target = (file.parent / unquote(to.path)).resolve() if to.path else file
            # dbt's page is a program, whose addresses have fragments without anchors.
            named = to.fragment and target.suffix == ".html" and target != site / DBT
            if not target.is_file() or (named and to.fragment not in _read(target).anchors):
                broken.append((file.name, link))
    assert broken == []


def test_every_page_of_docs_is_in_the_navigation(site: Path) -> None:
    pages = {file.stem for file in (PROJECT / "docs").glob("*.md")}
    linked = {unquote(urlsplit(link).path) for link in _read(site / "index.html").links}
    assert {f"{page}.html" for page in pages - {"index"}} <= linked


def test_every_command_with_every_option_is_on_it(site: Path) -> None:
    text = _read(site / "reference" / "cli.html").text
    for name, command in leaves(main):
        assert f"movielens {name}" in text
        for parameter in command.params:
            for option in parameter.opts:
                assert option in text or not option.startswith("-"), f"{name} {option}"


def test_every_setting_is_on_it(site: Path) -> None:
    text = _read(site / "reference" / "settings.html").text
    names = {f"{PREFIX}{name}" for name in Settings.model_fields}
    names |= {f"{PREFIX}{name}" for name in DashboardSettings.model_fields}
    names |= {f"SNOWFLAKE_{name}" for name in SnowflakeSettings.model_fields}
    assert [name for name in sorted(names) if f"{name.upper()} " not in text] == []


def test_the_library_is_on_it(site: Path) -> None:
    anchors = _read(site / "reference" / "library.html").anchors
    expected = {f"ingestion.{name}" for name in ingestion.__all__} - {"ingestion.Settings"}
    assert expected <= anchors
    assert {"ingestion.operate.run.run", "ingestion.publish.reader.query"} <= anchors


def _models() -> Iterator[tuple[str, list[str]]]:
    for path in (PROJECT / "models").rglob("*.yml"):
        for model in yaml.safe_load(path.read_text()).get("models", []):
            yield model["name"], [column["name"] for column in model["columns"]]


def test_every_model_is_on_it_with_its_columns_lineage_and_audits(site: Path) -> None:
    models = dict(_models())
    assert {path.stem for path in (PROJECT / "models").rglob("*.sql")} == set(models)
    for name, columns in models.items():
        text = _read(site / "reference" / "models" / f"{name}.html").text
        assert [column for column in columns if f" {column} " not in text] == [], name
    marts = _read(site / "reference" / "marts.html")
    expected = {f"models/{name}.html" for name in models if name.startswith("mart_")}
    assert expected <= set(marts.links)
    genre = _read(site / "reference" / "models" / "mart_genre.html").text
    for said in ("mart_movie.sum_rating by sum", "raw.ratings.rating", "Genres", "bigint"):
        assert said in genre
    assert "assert_each_genre_agrees_with_its_films" in genre


def test_nothing_that_a_page_names_is_fetched_from_elsewhere(site: Path) -> None:
    outside = [
        (file.name, address)
        for file in _pages(site)
        for address in _read(file).loaded
        if urlsplit(address).netloc
    ]
    for sheet in site.rglob("*.css"):
        found = re.findall(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^)\"']+)", sheet.read_text())
        outside += [(sheet.name, address) for address in found]
    assert outside == []


# In a browser.


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    handler = partial(_Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    try:
        with browser() as opened:
            yield opened
    except FileNotFoundError as error:
        pytest.skip(str(error))


PAGES = ("index.html", "marts.html", "reference/cli.html", "reference/models/mart_movie.html")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_browser_shows_it_and_fetches_nothing_from_elsewhere(
    chromium: Browser, served: str, theme: str, width: str
) -> None:
    size = {"width": WIDTHS[width], "height": 900}
    page = chromium.new_page(viewport=size, color_scheme=theme)
    requested: list[Request] = []
    problems: list[str] = []
    page.on("request", lambda request: requested.append(request))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    try:
        for name in PAGES:
            page.goto(f"{served}/{name}", wait_until="networkidle")
            assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width], name
            light = page.evaluate(
                "getComputedStyle(document.body).backgroundColor"
                ".match(/\\d+/g).slice(0, 3).every(part => part > 127)"
            )
            assert light == (theme == "light"), name
        assert problems == []
        # dbt's asks its own server for icons whose names it has not put in yet.
        page.goto(f"{served}/{DBT}", wait_until="networkidle")
        assert "movielens" in page.inner_text("body")
        elsewhere = [each.url for each in requested if not each.url.startswith((served, "data:"))]
        assert elsewhere == []
    finally:
        page.close()


def test_its_search_finds_words_of_pages_and_columns(chromium: Browser, served: str) -> None:
    page = chromium.new_page()
    try:
        for word, found in (("quarantine", "Tutorial"), ("weighted_score", "mart_movie")):
            page.goto(f"{served}/search.html?q={word}")
            page.wait_for_selector("#search-results li a")
            assert found in page.inner_text("#search-results")
    finally:
        page.close()
