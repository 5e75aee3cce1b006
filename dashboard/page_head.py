"""Puts the preview of a link into the page that the server sends, before any script has run."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from anyio import move_on_after, to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from dashboard.link_previews import Preview

# No page waits longer for its preview. It is seldom a delay: what takes long, importing modules and
# reading the marts for the first time, the page needs as well.
_SECONDS = 5
# As Streamlit's page has it.
_TITLE = "<title>Streamlit</title>"


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
    # Only now: what it reads the marts with takes seconds to import, and the server is to answer.
    from dashboard.link_previews import preview

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
