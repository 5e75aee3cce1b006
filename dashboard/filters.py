"""The filters that Overview and Films share; each lives in the address of the page."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dashboard import marts, queries
from dashboard.layout import plain

ALL_GENRES = "All genres"
# One or two enthusiastic ratings are not yet an opinion of many.
USUAL_MINIMUM = 10
_KEYS = ("genre", "years", "min")


@dataclass(frozen=True)
class Filter:
    """Which films count.

    Attributes:
        genre: One genre, or None for all.
        first: First year of release.
        last: Last year of release.
        whole_span: True when the years are not narrowed; then films without a year count too.
        minimum: Least number of ratings.
    """

    genre: str | None
    first: int
    last: int
    whole_span: bool
    minimum: int

    @property
    def parameters(self) -> tuple[marts.Parameter, ...]:
        """Values for the shared filter of `dashboard.queries`."""
        pattern = f"%, {escaped(self.genre)},%" if self.genre else "%"
        yearless = self.first if self.whole_span else self.first - 1
        return (self.minimum, pattern, yearless, self.first, self.last)

    @property
    def sentence(self) -> str:
        """The filter in words."""
        years = "all years" if self.whole_span else f"released {self.first} to {self.last}"
        ratings = "rating" if self.minimum == 1 else "ratings"
        return f"{self.genre or 'all genres'}, {years}, at least {self.minimum:,} {ratings}"

    @property
    def slug(self) -> str:
        """The filter as part of a file name."""
        years = "" if self.whole_span else f"_{self.first}-{self.last}"
        return f"{self.genre or 'all-genres'}{years}_min-{self.minimum}"


def escaped(text: str) -> str:
    """Makes text stand for itself in a `like … escape '!'` pattern.

    Args:
        text: What to look for.

    Returns:
        It, with the signs that mean something to `like` escaped.
    """
    for sign in ("!", "%", "_"):
        text = text.replace(sign, f"!{sign}")
    return text


def shared_filter() -> Filter:
    """Shows the filters and tells what is chosen.

    Returns:
        The filter; limits are checked here, whatever the address said.
    """
    genres = [ALL_GENRES, *marts.rows(queries.GENRES)["genre"]]
    low, high = _span()
    with st.container(border=True):
        columns = st.columns([3, 4, 3, 2], vertical_alignment="bottom")
        genre = columns[0].selectbox("Genre", genres, key="genre", bind="query-params")
        years = columns[1].slider(
            "Released", low, high, (low, high), key="years", bind="query-params"
        )
        minimum = columns[2].number_input(
            "Minimum ratings", 1, 10_000_000, USUAL_MINIMUM, 5, key="min", bind="query-params"
        )
        columns[3].button("Reset", on_click=_reset, width="stretch")
    first, last = (int(year) for year in years)
    return Filter(
        genre=None if genre in (None, ALL_GENRES) else str(genre),
        first=first,
        last=last,
        whole_span=(first, last) == (low, high),
        minimum=max(1, int(minimum or 1)),
    )


def _span() -> tuple[int, int]:
    years = marts.rows(queries.RELEASE_SPAN).iloc[0]
    if years.isna().any():
        return 1900, 2000
    low, high = int(years["first_year"]), int(years["last_year"])
    return low, max(high, low + 1)


def _reset() -> None:
    for key in _KEYS:
        st.session_state.pop(key, None)


def say_empty(chosen: Filter) -> None:
    """Says that no film passes the filter, and the way out.

    Args:
        chosen: The filter.
    """
    st.info(
        f"No film passes this filter ({plain(chosen.sentence)}). Lower the minimum, widen the"
        " years, or press Reset."
    )
