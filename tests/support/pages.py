"""Pages of the dashboard, as tests read them."""

from __future__ import annotations

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


def links(app: AppTest) -> list[str]:
    """The labels of the links on the page, without those to all pages above it."""
    return [link.proto.label for link in app.get("page_link")][len(PAGES) :]
