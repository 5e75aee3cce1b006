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
    """The links on the page, without those to all pages above it, some of which are there twice."""
    every = [link.proto for link in app.get("page_link")]
    last_above = list(contents.PAGES.values())[-1].title
    labels = [link.label for link in every]
    return every[labels.index(last_above) + 1 :] if last_above in labels else every


def links(app: AppTest) -> list[str]:
    """The labels of the links on the page, without those to all pages above it."""
    return [link.label for link in page_links(app)]
