"""Genres: which rose or fell, and do old films score higher?"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import address, charts, findings, layout, marts, queries
from dashboard.genre_choice import chosen_genres
from dashboard.line_ends import label_ends
from dashboard.page_parts import fragment
from dashboard.status import published_status

SHARE, MEAN = "Share of ratings", "Mean rating"
MOST_LINES = 5


def series(chosen: list[str], measure: str) -> pd.DataFrame:
    """One row per chosen genre and year of the data; value null in years with too few ratings."""
    totals = marts.rows(queries.YEAR_TOTALS).astype({"rating_year": int})
    years = range(totals["rating_year"].min(), totals["rating_year"].max() + 1)
    every = pd.MultiIndex.from_product([chosen, years], names=["series", "rating_year"])
    rows = marts.rows(queries.GENRE_YEARS).rename(columns={"genre": "series"})
    rows = rows.set_index(["series", "rating_year"])
    rows = rows.reindex(every, fill_value=0).reset_index()
    if measure == SHARE:
        whole = rows["rating_year"].map(totals.set_index("rating_year")["n_ratings"])
        rows["value"] = rows["n_ratings"] / whole.where(whole >= findings.ENOUGH)
    else:
        rows["value"] = rows["sum_rating"] / rows["n_ratings"].where(
            rows["n_ratings"] >= findings.ENOUGH
        )
    return rows[["series", "rating_year", "value", "n_ratings"]]


@fragment
def over_time() -> None:
    """A line for each chosen genre."""
    if marts.rows(queries.YEAR_TOTALS).empty:
        st.info("There are no ratings in this version.")
        return
    chosen = chosen_genres(
        f"Genres, up to {MOST_LINES}",
        usual=4,
        most=MOST_LINES,
        said=f"More than {MOST_LINES} lines are hard to tell apart. Not drawn",
    )
    (asked, *_) = address.chosen("measure", [SHARE])
    st.session_state["measure"] = asked if asked in (SHARE, MEAN) else SHARE
    measure = st.segmented_control(
        "Measure",
        [SHARE, MEAN],
        required=True,
        key="measure",
        on_change=address.choose,
        args=("measure", [SHARE]),
    )
    if not chosen:
        st.info("Choose at least one genre.")
        return
    compared = {"compared": "Genres", "genres": chosen}
    st.page_link("app_pages/compare.py", label="Compare these genres", query_params=compared)
    rows = series(chosen, str(measure))
    said = findings.trend(rows, "share" if measure == SHARE else "mean")
    layout.say(said)
    layout.draw(
        label_ends(rows, "rating_year"),
        charts.shares_by_year() if measure == SHARE else charts.means_by_year(),
        f"{measure} per year for {', '.join(chosen)}. {said or ''}",
    )
    st.caption(
        f"Lines break at years with fewer than {findings.ENOUGH} ratings."
        f" {layout.GENRE_NOTE} {layout.UTC_NOTE}"
    )


def by_decade() -> None:
    """Heat map of means."""
    rows = marts.rows(queries.GENRE_DECADES)
    rows = rows[rows["n_ratings"] > 0]
    if rows.empty:
        st.info("No film with a genre and a release year has ratings.")
        return
    rows["mean"] = rows["sum_rating"] / rows["n_ratings"]
    rows["enough"] = rows["n_ratings"] >= findings.ENOUGH
    rows["decade"] = rows["release_decade"].astype(str) + "s"
    layout.state(findings.old_films_in_short(rows))
    said = findings.old_films(rows)
    layout.say(said)
    sums = rows.groupby("genre")[["sum_rating", "n_ratings"]].sum()
    order = (sums["sum_rating"] / sums["n_ratings"]).rank(ascending=False, method="first")
    rows = rows.assign(place=rows["genre"].map(order)).sort_values(["place", "release_decade"])
    layout.draw(
        rows[["genre", "decade", "mean", "n_ratings", "n_movies", "enough"]],
        charts.genre_decades(),
        f"Mean rating by genre and decade of release, {len(rows)} cells. {said or ''}",
    )
    st.caption(
        "The genre with the highest mean is on top."
        f" Grey: fewer than {findings.ENOUGH} ratings. Old films that people still watch and rate"
        " are mostly the loved ones, so a high mean for an old decade does not show that films were"
        f" better then. {layout.GENRE_NOTE}"
    )


def together() -> None:
    """The matrix of pairs."""
    rows = marts.rows(queries.GENRE_PAIRS)
    if rows.empty:
        st.info("No film has two genres.")
        return
    said = findings.commonest_pair(rows.assign(pair=rows["genre_a"] + " + " + rows["genre_b"]))
    layout.say(said)
    layout.draw(
        with_shares(rows, marts.rows(queries.GENRES)),
        charts.genre_pairs(),
        f"Films that two genres share, {findings.counted(len(rows), 'pair')}. {said or ''}",
    )
    st.caption(
        "Each pair appears once; of two genres without a cell, no film is both."
        " A film with three genres counts in three pairs. Colours are on a square-root scale."
    )


def with_shares(pairs: pd.DataFrame, genres: pd.DataFrame) -> pd.DataFrame:
    """Adds the mean of each pair's films, and their share of the films of either genre."""
    films = genres.set_index("genre")["n_movies"]
    cells = pairs.assign(
        share_a=pairs["n_movies"] / pairs["genre_a"].map(films),
        share_b=pairs["n_movies"] / pairs["genre_b"].map(films),
        mean=pairs["sum_rating"] / pairs["n_ratings"].where(pairs["n_ratings"] > 0),
    )
    return cells.drop(columns="sum_rating")


def page() -> None:
    """The page, from top to bottom."""
    status = published_status()
    layout.top("Genres", status)
    with layout.section("Which genres rose, which fell?"):
        over_time()
    with layout.section("Do old films score higher?"):
        by_decade()
    with layout.section("Which genres go together?"):
        together()
    layout.footer(status)


page()
