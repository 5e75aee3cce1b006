"""The address of what is shown, so that it can be shared and gone back to."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import filterfalse

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import film_views, filters
from dashboard.contents import FILTER, PAGES

# The page that the run before this one showed; missing at the beginning of a visit.
_SHOWN = "page shown"
_CAME = "came from another page"
_SCRIPT = """
let before;
// Whoever has no mouse scrolls with the keys, which takes something to focus.
const focusable = () => document.querySelectorAll("[data-testid=stMermaidChart]:not([tabindex])")
    .forEach(diagram => { diagram.tabIndex = 0; });
new MutationObserver(focusable).observe(document.body, { childList: true, subtree: true });
export default ({ data }) => {
    if (data.shown !== before) document.querySelector("[data-testid=stMain]")?.scrollTo(0, 0);
    before = data.shown;
};
"""

# What Streamlit has no option for. A constant, too, and about looks alone.
_LOOKS = """
/* Streamlit draws every link to the page that one is on as the chosen one. */
.stPageLink:not(.st-key-navigation *) a { background-color: transparent; }
.stPageLink:not(.st-key-navigation *) a span { text-decoration: underline; }
.stPageLink:not(.st-key-navigation *) a p { font-weight: inherit; }
/* The links that a fragment drew last take the place of those before: see Navigation. */
.st-key-links > :not(:last-child) { display: none; }
/* Where a figure comes from is an icon to those who see, and a name to those who hear. */
[class*="st-key-origin-of"] [data-testid="stPopoverButton"] [data-testid="stMarkdownContainer"] {
    position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
}
/* The icon stays beside its heading, however many lines that has, and on the page. */
[class*="st-key-heading-of"] { flex-wrap: nowrap; }
[class*="st-key-heading-of"] > :first-child { flex: 0 1 auto; }
[class*="st-key-heading-of"] > :last-child:not(:first-child) { flex: none; width: auto; }
/* A title is shown whole, on as many lines as it takes. */
.stPageLink a, .stPageLink a span, .stPageLink a div, .stPageLink a p { overflow: visible; }
.stPageLink a p { white-space: normal; }
/* A diagram is as large as its words need, and scrolls. */
[class*="st-key-lineage-of"] [data-testid="stMermaidChart"] {
    overflow-x: auto; justify-content: flex-start;
}
[class*="st-key-lineage-of"] [data-testid="stMermaidChart"] img { max-width: none; width: auto; }
"""


@dataclass(frozen=True)
class Navigation:
    """The links to pages with the filter.

    Attributes:
        place: Where they stand.
        pages: All pages by name.
    """

    place: DeltaGenerator
    pages: Mapping[str, st.Page]

    def draw(self) -> None:
        """Writes them from a fragment, which does so again when the filter has changed.

        Streamlit's own forget the filter: the page they open has to put it into the URL, which
        leaves an address in the browser's history that nobody has been at.
        """
        kept = filters.in_address()
        with self.place.container(horizontal=True, gap=None, width="content"):
            for name in filter(_is_filtered, self.pages):
                st.page_link(self.pages[name], help=PAGES[name].help, query_params=kept)


def _is_filtered(page: str) -> bool:
    return set(FILTER) <= set(PAGES[page].parameters)


_navigation: ContextVar[Navigation] = ContextVar("navigation of this run")


def navigation(pages: Mapping[str, st.Page]) -> None:
    """Begins a page with the links to all pages, those with the filter first.

    Args:
        pages: The pages by name.
    """
    links = Navigation(st.container(key="links", width="content"), pages)
    links.draw()
    for name in filterfalse(_is_filtered, pages):
        st.page_link(pages[name], help=PAGES[name].help, query_params={})
    _navigation.set(links)


def drawn_navigation() -> Navigation:
    """Returns the links of this page, which a part that runs alone may have to draw again."""
    return _navigation.get()


def correct(page: str) -> None:
    """Takes out of the URL what is about another page.

    Streamlit writes the parameters of the page that it opens into the URL of the page that it
    leaves, where going back finds them. Such a URL may have been shared, so at the beginning of a
    visit a film in it is opened.

    Args:
        page: The page that is shown; one of `dashboard.contents`.
    """
    before = st.session_state.get(_SHOWN)
    st.session_state[_SHOWN] = page
    st.session_state[_CAME] = before != page
    strange = st.query_params.keys() - set(PAGES[page].parameters)
    movie_id = film_views.film_id(st.query_params.get("film", "")) if "film" in strange else None
    if before is None and movie_id is not None:
        film_views.open_film(movie_id)
    for parameter in strange:
        del st.query_params[parameter]


def begin_at_the_top(page: str) -> None:
    """Shows the top of what was not shown before, however far the visitor has scrolled.

    Streamlit changes the elements that are there, so the browser stays where it is.

    Args:
        page: The page that is shown.
    """
    asked = (st.query_params.get(parameter, "") for parameter in ("film", "table"))
    # The only script of this site. No text of strangers is in it: it compares what it is given.
    scroll = st.components.v2.component("top", js=_SCRIPT, css=_LOOKS, isolate_styles=False)
    shown = {"shown": " ".join((page, *asked))}
    scroll(key="top", data=shown, height="content")


def chosen(parameter: str, usual: list[str]) -> list[str]:
    """Reads a choice from the URL.

    Streamlit can bind a widget to the URL, but then each way to another page leaves an address
    between the two in the browser's history.

    Args:
        parameter: Name of the parameter, and key of the widget.
        usual: What is chosen if the URL says nothing.
    """
    return st.query_params.get_all(parameter) if parameter in st.query_params else usual


def choose(parameter: str, usual: list[str]) -> None:
    """Writes the choice that a widget holds into the URL; for the widget's `on_change`.

    Args:
        parameter: Name of the parameter, and key of the widget.
        usual: What the URL need not say.
    """
    value = st.session_state[parameter]
    values = [value] if isinstance(value, str) else [str(each) for each in value]
    if values == usual:
        st.query_params.pop(parameter, None)
    else:
        st.query_params[parameter] = values or ""


def keep(parameter: str, value: str | None) -> None:
    """Makes the URL name what is shown, or nothing if all is.

    A link within a page reruns it with new parameters but leaves the URL as it was; writing the
    parameters, even unchanged, corrects it. One from another page has changed the URL already, and
    writing it would leave the address of neither in the history.

    Args:
        parameter: Name of the parameter, such as film.
        value: What is shown, or None for all.
    """
    if value is not None:
        if not st.session_state[_CAME]:
            st.query_params[parameter] = value
    elif st.session_state.get(f"{parameter} shown"):
        st.query_params[parameter] = ""
        del st.query_params[parameter]
    st.session_state[f"{parameter} shown"] = value is not None
