"""Films: live search, and one film's page at `?film=<number>`."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import (
    address,
    charts,
    film_search,
    film_views,
    filters,
    findings,
    layout,
    marts,
    queries,
)
from dashboard.settings import settings
from dashboard.status import Status, published_status

GENRES, TAGS = "app_pages/genres.py", "app_pages/tags.py"


def browse(status: Status) -> None:
    """The ranking under the shared filter."""
    with layout.section("Which films are best loved?"):
        chosen = filters.shared_filter()
        rows = marts.rows(queries.BEST_LOVED, *chosen.parameters)
        if rows.empty:
            filters.say_empty(chosen)
            return
        film_views.ranking(rows, f"Best loved films: {chosen.sentence}.", key="browse")
        st.caption(
            f"Filter: {layout.plain(chosen.sentence)}; the best {len(rows)}."
            f" {film_views.method(status)} Select a row to open the film."
        )
        layout.download(film_views.for_download(rows), f"best-loved_{chosen.slug}", status)


# ---- one film ----------------------------------------------------------------------------------


def facts(film: pd.Series, status: Status) -> None:
    """The film's ratings, mean, rank and spread."""
    n_ratings = int(film["n_ratings"])
    if not n_ratings:
        st.info("Nobody has rated this film in these data.")
        return
    with st.grid(4, min_column_width=150):
        st.metric("Ratings", findings.number(n_ratings), border=True, height="stretch")
        st.metric("Mean", f"{film['sum_rating'] / n_ratings:.2f}", border=True, height="stretch")
        st.metric(
            "Rank among rated films",
            f"{int(film['rank_weighted']):,} of {status.n_rated_movies:,}",
            border=True,
            height="stretch",
        )
        spread = film["sd_rating"]
        if pd.notna(spread):
            st.metric("Spread (standard deviation)", f"{spread:.2f}", border=True, height="stretch")
    st.caption(
        f"Weighted score {film['weighted_score']:.2f}. {film_views.rated_when(film)}"
        f" {film_views.method(status)}"
    )


def stars(film: pd.Series, title: str) -> None:
    """The film's stars compared with all ratings."""
    own = pd.DataFrame(
        {
            "rating": [0.5 + i / 2 for i in range(10)],
            "series": charts.THIS_FILM,
            "n_ratings": [int(film[column]) for column in film_views.STAR_COLUMNS],
        }
    )
    overall = marts.rows(queries.STAR_TOTALS).assign(series=charts.ALL_FILMS)
    rows = pd.concat([own, overall], ignore_index=True)
    rows["share"] = rows["n_ratings"] / rows.groupby("series")["n_ratings"].transform("sum")
    given, most = own["n_ratings"].sum(), own.loc[own["n_ratings"].idxmax()]
    layout.draw(
        rows,
        charts.film_stars(),
        f"Stars given to {title}, {findings.counted(given, 'rating')}; most often"
        f" {most['rating']:g}, by {findings.share(most['n_ratings'], given)}.",
    )


def years(movie_id: int, title: str) -> None:
    """The film's ratings per year."""
    rows = marts.rows(queries.FILM_YEARS, movie_id)
    if rows.empty:
        st.info("Ratings per year are available for films with at least 100 ratings.")
        return
    every = range(int(rows["rating_year"].min()), int(rows["rating_year"].max()) + 1)
    rows = rows.set_index("rating_year").reindex(every, fill_value=0).reset_index()
    rows["mean"] = rows["sum_rating"] / rows["n_ratings"].where(rows["n_ratings"] > 0)
    best = rows.loc[rows["n_ratings"].idxmax()]
    layout.draw(
        rows[["rating_year", "n_ratings", "mean"]],
        charts.film_years(),
        f"Ratings of {title} per year, {every[0]} to {every[-1]}; most in"
        f" {best['rating_year']:.0f},"
        f" {findings.number(best['n_ratings'])}.",
    )
    st.caption("Years without ratings are empty. Years are UTC.")


def kinds(film: pd.Series) -> None:
    """The film's genres and year, as links to more of them."""
    with st.container(horizontal=True, gap="small"):
        genres = film["genres_text"]
        for genre in genres.split(", ") if isinstance(genres, str) else []:
            st.page_link(GENRES, label=layout.plain(genre), query_params={"genres": genre})
        if pd.notna(film["release_year"]):
            year = int(film["release_year"])
            asked = {"years": f"{year},{year}"}
            st.page_link(film_views.PAGE, label=f"Films of {year}", query_params=asked)
    if not isinstance(genres, str):
        layout.say("no genre")
    if film["is_inferred"]:
        layout.say("Not in the list of films; known only from ratings or tags.")


def tag_links(tags: pd.DataFrame) -> None:
    """Tags as links to the films that carry them, with the number of people who used them."""
    with st.container(horizontal=True, gap="small"):
        for row in tags.itertuples():
            with st.container(border=True, width="content"):
                label = layout.plain(f"{row.tag}  ({row.n_people})")
                st.page_link(TAGS, label=label, query_params={"tag": row.tag})


def chips(labels: list[str]) -> None:
    """Untrusted words, shown as written."""
    with st.container(horizontal=True, gap="small"):
        for label in labels:
            with st.container(border=True, width="content"):
                st.text(label)


def words(movie_id: int, status: Status) -> None:
    """Tags people used, and genome tags if the edition has them."""
    tags = marts.rows(queries.FILM_TAGS, movie_id)
    if tags.empty:
        st.info("Nobody has tagged this film in these data.")
    else:
        st.caption("Tags by number of people who used them")
        tag_links(tags)
    if not status.has_genome:
        return
    genome = marts.rows(queries.FILM_GENOME_TAGS, movie_id)
    if not genome.empty:
        st.caption("Most relevant tags of the tag genome, on a scale from 0 to 1")
        chips([f"{row.tag}  {row.relevance:.2f}" for row in genome.itertuples()])


def liked_together(movie_id: int) -> None:
    """Films that the same people like."""
    st.caption("People who liked it also liked")
    rows = marts.rows(queries.FILM_LIKED_TOGETHER, movie_id)
    if rows.empty:
        st.text(
            "No other film is liked by many of the people who like this one: at least 20, and more"
            " than chance would give."
        )
        return
    for row in rows.itertuples():
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            film_views.link(row)
            st.caption(
                f"{findings.counted(row.n_people, 'person', 'people')}, {row.lift:.1f} × chance"
            )
    st.caption(
        "People who have both films among their favourites, compared with what chance would give."
        " The fewer people, the more the list discounts it."
    )


def alike(movie_id: int) -> None:
    """Nearest films by tag genome."""
    st.caption("Films with the same genome tags")
    rows = marts.rows(queries.FILM_SIMILAR, movie_id)
    if rows.empty:
        st.text("The tag genome does not cover this film.")
        return
    for row in rows.itertuples():
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            film_views.link(row)
            st.caption(f"similarity {row.score:.2f}")
    st.caption("Cosine similarity of the films' tag-genome relevances; 1 is identical.")


def similar(movie_id: int, status: Status) -> None:
    """Films liked by the same people and, in an edition with a genome, films with its tags."""
    if not status.has_genome:
        liked_together(movie_id)
        return
    left, right = st.columns(2, gap="large")
    with left:
        liked_together(movie_id)
    with right:
        alike(movie_id)


def links(film: pd.Series) -> None:
    """External links, and the URL of this page."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if isinstance(film["imdb_url"], str):
            st.link_button("IMDb", film["imdb_url"])
        if isinstance(film["tmdb_url"], str):
            st.link_button("TMDB", film["tmdb_url"])
        st.page_link(film_views.PAGE, label="All films", query_params={})
    address = st.context.url
    if address:
        st.caption("Link to this film")
        st.code(f"{address.split('?')[0]}?film={film['movie_id']}", language=None, wrap_lines=True)


def show_film(film: pd.Series, status: Status) -> None:
    """One film, from top to bottom."""
    movie_id, title = int(film["movie_id"]), layout.dated(film["title"], film["release_year"])
    layout.name_tab(title)
    layout.top(layout.plain(title), status)
    kinds(film)
    links(film)
    with layout.section("How is it rated?"):
        facts(film, status)
    if film["n_ratings"]:
        left, right = st.columns(2, gap="large")
        with left, layout.section("How do its stars differ from the usual?"):
            stars(film, title)
        with right, layout.section("When was it rated?"):
            years(movie_id, title)
    with layout.section("What do people call it?"):
        words(movie_id, status)
    with layout.section("What is like it?"):
        similar(movie_id, status)


def no_such_film() -> None:
    """For a film number that is malformed or unknown."""
    st.info(
        f"There is no film with this number in the {settings().standing} data. Film numbers are"
        " whole numbers, as in ?film=318. Search for a title instead."
    )


def page() -> None:
    """The page: one film if the URL names one, else search and ranking."""
    status = published_status()
    asked = st.query_params.get("film")
    movie_id = film_views.film_id(asked) if asked is not None else None
    found = marts.rows(queries.FILM, movie_id) if movie_id is not None else pd.DataFrame()
    if not found.empty:
        address.keep("film", asked)
        show_film(found.iloc[0], status)
    else:
        if asked is None:
            address.keep("film", None)
        layout.top("Films", status)
        if asked is not None:
            no_such_film()
        with layout.section("Which film are you looking for?"):
            searching = film_search.find()
        if not searching:
            browse(status)
    layout.footer(status)


page()
