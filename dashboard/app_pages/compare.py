"""Compare: two to four films, or genres, side by side."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import (
    address,
    charts,
    film_views,
    filters,
    findings,
    layout,
    marts,
    queries,
    search,
)
from dashboard.genre_choice import chosen_genres
from dashboard.line_ends import label_ends
from dashboard.status import Status, published_status

FILMS, GENRES = "Films", "Genres"
MOST = 4
_FOUND = 5


def kind() -> str:
    """Lets the visitor choose what to compare; the choice is in the URL."""
    (asked, *_) = address.chosen("compared", [FILMS])
    st.session_state["compared"] = asked if asked in (FILMS, GENRES) else FILMS
    return str(
        st.segmented_control(
            "Compare",
            [FILMS, GENRES],
            required=True,
            key="compared",
            on_change=address.choose,
            args=("compared", [FILMS]),
        )
    )


def described(row: Any) -> list[str]:
    """Mean, extremes and spread of a film's or a genre's ratings, in words."""
    if not row.n_ratings:
        return ["not rated"]
    told = [
        film_views.mean_of(row),
        f"4 stars or more: {findings.share(row.share_high, 1)}",
        f"2 stars or fewer: {findings.share(row.share_low, 1)}",
    ]
    return told if pd.isna(row.sd_rating) else [*told, f"spread {row.sd_rating:.2f}"]


# ---- films -------------------------------------------------------------------------------------


def asked_films() -> list[int]:
    """The numbers of the films that the URL names; without any, of the two best loved."""
    if "films" in st.query_params:
        said = map(film_views.film_id, st.query_params.get_all("films"))
        return list(dict.fromkeys(number for number in said if number is not None))[:MOST]
    best = marts.rows(queries.BEST_LOVED, *filters.EVERY_FILM.parameters)
    return [int(number) for number in best["movie_id"].head(2)]


def compared_films() -> pd.DataFrame:
    """The films that are compared, one row each."""
    found = [marts.rows(queries.FILM, number) for number in asked_films()]
    rows = [film for film in found if not film.empty]
    if not rows:
        return pd.DataFrame()
    films = pd.concat(rows, ignore_index=True)
    films["series"] = film_views.names(films)
    # Two films of the same name and year would be one line.
    same = films["series"].duplicated(keep=False)
    films.loc[same, "series"] += " [" + films["movie_id"].astype(str) + "]"
    return films


def _write(numbers: list[int]) -> None:
    st.query_params["films"] = [str(number) for number in numbers] or ""
    st.session_state["added"] = ""


def choose_films(films: pd.DataFrame, status: Status) -> None:
    """Shows what is compared, lets the visitor leave one out, and add another."""
    numbers = [] if films.empty else [int(number) for number in films["movie_id"]]
    if films.empty:
        st.info("No film is chosen. Search one below.")
    else:
        layout.state(findings.loved_most(films))
        with st.grid(len(films), min_column_width=200) as grid:
            for row in films.itertuples():
                with grid.cell(), st.container(border=True, height="stretch"):
                    film_views.link(row)
                    told = described(row)
                    if row.n_ratings:
                        place = int(row.rank_weighted)
                        told.append(f"rank {place:,} of {status.n_rated_movies:,}")
                    st.text("\n".join(told))
                    left = [number for number in numbers if number != row.movie_id]
                    st.button("Leave out", key=f"out {row.movie_id}", on_click=_write, args=(left,))
    if len(numbers) >= MOST:
        st.caption(f"At most {MOST} films are compared; leave one out to add another.")
        return
    add_film(numbers)


def add_film(numbers: list[int]) -> None:
    """Searches a film to compare with the others."""
    typed = st.text_input(
        "Add a film by title, year, IMDb id or film number", type="search", live="250ms",
        key="added", max_chars=search.ACCEPTED, placeholder="matrix 1999",
    )  # fmt: skip
    if not (typed and search.normalised(typed)):
        return
    found = search.find_films(typed).films
    found = found[~found["movie_id"].isin(numbers)].head(_FOUND)
    if found.empty:
        st.info("No other title has these words.")
    for row, name in zip(found.itertuples(), film_views.names(found), strict=True):
        more = [*numbers, int(row.movie_id)]
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            label = f"Add {layout.plain(name)}"
            st.button(label, key=f"add {row.movie_id}", on_click=_write, args=(more,))
            st.caption(layout.plain(f"{film_views.mean_of(row)} · film {row.movie_id}"))


def stars(films: pd.DataFrame) -> None:
    """The films' stars over each other."""
    rated = films[films["n_ratings"] > 0]
    if rated.empty:
        st.info("Nobody has rated these films in these data.")
        return
    parts = [
        film_views.star_shares([film[column] for column in film_views.STAR_COLUMNS]).assign(
            series=film["series"]
        )
        for _, film in rated.iterrows()
    ]
    rows = pd.concat(parts, ignore_index=True).rename(columns={"share": "value"})
    top = rows.loc[rows.groupby("series", sort=False)["value"].idxmax()]
    most = "; ".join(f"{row.series}, {row.rating:g} ({row.value:.1%})" for row in top.itertuples())
    layout.draw(
        rows, charts.stars_compared(), f"Stars given to each film. Given most often: {most}."
    )


def years(films: pd.DataFrame) -> None:
    """The films' mean in each year."""
    parts = [
        marts.rows(queries.FILM_YEARS, int(row.movie_id)).assign(series=row.series)
        for row in films.itertuples()
    ]
    means_by_year(pd.concat(parts, ignore_index=True), film_views.FEW_RATINGS)
    st.caption(
        f"Years with fewer than {film_views.FEW_RATINGS} ratings are left out; films with fewer"
        " than 100 ratings have no years."
    )


def means_by_year(rows: pd.DataFrame, enough: int) -> None:
    """Draws a line of yearly means for each series.

    Args:
        rows: Columns series, rating_year, n_ratings, sum_rating.
        enough: Fewer ratings in a year leave a gap.
    """
    if rows.empty:
        st.info("There are no ratings per year to compare.")
        return
    every = range(int(rows["rating_year"].min()), int(rows["rating_year"].max()) + 1)
    names = list(dict.fromkeys(rows["series"]))
    grid = pd.MultiIndex.from_product([names, every], names=["series", "rating_year"])
    rows = rows.set_index(["series", "rating_year"]).reindex(grid, fill_value=0).reset_index()
    rows["value"] = rows["sum_rating"] / rows["n_ratings"].where(rows["n_ratings"] >= enough)
    said = findings.trend(rows, "mean")
    layout.say(said)
    shown = rows[["series", "rating_year", "value", "n_ratings"]]
    layout.draw(
        label_ends(shown, "rating_year"),
        charts.means_by_year(),
        f"Mean rating per year of {', '.join(names)}. {said or ''}",
    )


def films(status: Status) -> None:
    """Films side by side."""
    chosen = pd.DataFrame()
    with layout.section("Which films are compared?"):
        chosen = compared_films()
        choose_films(chosen, status)
    if chosen.empty:
        return
    with layout.section("Which stars do the films get?"):
        stars(chosen)
    with layout.section("How were the films rated over the years?"):
        years(chosen)


# ---- genres ------------------------------------------------------------------------------------


def choose_genres() -> pd.DataFrame:
    """Lets the visitor choose genres; returns up to four, one row each."""
    chosen = chosen_genres(
        f"Genres, two to {MOST}",
        usual=2,
        most=MOST,
        said=f"At most {MOST} genres are compared. Left out",
    )
    order = {genre: place for place, genre in enumerate(chosen)}
    rows = marts.rows(queries.GENRES)
    rows = rows[rows["genre"].isin(order)].assign(series=rows["genre"])
    return rows.sort_values("genre", key=lambda genres: genres.map(order))


def genre_cards(genres: pd.DataFrame) -> None:
    """What is known of each genre."""
    if genres.empty:
        st.info("Choose at least one genre.")
        return
    layout.state(findings.loved_most(genres))
    with st.grid(len(genres), min_column_width=200) as grid:
        for row in genres.itertuples():
            with grid.cell(), st.container(border=True, height="stretch"):
                asked = {"genres": row.genre}
                page = "app_pages/genres.py"
                st.page_link(page, label=layout.plain(row.genre), query_params=asked)
                films = findings.counted(row.n_movies, "film")
                st.text("\n".join([*described(row), films]))
    st.caption(layout.GENRE_NOTE)


def genres() -> None:
    """Genres side by side."""
    chosen = pd.DataFrame()
    with layout.section("Which genres are compared?"):
        chosen = choose_genres()
        genre_cards(chosen)
    if chosen.empty:
        return
    with layout.section("How are the genres rated over the years?"):
        rows = marts.rows(queries.GENRE_YEARS).rename(columns={"genre": "series"})
        order = {name: place for place, name in enumerate(chosen["series"])}
        rows = rows[rows["series"].isin(order)]
        rows = rows.sort_values("series", key=lambda names: names.map(order), kind="stable")
        means_by_year(rows, findings.ENOUGH)
        st.caption(
            f"Lines break at years with fewer than {findings.ENOUGH} ratings. {layout.UTC_NOTE}"
        )


def page() -> None:
    """The page, from top to bottom."""
    status = published_status()
    layout.top("Compare", status)
    if kind() == FILMS:
        films(status)
    else:
        genres()
    layout.footer(status)


page()
