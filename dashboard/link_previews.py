"""What a messenger or a search engine shows of a link: it reads the page and runs no script."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qs

from dashboard import marts, queries
from dashboard.contents import PAGES
from dashboard.film_views import film_id
from dashboard.findings import counted, number
from dashboard.layout import SITE, dated, tab_name


@dataclass(frozen=True)
class Preview:
    """A title and a sentence; plain text, of strangers in part."""

    title: str
    description: str

    @property
    def head(self) -> str:
        """The elements for the head of the page."""
        title, description = escape(self.title), escape(self.description)
        return (
            f"<title>{title}</title>"
            f'<meta name="description" content="{description}"/>'
            f'<meta property="og:title" content="{title}"/>'
            f'<meta property="og:description" content="{description}"/>'
            f'<meta property="og:site_name" content="{SITE}"/>'
            '<meta property="og:type" content="website"/>'
        )


def preview(path: str, query: str) -> Preview | None:
    """Says what a page is about.

    Args:
        path: Its path, such as '/films'.
        query: Its parameters, such as 'film=318'.

    Returns:
        The preview; None if the path is no page.
    """
    name = path.rsplit("/", 1)[-1] or next(iter(PAGES))
    if name not in PAGES:
        return None
    asked = parse_qs(query).get("film", [""])[0] if "film" in PAGES[name].parameters else ""
    page = Preview(tab_name(PAGES[name].title), PAGES[name].help)
    return _of_film(asked) or page


def _of_film(asked: str) -> Preview | None:
    movie_id = film_id(asked)
    if movie_id is None:
        return None
    try:
        marts.pin()
        found = marts.rows(queries.FILM, movie_id)
    except marts.MartsError:
        return None
    if found.empty:
        return None
    film = found.iloc[0]
    n_ratings = int(film["n_ratings"])
    said = [film["genres_text"]] if isinstance(film["genres_text"], str) else []
    if n_ratings:
        mean = film["sum_rating"] / n_ratings
        said.append(f"mean {mean:.2f} of {counted(n_ratings, 'rating')}")
        said.append(f"rank {number(film['rank_weighted'])}")
    title = tab_name(dated(film["title"], film["release_year"]))
    return Preview(title, " · ".join(said) or PAGES["films"].help)
