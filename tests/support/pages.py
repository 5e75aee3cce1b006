"""Pages of the dashboard, as tests read them."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest

from dashboard import contents

PAGES = list(contents.PAGES)


def words(app: AppTest) -> str:
    """Everything that is written on the page."""
    shown = [
        element.value  # type: ignore[union-attr]
        for kind in ("title", "header", "text", "caption", "markdown", "info", "warning", "error")
        for element in app.get(kind)
    ]
    return "\n".join(str(value) for value in shown)


def page_links(app: AppTest) -> list[Any]:
    """The links on the page, without those to all pages above it, which may be there twice."""
    every = [link.proto for link in app.get("page_link")]
    above = [link.label for link in every[: len(PAGES)]]
    while above and [link.label for link in every[: len(PAGES)]] == above:
        every = every[len(PAGES) :]
    return every


def links(app: AppTest) -> list[str]:
    """The labels of the links on the page, without those to all pages above it."""
    return [link.label for link in page_links(app)]
