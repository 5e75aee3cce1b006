"""The search box, and the films that it finds."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import film_views, findings, search


def find() -> bool:
    """Live search.

    Returns:
        Whether the visitor is searching.
    """
    typed = st.text_input(
        "Search by title, year, IMDb id or film number",
        type="search",
        live="250ms",
        key="q",
        bind="query-params",
        max_chars=search.ACCEPTED,
        placeholder="amelie, or matrix 1999",
    )
    if not (typed and search.normalised(typed)):
        return False
    if len(typed) > search.LONGEST:
        st.caption(f"Only the first {search.LONGEST} characters count.")
    found = search.find_films(typed)
    if found.films.empty:
        st.info("No title has these words. Try fewer letters, or one word of the title.")
    elif found.is_guess:
        st.info("No title has these words. Did you mean one of these?")
    elif found.n_films > len(found.films):
        st.caption(
            f"The first {len(found.films)} of {findings.counted(found.n_films, 'film')}, exact"
            " titles first, then the most rated; add a word to narrow the search."
        )
    else:
        st.caption(f"{findings.counted(found.n_films, 'film')} found.")
    for row in found.films.itertuples():
        result(row)
    return True


def result(row: Any) -> None:
    """One film found: a link, and what distinguishes films of the same name."""
    genres = row.genres_text if isinstance(row.genres_text, str) else "no genre"
    film_views.line(row, f"{genres} · {film_views.mean_of(row)} · film {row.movie_id}")
