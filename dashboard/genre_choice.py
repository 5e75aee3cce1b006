"""The choice of genres that pages share, kept in the URL."""

from __future__ import annotations

import streamlit as st

from dashboard import address, marts, queries
from dashboard.layout import plain, say


def chosen_genres(label: str, usual: int, most: int, said: str) -> list[str]:
    """Lets the visitor choose genres.

    Args:
        label: What to choose.
        usual: How many are chosen at first, those with most ratings.
        most: How many count.
        said: The words before the names of genres chosen beyond that.

    Returns:
        The genres, in the order in which they were chosen.
    """
    genres = marts.rows(queries.GENRES).sort_values("n_ratings", ascending=False)["genre"]
    first = sorted(genres.head(usual))
    asked = address.chosen("genres", first)
    st.session_state["genres"] = [genre for genre in asked if genre in set(genres)]
    chosen = st.pills(
        label,
        sorted(genres),
        selection_mode="multi",
        format_func=plain,
        key="genres",
        on_change=address.choose,
        args=("genres", first),
        wrap=True,
    )
    if len(chosen) > most:
        say(f"{said}: {', '.join(chosen[most:])}.")
    return list(chosen[:most])
