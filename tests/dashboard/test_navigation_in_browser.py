"""Going forward and back in a real browser: where a page begins, and what its address says."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from dashboard.contents import PAGES
from tests.support import marts_fixture, screenshots

pytestmark = [
    pytest.mark.skipif(shutil.which("chromium") is None, reason=screenshots.NO_CHROMIUM),
    pytest.mark.xdist_group("browser"),
    pytest.mark.slow,
]
# A busy machine draws late.
expect.set_options(timeout=20_000)
HOME = "MovieLens in numbers"
FILM_LINKS = "[data-testid=stMain] a[href*='film=']:visible"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = marts_fixture.write_marts(tmp_path_factory.mktemp("navigation")).parent
    with screenshots.served(home) as root:
        yield root


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with screenshots.browser() as opened:
        yield opened


@pytest.fixture
def go(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    contexts = []

    def visit(path: str = "", width: int = 1440) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.goto(f"{address}/{path}")
        screenshots.wait_until_drawn(page)
        return page

    yield visit
    for context in contexts:
        context.close()


def is_at(page: Page, path: str) -> None:
    """The address names what is shown, nothing more."""
    expect(page).to_have_url(re.compile(rf"^http://[^/]*/{re.escape(path)}$"))


def shows(page: Page, heading: str) -> None:
    expect(page.locator("h1")).to_have_text(heading)
    screenshots.wait_until_drawn(page)


def begins_at_its_top(page: Page) -> None:
    top = page.locator("h1").bounding_box()
    assert top is not None
    assert 0 <= top["y"] < 400


def click_dot(page: Page, chart: str, words: str) -> None:
    """Clicks a mark of a chart; others may lie over its middle, so those nearby will do as well."""
    drawn = page.locator(f'[data-testid="stVegaLiteChart"][aria-label*="{chart}"]')
    dot = drawn.locator(f"path[aria-label*='{words}']").first
    dot.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    dot.click(force=True)


def open_some_film(page: Page) -> str:
    """Clicks a film of the scatter.

    Returns:
        Its address below the root.
    """
    click_dot(page, "by number of ratings and mean", "Film")
    page.wait_for_url("**film=*")
    expect(page.locator("h1")).not_to_have_text(HOME)
    screenshots.wait_until_drawn(page)
    return page.url.split("/", 3)[3]


def scrolled(page: Page) -> float:
    return float(page.get_by_test_id("stMain").evaluate("node => node.scrollTop"))


# ---- where a page begins -----------------------------------------------------------------------


@pytest.mark.parametrize("width", [1440, 390])
def test_a_film_opened_from_a_chart_begins_at_its_top(go: Callable[..., Page], width: int) -> None:
    page = go(width=width)
    open_some_film(page)
    begins_at_its_top(page)


@pytest.mark.parametrize("width", [1440, 390])
def test_a_film_opened_from_a_card_begins_at_its_top(go: Callable[..., Page], width: int) -> None:
    page = go(width=width)
    card = page.locator(FILM_LINKS).first
    card.scroll_into_view_if_needed()
    page.get_by_test_id("stMain").evaluate("node => node.scrollBy(0, 200)")
    assert scrolled(page) > 300
    card.click()
    page.wait_for_url("**film=*")
    expect(page.locator("h1")).not_to_have_text(HOME)
    screenshots.wait_until_drawn(page)
    begins_at_its_top(page)


@pytest.mark.parametrize("width", [1440, 390])
def test_a_similar_film_begins_at_its_top(go: Callable[..., Page], width: int) -> None:
    page = go("films?film=1", width)
    similar = page.locator(FILM_LINKS).last
    similar.scroll_into_view_if_needed()
    title = similar.inner_text()
    assert scrolled(page) > 100
    similar.click()
    shows(page, title)
    begins_at_its_top(page)


# ---- going back --------------------------------------------------------------------------------


def test_back_from_a_film_leads_to_the_page_and_its_address(go: Callable[..., Page]) -> None:
    page = go()
    film = open_some_film(page)
    assert film.startswith("films?film=")
    page.go_back()
    shows(page, HOME)
    is_at(page, "")
    page.reload()
    shows(page, HOME)
    is_at(page, "")
    page.go_forward()
    expect(page.locator("h1")).not_to_have_text(HOME)
    is_at(page, film)


def test_back_from_a_genre_leads_to_the_page_and_its_address(go: Callable[..., Page]) -> None:
    page = go()
    click_dot(page, "against the average", "Genre: War")
    shows(page, "Genres")
    is_at(page, "genres?genres=War")
    page.go_back()
    shows(page, HOME)
    is_at(page, "")


def test_a_film_in_the_address_of_the_first_page_is_opened(go: Callable[..., Page]) -> None:
    page = go("?film=19")
    shows(page, "Seven Samurai (1954)")
    is_at(page, "films?film=19")


@pytest.mark.parametrize("path", ["", "?genre=Horror", "?months=1996-01&months=2001-12"])
def test_one_press_goes_back_one_page(go: Callable[..., Page], path: str) -> None:
    page = go(path)
    for name in ("Films", "Genres", "Overview"):
        page.get_by_role("link", name=name, exact=True).click()
        shows(page, HOME if name == "Overview" else name)
    for heading in ("Genres", "Films", HOME):
        page.go_back()
        shows(page, heading)
    is_at(page, path)


def test_back_takes_a_choice_back(go: Callable[..., Page]) -> None:
    page = go("genres")
    page.get_by_role("button", name="War", exact=True).click()
    expect(page).to_have_url(re.compile("genres=War"))
    page.get_by_text("Mean rating", exact=True).first.click()
    expect(page).to_have_url(re.compile("measure="))
    page.go_back()
    expect(page).not_to_have_url(re.compile("measure="))
    expect(page.locator('[aria-label^="Share of ratings per year"]')).to_be_visible()
    page.go_back()
    is_at(page, "genres")


def test_the_policy_of_the_documented_proxy_lets_a_film_begin_at_its_top(
    browser: Browser, address: str
) -> None:
    page_of_docs = (marts_fixture.PROJECT / "docs" / "dashboard.md").read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy "([^"]+)"', page_of_docs)
    assert policy

    def with_the_policy(route: Route) -> None:
        answer = route.fetch()
        headers = {**answer.headers, "content-security-policy": policy[1]}
        route.fulfill(response=answer, headers=headers)

    context = browser.new_context(viewport={"width": 1440, "height": 900})
    # What the test hands to the browser does not count as sent by this machine.
    context.grant_permissions(["local-network-access"])
    page = context.new_page()
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Policy" in said.text else None)
    page.route("**/films?*", with_the_policy)
    page.goto(f"{address}/films?film=1")
    screenshots.wait_until_drawn(page)
    page.locator(FILM_LINKS).last.scroll_into_view_if_needed()
    assert scrolled(page) > 100
    page.locator(FILM_LINKS).last.click()
    page.wait_for_url(lambda url: not url.endswith("film=1"))
    screenshots.wait_until_drawn(page)
    begins_at_its_top(page)
    assert refused == []
    context.close()


def test_typing_a_search_leaves_the_history_as_it_was(go: Callable[..., Page]) -> None:
    page = go()
    before = page.evaluate("history.length")
    box = page.get_by_role("searchbox").or_(page.get_by_role("textbox")).first
    box.press_sequentially("amelie", delay=120)
    expect(page.get_by_role("link", name="Amélie (2001)")).to_be_visible()
    is_at(page, "?q=amelie")
    assert page.evaluate("history.length") == before


def test_films_are_compared_added_and_taken_back(go: Callable[..., Page]) -> None:
    page = go("films?film=1")
    page.get_by_role("link", name="Compare with another film").click()
    shows(page, "Compare")
    is_at(page, "compare?films=1")
    box = page.get_by_role("searchbox").or_(page.get_by_role("textbox")).first
    box.press_sequentially("amelie", delay=20)
    page.get_by_role("button", name="Add Amélie (2001)").click()
    expect(page.locator('[aria-label^="Stars given to each film"]')).to_be_visible()
    expect(page.get_by_role("button", name="Leave out")).to_have_count(2)
    is_at(page, "compare?films=1&films=9")
    again = go("compare?films=1&films=9")
    expect(again.get_by_role("button", name="Leave out")).to_have_count(2)
    page.go_back()
    expect(page.get_by_role("button", name="Leave out")).to_have_count(1)
    is_at(page, "compare?films=1")


def test_a_decade_and_a_table_are_in_the_address(go: Callable[..., Page]) -> None:
    page = go("films")
    page.get_by_text("1950s", exact=True).first.click()
    expect(page.get_by_text("The best of the 1950s is").first).to_be_visible()
    is_at(page, "films?decade=1950s")
    page.get_by_text("Table", exact=True).click()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    is_at(page, "films?decade=1950s&view=Table")
    expect(go("films?decade=1950s&view=Table").get_by_test_id("stDataFrame")).to_be_visible()


def test_stars_for_taste_are_in_no_address_and_gone_after_a_reload(go: Callable[..., Page]) -> None:
    page = go("taste")
    for row in page.get_by_text("5 ★", exact=True).all()[:5]:
        row.click()
        screenshots.wait_until_drawn(page)
    expect(page.get_by_text(re.compile("liked together with")).first).to_be_visible()
    is_at(page, "taste")
    page.reload()
    screenshots.wait_until_drawn(page)
    expect(page.get_by_text("Rate 5 more films to see.")).to_be_visible()


@pytest.mark.parametrize(("path", "heading"), [("", HOME), ("films", "Films")])
def test_links_to_pages_follow_the_filter_though_only_its_sections_run(
    go: Callable[..., Page], path: str, heading: str
) -> None:
    page = go(path)
    links = page.locator(".st-key-navigation a:visible")
    names = links.all_inner_texts()
    minimum = page.get_by_label("Minimum ratings")
    minimum.scroll_into_view_if_needed()
    page.get_by_test_id("stMain").evaluate("node => node.scrollBy(0, 40)")
    before = scrolled(page)
    minimum.fill("12")
    minimum.press("Enter")
    expect(page).to_have_url(re.compile(rf"/{path}\?min=12$"))
    other = "Films" if heading == HOME else "Overview"
    expect(links.filter(has_text=other)).to_have_attribute("href", re.compile("min=12"))
    assert scrolled(page) == before
    assert links.all_inner_texts() == names == [each.title for each in PAGES.values()]
    links.filter(has_text=other).click()
    shows(page, HOME if other == "Overview" else other)
    is_at(page, "?min=12" if other == "Overview" else "films?min=12")
    page.go_back()
    shows(page, heading)
    is_at(page, f"{path}?min=12")


@pytest.mark.parametrize(
    ("path", "control", "parameter"),
    [
        ("films", "Table", "view=Table"),
        ("films", "1950s", "decade=1950s"),
        ("genres", "Mean rating", "measure="),
    ],
)
def test_a_choice_runs_its_sections_alone(
    go: Callable[..., Page], path: str, control: str, parameter: str
) -> None:
    ends: list[int] = []

    def note(frame: str | bytes) -> None:
        message = ForwardMsg.FromString(frame) if isinstance(frame, bytes) else ForwardMsg()
        if message.WhichOneof("type") == "script_finished":
            ends.append(message.script_finished)

    page = go()
    page.on("websocket", lambda socket: socket.on("framereceived", note))
    page.goto(page.url + path)
    screenshots.wait_until_drawn(page)
    assert set(ends) == {ForwardMsg.FINISHED_SUCCESSFULLY}
    del ends[:]
    page.get_by_text(control, exact=True).first.click()
    expect(page).to_have_url(re.compile(parameter))
    screenshots.wait_until_drawn(page)
    assert set(ends) == {ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY}


# ---- how links and diagrams look ---------------------------------------------------------------


def test_only_the_navigation_shows_where_one_is(go: Callable[..., Page]) -> None:
    """A link to the page that one is on, such as to a similar film, looks like any other."""
    page = go("films?film=1")
    look = "node => getComputedStyle(node).backgroundColor"
    clear = "rgba(0, 0, 0, 0)"
    assert page.get_by_role("link", name="Films", exact=True).evaluate(look) != clear
    links = page.locator(FILM_LINKS).all()
    assert links
    assert {link.evaluate(look) for link in links} == {clear}


def test_words_of_the_lineage_are_legible_on_a_phone(go: Callable[..., Page]) -> None:
    page = go("data?table=mart_movie", 390)
    picture = page.locator('[data-testid="stMermaidChart"] img')
    picture.scroll_into_view_if_needed()
    expect(picture).to_be_visible()
    shown, natural = picture.evaluate("node => [node.clientWidth, node.naturalWidth]")
    # Mermaid writes at 16 pixels.
    assert 16 * shown / natural >= 12
    main = page.get_by_test_id("stMain")
    assert main.evaluate("node => node.scrollWidth - node.clientWidth") <= 0


def test_the_contents_of_data_lead_to_its_sections(go: Callable[..., Page]) -> None:
    page = go("data")
    page.get_by_role("link", name="What can it not tell?").click()
    expect(page.get_by_role("heading", name="What can it not tell?")).to_be_in_viewport()


def test_on_a_phone_a_ranking_has_rank_year_and_score(go: Callable[..., Page]) -> None:
    page = go("films", 390)
    first = page.locator(FILM_LINKS).first
    assert re.match(r"1\. .+ \(\d{4}\)", first.inner_text())
    expect(page.get_by_text(re.compile(r"^score \d")).first).to_be_visible()
    box = first.bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390


# ---- what the address says ---------------------------------------------------------------------


def test_months_are_written_as_in_other_addresses(go: Callable[..., Page]) -> None:
    page = go("?months=1996-01&months=2001-12")
    expect(page.get_by_text(re.compile("^January 1996 to December 2001: ")).first).to_be_visible()
    page.get_by_role("slider", name="Range of months").first.press("ArrowRight")
    expect(page.get_by_text(re.compile("^February 1996 to December 2001: ")).first).to_be_visible()
    is_at(page, "?months=1996-02&months=2001-12")


def test_the_chosen_tag_is_in_the_address(go: Callable[..., Page]) -> None:
    page = go("tags?tag_search=n")
    page.get_by_role("combobox").click()
    page.get_by_role("option", name="boring").click()
    expect(page.get_by_role("combobox")).to_have_value("boring")
    is_at(page, "tags?tag_search=n&tag=boring")
    for path in ("tags?tag_search=n&tag=boring", "tags?tag=boring"):
        again = go(path)
        expect(again.get_by_role("combobox")).to_have_value("boring")
        is_at(again, path)


def test_a_long_paste_is_searched(go: Callable[..., Page]) -> None:
    page = go("films")
    box = page.get_by_role("searchbox").or_(page.get_by_role("textbox")).first
    box.fill("Amélie (2001)" + " " * 200 + "or another film that I once saw")
    expect(page.get_by_text("Only the first 200 characters count")).to_be_visible()
    screenshots.wait_until_drawn(page)  # until then, the ranking may be there as well
    expect(page.get_by_role("link", name="Amélie (2001)")).to_be_visible()


# ---- legibility --------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", screenshots.THEMES)
def test_the_link_to_the_citation_is_legible(
    browser: Browser, address: str, theme: Literal["light", "dark"]
) -> None:
    """4.5:1 with every translucent layer between the link and the page."""
    context = browser.new_context(color_scheme=theme)
    page = context.new_page()
    page.goto(f"{address}/films")
    screenshots.wait_until_drawn(page)
    link = page.get_by_role("link", name="doi.org")
    assert link.evaluate(CONTRAST) >= 4.5
    context.close()


CONTRAST = """node => {
    const parts = colour => colour.match(/[0-9.]+/g).slice(0, 3).map(Number);
    const light = rgb => {
        const [r, g, b] = rgb.map(part => part / 255)
            .map(part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
    };
    let seen = 1;
    for (let up = node; up; up = up.parentElement) seen *= Number(getComputedStyle(up).opacity);
    const app = document.querySelector('[data-testid=stApp]');
    const page = parts(getComputedStyle(app).backgroundColor);
    const ink = parts(getComputedStyle(node).color)
        .map((part, i) => part * seen + page[i] * (1 - seen));
    const [a, b] = [light(ink), light(page)];
    return Math.max(a, b) / Math.min(a, b);
}"""
