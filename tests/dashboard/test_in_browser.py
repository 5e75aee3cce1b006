"""The served app in a real browser: rendering, permalinks, search, clicks, no request outside."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import duckdb
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard import contents
from tests.support import marts_fixture, screenshots
from tests.support.marks import nightly_except, slow_except

pytestmark = [
    pytest.mark.skipif(shutil.which("chromium") is None, reason=screenshots.NO_CHROMIUM),
    pytest.mark.xdist_group("browser"),
]
slow = pytest.mark.slow

# On a deep link Streamlit asks for these below the page's own address, and gets a 404 for each.
KNOWN_404 = re.compile(r"/_stcore/(health|host-config)$")
# Vega says so when it draws before the rows have arrived.
KNOWN_WARNING = "Infinite extent"

PATHS = [*screenshots.pages(film=2).values(), "tags?tag_search=fun", "films?film=21"]
WITH_MOST_CHARTS = ""

# Words of a chart that end outside it (by more than a serif), or lie over other words.
WORDS_AT_FAULT = """() => [
    ...document.querySelectorAll('[data-testid=stVegaLiteChart] svg')
].flatMap(svg => {
    const edge = svg.getBoundingClientRect();
    const words = [...svg.querySelectorAll('text')]
        .filter(word => word.textContent.trim() && getComputedStyle(word).opacity !== '0')
        .map(word => [word.textContent, word.getBoundingClientRect()]);
    const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
    return words.flatMap(([text, box], i) => [
        ...(box.right > edge.right + 3 || box.left < edge.left - 3 ? [`cut: ${text}`] : []),
        ...words.slice(0, i).filter(([, other]) => over(box, other)).map(([o]) => `${o} / ${text}`),
    ]);
})"""
# Contrasts below 4.5 between words of charts and what is behind them: a cell, or the page.
FAINT_WORDS = """() => {
    const light = colour => {
        const parts = colour.match(/[0-9.]+/g).slice(0, 3).map(part => part / 255)
            .map(part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] + 0.05;
    };
    const app = document.querySelector('[data-testid=stApp]');
    const page = light(getComputedStyle(app).backgroundColor);
    const found = [];
    for (const svg of document.querySelectorAll('[data-testid=stVegaLiteChart] svg')) {
        const cells = [...svg.querySelectorAll('.mark-rect path')]
            .map(cell => [cell.getBoundingClientRect(), getComputedStyle(cell)])
            .filter(([, style]) => style.fill !== 'none' && style.fillOpacity !== '0'
                && style.opacity === '1');
        for (const word of svg.querySelectorAll('text')) {
            const style = getComputedStyle(word), box = word.getBoundingClientRect();
            if (!word.textContent.trim() || style.opacity === '0') continue;
            const x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
            const cell = cells.find(
                ([at]) => at.left <= x && x <= at.right && at.top <= y && y <= at.bottom
            );
            const behind = cell ? light(cell[1].fill) : page, ink = light(style.fill);
            const ratio = Math.max(ink, behind) / Math.min(ink, behind);
            if (ratio < 4.5) found.push(`${word.textContent}: ${ratio}`);
        }
    }
    return found;
}"""

# A busy machine draws late; what is drawn wrong stays wrong for as long as one looks.
expect.set_options(timeout=20_000)


@dataclass
class Visit:
    """A page, and what it must not do: errors, requests to other hosts."""

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
def preview(home: Path) -> Iterator[str]:
    """The app on an environment of the same home."""
    marts_fixture.write_environment(home, "dev_anna")
    with screenshots.served(home, "dev_anna") as root:
        yield root


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with screenshots.browser() as opened:
        yield opened


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Callable[..., Visit]]:
    contexts = []

    def go(path: str = "", width: int = 1280, theme: Any = "light") -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            timezone_id="America/Los_Angeles",
            color_scheme=theme,
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


def chart(page: Page, words: str) -> Locator:
    """The chart whose accessible name has these words."""
    return page.locator(f'[data-testid="stVegaLiteChart"][aria-label*="{words}"]')


def ask(home: Path, sql: str) -> tuple[object, ...]:
    with duckdb.connect(str(home / "marts.duckdb"), read_only=True) as connection:
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
    drawn = chart(seen.page, "against the average")
    for genre in genres:
        expect(drawn).to_contain_text(genre)  # no label is dropped


@pytest.mark.slow
def test_months_are_drawn_where_they_are_west_of_greenwich_too(
    visit: Callable[..., Visit], home: Path
) -> None:
    page = visit().page
    (months,) = ask(home, "select count(*) from mart_rating_month")
    (first,) = ask(home, "select strftime(min(month), '%B %Y') from mart_rating_month")
    bars = chart(page, "Ratings per month").locator('path[aria-label*="Ratings"]')
    expect(bars).to_have_count(int(str(months)))  # rows are sent apart and may come late
    assert any(str(first) in (bar.get_attribute("aria-label") or "") for bar in bars.all())


@pytest.mark.parametrize("path", slow_except(WITH_MOST_CHARTS, PATHS))
def test_page_is_quiet_and_accessible(visit: Callable[..., Visit], path: str) -> None:
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
    assert barriers(seen.page) == []


def barriers(page: Page) -> list[tuple[object, ...]]:
    """What axe finds, and words of charts that are too faint, which it does not look at."""
    # What is still being drawn says so, in a way that axe objects to.
    page.wait_for_function("() => !document.querySelector('[aria-busy=true]')")
    violations = Axe().run(page).response["violations"]
    found: list[tuple[object, ...]] = [
        (violation["id"], violation["impact"], violation["nodes"][0]["html"][:200])
        for violation in violations
    ]
    return found + [("words of charts", word) for word in page.evaluate(FAINT_WORDS)]


def lasting_faults(page: Page) -> list[str]:
    """Layout faults that remain once charts have had time to settle."""
    for _ in range(10):
        found = list(page.evaluate(WORDS_AT_FAULT))
        main = page.locator('[data-testid="stMain"]')
        if main.evaluate("node => node.scrollWidth - node.clientWidth") > 0:
            found.append("scrolls sideways")
        off = "nodes => nodes.filter(n => n.getBoundingClientRect().right > innerWidth).length"
        if main.locator("button:visible").evaluate_all(off):
            found.append("a button lies off the page")
        if not found:
            break
        page.wait_for_timeout(500)
    return found


@pytest.mark.slow
def test_layout_holds_at_every_width(visit: Callable[..., Visit]) -> None:
    """No page scrolls sideways, and no word of a chart is cut off or lies over another."""
    page = visit().page
    faults = []
    for path in PATHS:
        page.goto(f"{urljoin(page.url, '/')}{path}")
        for width in (1440, 1024, 768, 390, 320):
            page.set_viewport_size({"width": width, "height": 900})
            screenshots.wait_until_drawn(page)
            faults += [(path, width, fault) for fault in lasting_faults(page)]
    assert faults == []


@pytest.mark.slow
@pytest.mark.parametrize("width", [1440, 1024, 768, 390])
def test_no_card_is_alone_in_its_row_and_no_title_is_cut(
    visit: Callable[..., Visit], width: int
) -> None:
    page = visit("", width).page
    labels = ("Most rated", "Best loved", "Most divisive", "Hidden gem")
    boxes = [page.get_by_text(label, exact=True).first.bounding_box() for label in labels]
    tops = sorted(box["y"] for box in boxes if box)
    assert len(tops) == 4
    # A card may be higher than its neighbour, by less than half a card.
    rows = 1 + sum(below - above > 80 for above, below in pairwise(tops))
    assert rows in (1, 2, 4)
    titles = page.locator('[data-testid="stMain"] a[href*="film="]:visible').all()
    assert titles
    # As long as some in MovieLens are.
    lengthen = (
        "node => { node.querySelector('p').innerText = 'Raiders of the Lost Ark '.repeat(4) }"
    )
    titles[0].evaluate(lengthen)
    cut = """node => [node, ...node.querySelectorAll('*')].some(part =>
        getComputedStyle(part).overflow !== 'visible' && part.scrollWidth > part.clientWidth + 1)"""
    assert [title.inner_text() for title in titles if title.evaluate(cut)] == []


# The pages at 1280, light, are looked at one by one above.
SEEN = [(theme, width) for theme in screenshots.THEMES for width in (1440, 768, 390)]


@pytest.mark.parametrize("seen_as", nightly_except([("dark", 390)], SEEN), ids=str)
def test_no_page_has_a_barrier(visit: Callable[..., Visit], seen_as: tuple[str, int]) -> None:
    theme, width = seen_as
    page = visit("", width, theme).page
    found = {}
    for path in PATHS:
        page.goto(f"{urljoin(page.url, '/')}{path}")
        screenshots.wait_until_drawn(page)
        found[path] = barriers(page)
    assert {path: each for path, each in found.items() if each} == {}


def badges_of_environment(page: Page) -> list[Locator]:
    said = ("Preview: not what the public sees", "environment dev_anna")
    return [page.get_by_text(words, exact=True) for words in said]


@slow
def test_every_page_of_an_environment_says_so(visit: Callable[..., Visit], preview: str) -> None:
    """On the page, whole, at every width; and first in the name of the tab."""
    page = visit().page
    for path in PATHS:
        page.goto(f"{preview}/{path}")
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            screenshots.wait_until_drawn(page)
            for badge in badges_of_environment(page):
                expect(badge).to_be_in_viewport(ratio=1)
            assert page.title().startswith("dev_anna · ")
            assert lasting_faults(page) == []


@slow
@pytest.mark.parametrize("theme", screenshots.THEMES)
def test_the_badges_of_an_environment_are_legible(
    visit: Callable[..., Visit], preview: str, theme: str
) -> None:
    page = visit(theme=theme, width=320).page
    page.goto(f"{preview}/films")
    screenshots.wait_until_drawn(page)
    for badge in badges_of_environment(page):
        assert badge.evaluate("node => node.scrollWidth - node.clientWidth") <= 0
    assert barriers(page) == []


@slow
def test_a_download_from_an_environment_bears_its_name(
    visit: Callable[..., Visit], preview: str
) -> None:
    page = visit("films").page
    for root, name in ((page.url, "best-loved"), (f"{preview}/films", "dev_anna_best-loved")):
        page.goto(root)
        screenshots.wait_until_drawn(page)
        with page.expect_download() as begun:
            page.get_by_role("button", name="Download as CSV").click()
        assert begun.value.suggested_filename.startswith(name)


@pytest.mark.slow
def test_a_figure_is_followed_to_its_source_file(visit: Callable[..., Visit]) -> None:
    seen = visit("people")
    seen.page.get_by_role("button", name="Where this comes from").first.click()
    expect(seen.page.get_by_text("n_users: What n_users is.")).to_be_visible()
    expect(seen.page.get_by_text("ratings.csv (571 rows, load 1795447084.872397")).to_be_visible()
    seen.page.get_by_role("link", name="mart_user_activity").click()
    expect(seen.page.locator("h1")).to_have_text("mart_user_activity")
    assert "table=mart_user_activity" in seen.page.url
    seen.page.get_by_role("link", name="All about the data").click()
    expect(seen.page.locator("h1")).to_have_text("Data")
    assert "table" not in seen.page.url
    assert unexpected(seen) == []


def test_a_click_on_a_genre_opens_it(visit: Callable[..., Visit]) -> None:
    page = visit().page
    dots = chart(page, "against the average").locator("path[aria-label*='Genre: Horror']")
    dots.last.scroll_into_view_if_needed()
    dots.last.click(force=True)
    expect(page.locator("h1")).to_have_text("Genres")
    expect(chart(page, "per year for Horror.")).to_be_visible()
    assert "genres=Horror" in page.url


@pytest.mark.slow
def test_what_is_downloaded_is_what_is_shown(visit: Callable[..., Visit], home: Path) -> None:
    page = visit("films?genre=Drama&min=5").page
    with page.expect_download() as begun:
        page.get_by_role("button", name="Download as CSV").click()
    assert begun.value.suggested_filename == "best-loved_drama_min-5.csv"
    with Path(begun.value.path()).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    with duckdb.connect(str(home / "marts.duckdb"), read_only=True) as connection:
        titles = connection.execute(
            "select title from mart_movie where n_ratings >= 5"
            " and genres_text like '%Drama%' order by rank_weighted"
        ).fetchall()
    assert [row["title"].removeprefix("'") for row in rows] == [title for (title,) in titles]
    assert all("Licence: Research use" in row["source_and_licence"] for row in rows)
    page.get_by_role("button", name="Licence", exact=True).click()
    expect(page.get_by_text("Licence: Research use").last).to_be_visible()


@pytest.mark.slow
def test_a_chart_is_downloaded_as_a_picture(visit: Callable[..., Visit]) -> None:
    page = visit("genres").page
    button = page.get_by_role("button", name="Download as PNG").first
    button.scroll_into_view_if_needed()
    with page.expect_download() as begun:
        button.dispatch_event("click")  # Streamlit shows it while the pointer is over the chart
    assert begun.value.suggested_filename.endswith(".png")
    assert Path(begun.value.path()).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_months_are_chosen_with_the_keyboard_and_kept_in_the_address(
    visit: Callable[..., Visit],
) -> None:
    page = visit().page
    slider = page.get_by_role("slider", name="Range of months to sum up").first
    slider.focus()
    for _ in range(2):
        slider.press("ArrowRight")
    chosen = page.get_by_text(re.compile("^April 1995 to .* of all, mean")).first
    expect(chosen).to_be_visible()
    expect(page).to_have_url(re.compile("months="))
    said = chosen.inner_text()
    again = visit(page.url.split("/", 3)[3]).page
    expect(again.get_by_text(said).first).to_be_visible()


@pytest.mark.slow
def test_the_keyboard_alone_opens_a_film(visit: Callable[..., Visit]) -> None:
    page = visit("films").page
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    assert skip.inner_text() == "Skip to main content"
    page.keyboard.press("Enter")
    for _ in range(len(contents.PAGES) + 6):  # the links to all pages come first
        page.keyboard.press("Tab")
        if page.locator(":focus").get_attribute("placeholder"):
            break
    page.keyboard.type("amelie", delay=20)
    expect(page.get_by_text("1 film found.")).to_be_visible()
    screenshots.wait_until_drawn(page)  # until then, the ranking may be there as well
    found = page.get_by_role("link", name="Amélie (2001)")
    expect(found).to_be_visible()
    page.keyboard.press("Tab")
    expect(found).to_be_focused()
    # A link to the page that one is on looks chosen already; Streamlit shows where one is above it.
    expect(page.get_by_role("tooltip", name="Amélie (2001)")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Amélie (2001)")


@pytest.mark.slow
def test_a_long_title_is_not_cut_on_a_phone(visit: Callable[..., Visit]) -> None:
    page = visit("films?q=batteries", 320).page
    link = page.get_by_role("link", name="batteries not included")
    expect(link).to_be_visible()
    assert link.evaluate("node => node.scrollWidth - node.clientWidth") <= 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("film", "title"),
    [
        (7, "![x](http://127.0.0.1:9/x.png) (1999)"),
        pytest.param(8, "<img src=x onerror=alert(1)> (1999)", marks=slow),
        pytest.param(18, ":smile: www.example.com (1993)", marks=slow),
        pytest.param(3, "*batteries not included (1987)", marks=slow),
        pytest.param(2, "M*A*S*H (a.k.a. MASH) (1970)", marks=slow),
        pytest.param(4, "$9.99 (2008)", marks=slow),
        pytest.param(5, "[REC] (2007)", marks=slow),
        pytest.param(6, "Cry_Wolf (2005)", marks=slow),
    ],
)
def test_a_permalink_shows_the_film_exactly_as_it_is_called(
    visit: Callable[..., Visit], film: int, title: str
) -> None:
    seen = visit(f"films?film={film}")
    heading = seen.page.locator("h1").inner_text().replace("\u2060", "")
    assert heading == title
    assert seen.page.title() == f"{title} · MovieLens"
    assert seen.outside == []
    assert unexpected(seen) == []


@pytest.mark.slow
def test_years_of_a_film_are_bars_that_stand_on_zero(visit: Callable[..., Visit]) -> None:
    page = visit("films?film=1").page
    bars = chart(page, "per year").locator("path[aria-label*='Ratings']")
    expect(bars).not_to_have_count(0)
    boxes = [bar.bounding_box() for bar in bars.all()]
    feet = {round(box["y"] + box["height"]) for box in boxes if box}
    assert len(feet) == 1
    assert max(box["height"] for box in boxes if box) > 50


@pytest.mark.slow
def test_search_lists_films_while_typing_and_opens_one(visit: Callable[..., Visit]) -> None:
    seen = visit("films")
    box = seen.page.get_by_role("searchbox").or_(seen.page.get_by_role("textbox")).first
    box.click()
    box.press_sequentially("amelie", delay=20)
    expect(seen.page.get_by_text("1 film found.")).to_be_visible()
    screenshots.wait_until_drawn(seen.page)  # until then, the ranking may be there as well
    link = seen.page.get_by_role("link", name="Amélie (2001)")
    expect(link).to_be_visible()
    link.click()
    expect(seen.page.locator("h1")).to_have_text("Amélie (2001)")
    assert "film=9" in seen.page.url
    assert unexpected(seen) == []


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_click_on_a_point_opens_the_film(visit: Callable[..., Visit]) -> None:
    page = visit().page
    points = chart(page, "by number of ratings and mean").locator("path[aria-label]")
    point = points.filter(has=page.locator("xpath=self::*[contains(@aria-label, 'Seven Samurai')]"))
    point.first.scroll_into_view_if_needed()
    point.first.click(force=True)
    expect(page.locator("h1")).to_have_text("Seven Samurai (1954)")
    assert "film=19" in page.url


@pytest.fixture
def published_anew(home: Path) -> Iterator[Callable[[], None]]:
    """Publishes another version under the pages that are open; the old one is put back."""

    def publish() -> None:
        marts_fixture.write_marts(
            home,
            marts_fixture.Build(version="another"),
            "update mart_dataset_status set n_ratings = 1713",
        )

    yield publish
    marts_fixture.write_marts(home)


@pytest.mark.slow
def test_a_publish_is_seen_on_reload(
    visit: Callable[..., Visit], published_anew: Callable[[], None]
) -> None:
    page = visit().page
    expect(page.get_by_text(f"version {marts_fixture.VERSION}")).to_be_visible()
    published_anew()
    page.reload()
    screenshots.wait_until_drawn(page)
    expect(page.get_by_text("version another")).to_be_visible()
    expect(page.get_by_text("1,713").first).to_be_visible()


@pytest.mark.slow
def test_a_part_that_reruns_by_itself_does_not_mix_versions(
    visit: Callable[..., Visit], published_anew: Callable[[], None]
) -> None:
    page = visit().page
    expect(page.get_by_text(f"version {marts_fixture.VERSION}")).to_be_visible()
    published_anew()
    page.get_by_role("slider", name="Range of months to sum up").first.press("ArrowRight")
    expect(page.get_by_text("of all, mean").first).to_be_visible()
    expect(page.get_by_text("version another")).to_be_visible()
    expect(page.get_by_text("1,713").first).to_be_visible()


@pytest.mark.slow
def test_lineage_is_drawn_without_the_network(visit: Callable[..., Visit]) -> None:
    seen = visit("data")
    drawn = seen.page.locator('[data-testid="stMermaidChart"] img')  # there once it is drawn
    drawn.scroll_into_view_if_needed()
    expect(drawn).to_be_visible()
    picture = drawn.evaluate("async node => (await fetch(node.src)).text()")
    assert "src_ratings" in picture
    assert drawn.evaluate("node => node.naturalWidth") > 100
    assert seen.outside == []
