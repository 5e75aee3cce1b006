"""The served app in a real browser: rendering, permalinks, search, clicks, no request outside."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import marts_fixture
import pytest
from playwright.sync_api import Browser, Page, expect

from local_dev import screenshots

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason=screenshots.NO_CHROMIUM)

# On a deep link Streamlit asks for these below the page's own address, and gets a 404 for each.
KNOWN_404 = re.compile(r"/_stcore/(health|host-config)$")
# Vega says so when it draws before the rows have arrived.
KNOWN_WARNING = "Infinite extent"


# A busy machine draws late; what is drawn wrong stays wrong for as long as one looks.
expect.set_options(timeout=20_000)


@dataclass
class Visit:
    """A page, and what it did that nobody may see: errors, requests to elsewhere."""

    page: Page
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return marts_fixture.write_marts(tmp_path_factory.mktemp("browser")).parent


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """The app as a process of its own, on a free port of this machine only."""
    with screenshots.served(home) as root:
        yield root


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with screenshots.browser() as opened:
        yield opened


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Callable[..., Visit]]:
    contexts = []

    def go(path: str = "", width: int = 1280) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, timezone_id="America/Los_Angeles"
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        seen = Visit(page)
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on(
            "console",
            lambda message: (
                seen.errors.append(f"{message.text} {message.location.get('url')}")
                if message.type == "error"
                else None
            ),
        )
        page.on("request", lambda request: note_outside(seen, address, request.url))
        page.goto(f"{address}/{path}")
        screenshots.wait_until_drawn(page)
        return seen

    yield go
    for context in contexts:
        context.close()


def note_outside(seen: Visit, address: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != urlsplit(address).netloc:
        seen.outside.append(url)


def unexpected(seen: Visit) -> list[str]:
    return [
        error
        for error in seen.errors
        if not KNOWN_404.search(error.split()[-1]) and KNOWN_WARNING not in error
    ]


def ask(home: Path, sql: str) -> tuple[object, ...]:
    with duckdb.connect(str(home / "marts.duckdb"), read_only=True) as connection:
        connection.execute("use marts.marts")
        row = connection.execute(sql).fetchone()
    assert row is not None
    return row


def test_overview_shows_the_numbers_of_the_marts(visit: Callable[..., Visit], home: Path) -> None:
    seen = visit()
    n_ratings, n_users, n_movies, n_tags, mean = ask(
        home,
        "select n_ratings, n_users, n_rated_movies, n_tag_applications, sum_rating / n_ratings"
        " from mart_dataset_status",
    )
    shown = {
        metric.locator('[data-testid="stMetricLabel"]').inner_text(): metric.locator(
            '[data-testid="stMetricValue"]'
        ).inner_text()
        for metric in seen.page.locator('[data-testid="stMetric"]').all()
    }
    assert shown == {
        "Ratings": f"{n_ratings:,}",
        "People who rated": f"{n_users:,}",
        "Mean rating": f"{mean:.2f}",
        "Films rated": f"{n_movies:,}",
        "Tags given": f"{n_tags:,}",
    }
    genres = [str(name) for name in ask(home, "select list(genre) from mart_genre")[0]]  # type: ignore[attr-defined]
    drawn = seen.page.locator('[data-testid="stVegaLiteChart"]').nth(1)
    for genre in genres:
        expect(drawn).to_contain_text(genre)  # no label is dropped


def test_months_are_drawn_where_they_are_west_of_greenwich_too(
    visit: Callable[..., Visit], home: Path
) -> None:
    page = visit().page
    (months,) = ask(home, "select count(*) from mart_rating_month")
    (first,) = ask(home, "select strftime(min(month), '%B %Y') from mart_rating_month")
    chart = page.locator('[data-testid="stVegaLiteChart"]').first
    bars = chart.locator('path[aria-label*="Ratings"]')
    expect(bars).to_have_count(int(str(months)))  # rows are sent apart and may come late
    assert any(str(first) in (bar.get_attribute("aria-label") or "") for bar in bars.all())


@pytest.mark.parametrize("path", ["", "films", "films?film=2", "genres", "tags", "people", "data"])
def test_page_is_quiet(visit: Callable[..., Visit], path: str) -> None:
    seen = visit(path)
    assert unexpected(seen) == []
    assert seen.outside == []
    levels = [
        int(heading.evaluate("node => node.tagName")[1])
        for heading in seen.page.locator("h1, h2, h3, h4").all()
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    text = seen.page.locator('[data-testid="stMain"]').inner_text()
    assert "Traceback" not in text and "DeltaGenerator" not in text and "undefined" not in text


@pytest.mark.parametrize("path", ["", "films", "films?film=2", "genres", "tags", "people", "data"])
@pytest.mark.parametrize("width", [320, 768])
def test_nothing_scrolls_sideways(visit: Callable[..., Visit], path: str, width: int) -> None:
    page = visit(path, width).page
    main = page.locator('[data-testid="stMain"]')
    assert main.evaluate("node => node.scrollWidth - node.clientWidth") <= 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("film", "title"),
    [(2, "M*A*S*H (a.k.a. MASH) (1970)"), (7, "![x](http://127.0.0.1:9/x.png) (1999)"),
     (8, "<img src=x onerror=alert(1)> (1999)"), (4, "$9.99 (2008)"), (5, "[REC] (2007)"),
     (3, "*batteries not included (1987)"), (6, "Cry_Wolf (2005)"),
     (18, ":smile: www.example.com (1993)")],
)  # fmt: skip
def test_a_permalink_shows_the_film_exactly_as_it_is_called(
    visit: Callable[..., Visit], film: int, title: str
) -> None:
    seen = visit(f"films?film={film}")
    heading = seen.page.locator("h1").inner_text().replace("\u2060", "")
    assert heading == title
    assert seen.page.title() == f"{title} · MovieLens"
    assert seen.outside == []
    assert unexpected(seen) == []


def test_search_lists_films_while_typing_and_opens_one(visit: Callable[..., Visit]) -> None:
    seen = visit("films")
    box = seen.page.get_by_role("searchbox").or_(seen.page.get_by_role("textbox")).first
    box.click()
    box.press_sequentially("amelie", delay=20)
    link = seen.page.get_by_role("link", name="Amélie (2001)")
    expect(link).to_be_visible()
    link.click()
    expect(seen.page.locator("h1")).to_have_text("Amélie (2001)")
    assert "film=9" in seen.page.url
    assert unexpected(seen) == []


def test_a_filter_is_in_the_address_and_survives_other_pages(visit: Callable[..., Visit]) -> None:
    page = visit("?genre=Horror&min=25").page
    ranked = page.get_by_text("Filter: Horror, all years, at least 25 ratings").first
    expect(ranked).to_be_visible()
    page.get_by_role("link", name="Films").click()
    expect(page.locator("h1")).to_have_text("Films")
    expect(ranked).to_be_visible()
    page.get_by_role("link", name="Overview").click()
    expect(page.locator("h1")).to_have_text("MovieLens in numbers")
    expect(ranked).to_be_visible()
    assert "genre=Horror" in page.url
    page.get_by_role("button", name="Reset").click()
    expect(
        page.get_by_text("Filter: all genres, all years, at least 10 ratings").first
    ).to_be_visible()
    assert "genre" not in page.url


def test_a_click_on_a_point_opens_the_film(visit: Callable[..., Visit]) -> None:
    page = visit().page
    points = page.locator('[data-testid="stVegaLiteChart"]').nth(3).locator("path[aria-label]")
    point = points.filter(has=page.locator("xpath=self::*[contains(@aria-label, 'Seven Samurai')]"))
    point.first.scroll_into_view_if_needed()
    point.first.click(force=True)
    expect(page.locator("h1")).to_have_text("Seven Samurai (1954)")
    assert "film=19" in page.url


def test_a_publish_is_seen_on_reload(visit: Callable[..., Visit], home: Path) -> None:
    page = visit().page
    expect(page.get_by_text(f"version {marts_fixture.VERSION}")).to_be_visible()
    try:
        marts_fixture.write_marts(
            home,
            marts_fixture.Build(version="another"),
            "update marts.mart_dataset_status set n_ratings = 1713",
        )
        page.reload()
        screenshots.wait_until_drawn(page)
        expect(page.get_by_text("version another")).to_be_visible()
        expect(page.get_by_text("1,713").first).to_be_visible()
    finally:
        marts_fixture.write_marts(home)


def test_lineage_is_drawn_without_the_network(visit: Callable[..., Visit]) -> None:
    seen = visit("data")
    drawn = seen.page.locator('[data-testid="stMermaidChart"] img')  # there once it is drawn
    drawn.scroll_into_view_if_needed()
    expect(drawn).to_be_visible()
    picture = drawn.evaluate("async node => (await fetch(node.src)).text()")
    assert "src_ratings" in picture
    assert drawn.evaluate("node => node.naturalWidth") > 100
    assert seen.outside == []
