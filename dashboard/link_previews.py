"""What a messenger or a search engine shows of a link: it reads the page and runs no script."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qs

from anyio import move_on_after, to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard import marts, queries
from dashboard.contents import PAGES
from dashboard.film_views import film_id
from dashboard.findings import counted, number
from dashboard.layout import SITE, dated, tab_name

# No page waits longer for its preview.
_SECONDS = 1
# As Streamlit's page has it.
_TITLE = "<title>Streamlit</title>"


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


class LinkPreviews:
    """Puts title and description into the page that Streamlit sends first.

    Args:
        app: The application that sends it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request as ASGI asks for it."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        query = scope["query_string"].decode("latin-1")
        said = None
        with move_on_after(_SECONDS):
            said = await to_thread.run_sync(_preview, scope["path"], query, abandon_on_cancel=True)
        if said is None:
            await self._app(scope, receive, send)
            return
        # A compressed page could not be read, and one that the browser has is about another film.
        unwanted = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")
        headers = [(name, value) for name, value in scope["headers"] if name not in unwanted]
        await self._app({**scope, "headers": headers}, receive, _Rewriting(send, said))


def _preview(path: str, query: str) -> Preview | None:
    try:
        return preview(path, query)
    except Exception:
        logging.getLogger("dashboard").exception("A link has no preview")
        return None


class _Rewriting:
    """Holds back an HTML page until it is whole, and puts a preview into it."""

    def __init__(self, send: Send, said: Preview) -> None:
        self._send = send
        self._said = said
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_html(message):
            self._start = message
        elif message["type"] == "http.response.body" and self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._finish(self._start)
        else:
            await self._send(message)

    async def _finish(self, start: Message) -> None:
        body = self._body.replace(_TITLE.encode(), self._said.head.encode(), 1)
        headers = MutableHeaders(raw=list(start["headers"]))
        headers["content-length"] = str(len(body))
        for validator in ("etag", "last-modified"):
            del headers[validator]
        await self._send({**start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})


def _is_html(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")
