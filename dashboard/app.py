"""Entry point of the dashboard: page settings, navigation, last-resort errors."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import streamlit as st

# Streamlit puts this file's folder on the path; the package needs the folder above it.
_PROJECT = str(Path(__file__).resolve().parents[1])
if _PROJECT not in sys.path:
    sys.path.insert(0, _PROJECT)

from dashboard import layout, marts  # noqa: E402

PAGES = {
    "overview": ("Overview", "What is in the data, and what stands out?"),
    "films": ("Films", "Search films; see everything about one."),
    "genres": ("Genres", "Which genres rose or fell, and do old films score higher?"),
    "tags": ("Tags", "Which words go with loved films?"),
    "people": ("People", "Who gives the ratings, when, and do newcomers come back?"),
    "data": ("Data", "Freshness, checks, the meaning of each column, and terms of use."),
}


def run() -> None:
    """Runs the chosen page against one pinned version."""
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
        st.error("This page failed because of an error on our side. It has been logged.")


run()
