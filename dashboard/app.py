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

from dashboard import address, layout, marts  # noqa: E402 (needs the path set above)
from dashboard.contents import PAGES  # noqa: E402 (needs the path set above)
from dashboard.page_parts import turn  # noqa: E402 (needs the path set above)


def run() -> None:
    """Runs the chosen page against one pinned version."""
    st.set_page_config(page_title="MovieLens", page_icon="🎬", layout="wide")
    pages = [
        st.Page(
            f"app_pages/{name}.py",
            title=page.title,
            help=page.help,
            url_path=name,
            default=name == next(iter(PAGES)),
        )
        for name, page in PAGES.items()
    ]
    chosen = st.navigation(pages, position="hidden")
    try:
        with turn():
            layout.mark_environment()
            name = chosen.url_path or next(iter(PAGES))
            address.correct(name)
            with st.container(horizontal=True, gap=None, key="navigation"):
                address.navigation(dict(zip(PAGES, pages, strict=True)))
                address.begin_at_the_top(name)
            marts.pin()
            chosen.run()
    except marts.VersionGone:
        st.rerun()
    except marts.MartsError as error:
        layout.trouble(error)
    except Exception:
        logging.getLogger("dashboard").exception("A page failed")
        st.error("This page failed because of an error on our side. It has been logged.")


run()
