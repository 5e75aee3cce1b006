"""Parts of a page: each fails alone, and some rerun alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, wraps
from threading import Semaphore
from typing import ParamSpec

import streamlit as st

from dashboard import marts
from dashboard.operator_log import tell_operator
from dashboard.settings import settings

P = ParamSpec("P")
_has_turn: ContextVar[bool] = ContextVar("this run has its turn", default=False)


@contextmanager
def turn() -> Iterator[None]:
    """Waits until this run of a page or a fragment has its turn; first come, first served.

    Python computes one page at a time anyway. Many that share it in slices of milliseconds all end
    late, and keep the thread waiting that sends their answers.

    Yields:
        Nothing; run the page inside.
    """
    if _has_turn.get():
        yield
        return
    with _turns(marts.at_once()):
        has_turn = _has_turn.set(True)
        try:
            yield
        finally:
            _has_turn.reset(has_turn)


@cache
def _turns(at_once: int) -> Semaphore:
    return Semaphore(at_once)


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
        with turn(), failures_said():
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
