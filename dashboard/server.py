"""Entry point of the dashboard as a server: its pages, with previews of links to them."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

# Streamlit puts this file's folder on the path; the package needs the folder above it.
_PROJECT = str(Path(__file__).resolve().parents[1])
if _PROJECT not in sys.path:
    sys.path.insert(0, _PROJECT)

from dashboard.page_head import LinkPreviews  # noqa: E402 (needs the path set above)

# With 60 visitors, a full collection stops a process for up to a quarter of a second.
gc.set_threshold(50_000, 20, 50)

app = st.App("app.py", middleware=[Middleware(LinkPreviews)])
