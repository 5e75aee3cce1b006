"""Taste: rate five films, and get films that people with the same favourites like."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import film_views, findings, layout, marts, queries, taste
from dashboard.status import published_status

ASKED = 5
# In the memory of this visit, which ends with it.
_STARS, _UNSEEN = "taste stars", "taste unseen"


def _rate(movie_id: int) -> None:
    given = st.session_state[f"stars of {movie_id}"]
    if given is None:
        st.session_state[_STARS].pop(movie_id, None)
    else:
        st.session_state[_STARS][movie_id] = int(given)


def _skip(movie_id: int) -> None:
    st.session_state[_UNSEEN].add(movie_id)
    st.session_state[_STARS].pop(movie_id, None)


def _start_again() -> None:
    st.session_state[_STARS], st.session_state[_UNSEEN] = {}, set()


def ask(films: pd.DataFrame) -> None:
    """Five films to rate; each that the visitor has not seen makes room for another."""
    stars, unseen = st.session_state[_STARS], st.session_state[_UNSEEN]
    shown = films[~films["movie_id"].isin(unseen)].head(ASKED)
    if len(shown) < ASKED and unseen:
        st.info("There are no more films to ask about.")
    for row in shown.itertuples():
        movie_id = int(row.movie_id)
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            film_views.link(row)
            key = f"stars of {movie_id}"
            st.session_state[key] = stars.get(movie_id)
            st.pills(
                f"Stars for {layout.plain(row.title)}",
                range(1, 6),
                format_func=lambda given: f"{given} ★",
                key=key,
                on_change=_rate,
                args=(movie_id,),
                label_visibility="collapsed",
            )
            st.button("Not seen", key=f"skip {movie_id}", on_click=_skip, args=(movie_id,))
    if stars or unseen:
        st.button("Start again", on_click=_start_again)
    st.caption(
        "Your stars are not stored: they are in neither the address nor any file, and the server"
        " forgets them when you close or reload this page."
    )


def answer(films: pd.DataFrame) -> None:
    """What people like who like what the visitor likes."""
    stars = st.session_state[_STARS]
    if len(stars) < min(ASKED, len(films)):
        left = min(ASKED, len(films)) - len(stars)
        st.info(f"Rate {findings.counted(left, 'more film')} to see.")
        return
    near = {
        movie_id: marts.rows(queries.FILM_LIKED_TOGETHER, movie_id)
        for movie_id in taste.liked(stars)
    }
    found = taste.neighbours(near, stars)
    if found.empty:
        st.info(
            f"You gave none of them {taste.LIKED_FROM} stars or more, so there is nothing to go by:"
            " these data know who likes a film, not who dislikes it. Press Not seen to get others."
        )
        return
    known = dict(zip(films["movie_id"], film_views.names(films), strict=True))
    for place, row in enumerate(found.itertuples(), start=1):
        because = " and ".join(known[movie_id] for movie_id in row.liked)
        film_views.line(row, f"liked together with {because}", f"{place}.")
    st.caption(
        "Ranked by the sum of their scores of being liked together with the films to which you gave"
        f" {taste.LIKED_FROM} stars or more: how many people like both, compared with chance, and"
        " discounted if they are few."
    )


def page() -> None:
    """The page, from top to bottom."""
    status = published_status()
    layout.top("Taste", status)
    layout.say("Rate five films, and see what people like who like what you like.")
    st.session_state.setdefault(_STARS, {})
    st.session_state.setdefault(_UNSEEN, set())
    films = pd.DataFrame()
    with layout.section("Which of these have you seen?"):
        films = marts.rows(queries.TASTE_FILMS)
        if films.empty:
            st.info("These data are too few: no two films are liked by the same 20 people.")
        else:
            ask(films)
    if not films.empty:
        with layout.section("What may you like?"):
            answer(films)
    layout.footer(status)


page()
