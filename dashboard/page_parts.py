"""Parts of a page: what cannot be read costs one of them only, and some rerun by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec

import streamlit as st

from dashboard import marts

P = ParamSpec("P")


@contextmanager
def failures_said() -> Iterator[None]:
    """Says what a part of a page lacks instead of drawing it.

    Yields:
        Nothing; draw the part inside.
    """
    try:
        yield
    except marts.MartMissing as error:
        st.warning(
            f"This part cannot be shown: {error.names} is not among the published marts, or lacks a"
            " column. `movielens run` builds and publishes all of them again."
        )
    except marts.MartsUnreadable:
        st.warning(
            "This part cannot be shown at the moment: the published data do not answer. Try again"
            " in a minute. If you run this site: `movielens doctor` says what is wrong."
        )


def fragment(part: Callable[P, None]) -> Callable[P, None]:
    """A part that reruns by itself, as `st.fragment` does, on the version that its page shows.

    When another version has been published meanwhile, the whole page runs again: none mixes two.

    Args:
        part: Draws the part.

    Returns:
        The same, to be called by the page.
    """

    @st.fragment
    @wraps(part)
    def on_version(_version: str, /, *args: P.args, **kwargs: P.kwargs) -> None:
        with failures_said():
            try:
                if marts.version() != _version:
                    st.rerun()
                part(*args, **kwargs)
            except (marts.VersionGone, marts.NothingPublished):
                st.rerun()

    @wraps(part)
    def begin(*args: P.args, **kwargs: P.kwargs) -> None:
        on_version(marts.version(), *args, **kwargs)

    return begin
