"""Parts of a page: each fails alone, and some rerun alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec

import streamlit as st

from dashboard import marts
from dashboard.operator_log import tell_operator
from dashboard.settings import settings

P = ParamSpec("P")


@contextmanager
def failures_said() -> Iterator[None]:
    """If a part of a page cannot be drawn, says why in its place.

    Yields:
        Nothing; draw the part inside.
    """
    standing = settings().standing
    try:
        yield
    except marts.MartMissing as error:
        st.warning(
            f"This part cannot be shown: {error.names} is not among the {standing} marts, or lacks"
            " a column."
        )
        tell_operator(
            f"{error.names} is not {standing}, or lacks a column",
            "`movielens run` builds and publishes all marts again",
        )
    except marts.MartsUnreadable:
        st.warning(
            f"This part cannot be shown right now: the {standing} data do not answer. Try again in"
            " a minute."
        )
        tell_operator(
            f"The {standing} marts do not answer", "`movielens doctor` says what is wrong"
        )


def fragment(part: Callable[P, None]) -> Callable[P, None]:
    """Makes a part rerun alone, like `st.fragment`, on the version its page shows.

    If another version has been published meanwhile, the whole page reruns, so none mixes two.
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
