"""The filters shared by Overview and Films, kept in the URL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import streamlit as st

from dashboard import marts, queries
from dashboard.contents import FILTER
from dashboard.layout import plain

ALL_GENRES = "All genres"
# One or two enthusiastic ratings are no consensus.
USUAL_MINIMUM = 10
MOST = 10_000_000
_KEPT = "filter"
_ADDRESS = "filter in the address"


@dataclass(frozen=True)
class Filter:
    """Which films to include.

    Attributes:
        genre: One genre, or None for all.
        first: First year of release.
        last: Last year of release.
        whole_span: Whether the years are unrestricted, which includes films without a year.
        minimum: Minimum number of ratings.
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


EVERY_FILM = Filter(genre=None, first=0, last=9999, whole_span=True, minimum=USUAL_MINIMUM)


def escaped(text: str) -> str:
    """Escapes text for a `like … escape '!'` pattern."""
    for sign in ("!", "%", "_"):
        text = text.replace(sign, f"!{sign}")
    return text


def shared_filter() -> Filter:
    """Shows the filters and returns the choice.

    Streamlit's own binding of widgets to the URL is lost when the page changes, so the choice is
    kept here and written to the URL wherever the filters are shown.

    Returns:
        The filter, within its limits whatever the URL says.
    """
    genres, (low, high) = _genres(), _span()
    chosen = _chosen(genres, low, high)
    _write_address(chosen, (low, high))
    for key, value in chosen.items():
        st.session_state[key] = value
    with st.container(border=True):
        columns = st.columns([3, 4, 3, 2], vertical_alignment="bottom")
        change: dict[str, Any] = {"on_change": _changed, "args": ((low, high),)}
        columns[0].selectbox("Genre", genres, key="genre", **change)
        columns[1].slider("Released", low, high, key="years", **change)
        columns[2].number_input("Minimum ratings", 1, MOST, step=5, key="min", **change)
        columns[3].button("Reset", on_click=_reset, args=((low, high),), width="stretch")
    first, last = chosen["years"]
    return Filter(
        genre=None if chosen["genre"] == ALL_GENRES else chosen["genre"],
        first=first,
        last=last,
        whole_span=(first, last) == (low, high),
        minimum=chosen["min"],
    )


def _chosen(genres: tuple[str, ...], low: int, high: int) -> dict[str, Any]:
    """What the URL says, else the previous choice, else everything."""
    asked = st.query_params.to_dict()
    if not asked.keys() & set(FILTER):
        before = st.session_state.get(_KEPT, {})
        asked = {key: _as_text(value) for key, value in before.items()}
    genre = asked.get("genre", ALL_GENRES)
    return {
        "genre": genre if genre in genres else ALL_GENRES,
        "years": _years(asked.get("years", ""), low, high),
        "min": _minimum(asked.get("min", "")),
    }


def _years(text: str, low: int, high: int) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,4}),([0-9]{1,4})", text)
    first, last = (int(match[1]), int(match[2])) if match else (low, high)
    return (first, last) if low <= first <= last <= high else (low, high)


def _minimum(text: str) -> int:
    number = int(text) if re.fullmatch(r"[0-9]{1,8}", text) else USUAL_MINIMUM
    return number if 1 <= number <= MOST else USUAL_MINIMUM


def _as_text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _changed(span: tuple[int, int]) -> None:
    values = {key: st.session_state[key] for key in FILTER}
    values["years"] = tuple(int(year) for year in values["years"])
    _write_address(values, span)


def _reset(span: tuple[int, int]) -> None:
    _write_address({"genre": ALL_GENRES, "years": span, "min": USUAL_MINIMUM}, span)


def _write_address(values: dict[str, Any], span: tuple[int, int]) -> None:
    st.session_state[_KEPT] = values
    usual = {"genre": ALL_GENRES, "years": span, "min": USUAL_MINIMUM}
    said = {key: _as_text(value) for key, value in values.items() if value != usual[key]}
    st.session_state[_ADDRESS] = said
    for key in FILTER:
        if key not in said:
            st.query_params.pop(key, None)
        elif st.query_params.get(key) != said[key]:
            st.query_params[key] = said[key]


def in_address() -> dict[str, str]:
    """The choice as links to pages with the filter have it, without what is usual."""
    asked = {key: st.query_params[key] for key in FILTER if key in st.query_params}
    return asked or st.session_state.get(_ADDRESS, {})


@marts.remembered
def _genres() -> tuple[str, ...]:
    return ALL_GENRES, *marts.rows(queries.GENRES)["genre"]


@marts.remembered
def _span() -> tuple[int, int]:
    years = marts.rows(queries.RELEASE_SPAN).iloc[0]
    if years.isna().any():
        return 1900, 2000
    low, high = int(years["first_year"]), int(years["last_year"])
    return low, max(high, low + 1)


def say_empty(chosen: Filter) -> None:
    """Says that no film passes the filter, and what to change."""
    st.info(
        f"No film passes this filter ({plain(chosen.sentence)}). Lower the minimum, widen the"
        " years, or press Reset."
    )
