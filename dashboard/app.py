"""Entry point of the dashboard: page settings, navigation, and what to say when all fails."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import streamlit as st

# Streamlit puts the folder of this file on the path; the package is the folder above it.
_PROJECT = str(Path(__file__).resolve().parents[1])
if _PROJECT not in sys.path:
    sys.path.insert(0, _PROJECT)

from dashboard import layout, marts  # noqa: E402

PAGES = {
    "overview": ("Overview", "What is in here, and what is striking?"),
    "films": ("Films", "Search a film; everything about one film."),
    "genres": ("Genres", "What rose and fell, and do old films score higher?"),
    "tags": ("Tags", "What words go with loved films?"),
    "people": ("People", "Who gives the ratings, when, and do newcomers come back?"),
    "data": ("Data", "How fresh, how tested, what each column means, and what it may be used for."),
}


def run() -> None:
    """Runs the chosen page on one published version."""
    st.set_page_config(page_title="MovieLens", page_icon="🎬", layout="wide")
    pages = [
        st.Page(
            f"app_pages/{name}.py",
            title=title,
            help=help_text,
            url_path=name,
            default=name == "overview",
        )
        for name, (title, help_text) in PAGES.items()
    ]
    page = st.navigation(pages, position="top")
    try:
        marts.pin()
        page.run()
    except marts.VersionGone:
        st.rerun()
    except marts.MartsError as error:
        layout.trouble(error)
    except Exception:
        logging.getLogger("dashboard").exception("A page failed")
        st.error("This page failed. That is a fault of the site, and has been noted in its log.")


run()
