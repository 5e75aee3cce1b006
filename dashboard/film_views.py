"""Views of films shared by pages: ranking, cards, links to a film's page."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import charts, findings
from dashboard.layout import dated, plain, table
from dashboard.status import Status

PAGE = "app_pages/films.py"
STAR_COLUMNS = ["h05", "h10", "h15", "h20", "h25", "h30", "h35", "h40", "h45", "h50"]
# Below this, days of ratings would be about people rather than the film.
FEW_RATINGS = 5
_BIGGEST_ID = 2**63 - 1


def film_id(text: str) -> int | None:
    """Reads a film's number from the URL; None if the text, whatever it is, cannot be one."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    return int(text) if int(text) <= _BIGGEST_ID else None


def open_film(movie_id: int) -> None:
    """Switches to the page of a film."""
    st.switch_page(PAGE, query_params={"film": str(movie_id)})


def link(row: Any) -> None:
    """Writes a link to a film's page.

    Args:
        row: Has movie_id, title, release_year.
    """
    st.page_link(
        PAGE,
        label=plain(dated(row.title, row.release_year)),
        query_params={"film": str(row.movie_id)},
        help=plain(dated(row.title, row.release_year)),
    )


def method(status: Status) -> str:
    """States how films are ranked, with the numbers of this build."""
    if status.prior_mean is None:
        return "There are no ratings to rank by."
    return (
        f"Ranked by weighted score: each film starts with m = {status.prior_weight:,} ratings at"
        f" the overall mean C = {status.prior_mean:.3f}, so a few ratings cannot outrank many."
    )


def rated_when(film: pd.Series) -> str:
    """Says when a film was first and last rated; of a film with few ratings, only in which year."""
    first, last = film["first_rated_at"], film["last_rated_at"]
    if film["n_ratings"] >= FEW_RATINGS:
        return f"First rated {findings.day(first)}, last {findings.day(last)}."
    if first.year == last.year:
        return f"Rated in {first.year}."
    return f"First rated in {first.year}, last in {last.year}."


def grouped(films: pd.DataFrame, prior_weight: int) -> pd.DataFrame:
    """Marks the best loved films and the hidden gems for the scatter.

    Args:
        films: Rows of SCATTER.
        prior_weight: m; a gem has at most twice as many ratings.

    Returns:
        The films with mean, year as text, group, and drawing order (marked ones on top).
    """
    ranked = films.sort_values("rank_weighted")
    best = ranked.head(10).index
    gems = ranked[ranked["n_ratings"] <= 2 * prior_weight].head(10).index.difference(best)
    films["group"] = charts.OTHER
    films.loc[gems, "group"] = charts.GEM
    films.loc[best, "group"] = charts.BEST
    films["drawn"] = (films["group"] != charts.OTHER).astype(int)
    films["mean"] = films["sum_rating"] / films["n_ratings"]
    films["year"] = [str(int(y)) if pd.notna(y) else "unknown" for y in films["release_year"]]
    # The order in which a screen reader has them.
    ordered = films.sort_values(["n_ratings", "movie_id"], ascending=[False, True])
    return ordered.drop(columns=["release_year", "sum_rating", "rank_weighted"])


def ranking(films: pd.DataFrame, alt: str, key: str) -> None:
    """Shows a ranked table; a selected row opens the film.

    Args:
        films: Rows of BEST_LOVED.
        alt: The table's alternative text, one sentence.
        key: Key of the widget.
    """
    shares = films[STAR_COLUMNS].div(films["n_ratings"], axis=0)
    shown = pd.DataFrame(
        {
            "Film": films["title"],
            "Score": films["weighted_score"],
            "Ratings": films["n_ratings"],
            "Mean": films["sum_rating"] / films["n_ratings"],
            "Released": films["release_year"].astype("Int64"),
            "½ to 5 stars": shares.to_numpy().tolist(),
            "Genres": films["genres_text"],
            "IMDb": films["imdb_url"],
            "TMDB": films["tmdb_url"],
        }
    )
    event = table(
        shown,
        alt,
        _ranking_columns(float(shares.to_numpy().max())),
        on_select="rerun",
        selection_mode="single-row",
        key=key,
        height=420,
    )
    if event.selection.rows:
        open_film(int(films["movie_id"].iloc[event.selection.rows[0]]))


def _ranking_columns(highest_share: float) -> dict[str, Any]:
    column = st.column_config
    return {
        "Film": column.TextColumn(width=230),
        "Released": column.NumberColumn(format="%d", width="small"),
        "Score": column.ProgressColumn(
            min_value=0, max_value=5, format="%.2f", help="Weighted score"
        ),
        "Mean": column.NumberColumn(format="%.2f", width="small"),
        "Ratings": column.NumberColumn(format="localized", width="small"),
        # One scale for all rows; otherwise a few high ratings would look like many.
        "½ to 5 stars": column.BarChartColumn(
            y_min=0, y_max=highest_share, width="small", help="Share of each star value"
        ),
        "IMDb": column.LinkColumn(display_text="IMDb", width="small"),
        "TMDB": column.LinkColumn(display_text="TMDB", width="small"),
    }


def for_download(films: pd.DataFrame) -> pd.DataFrame:
    """Arranges rows of BEST_LOVED for download: with the mean, and years as whole numbers."""
    arranged = films.drop(columns=["sum_rating"])
    arranged.insert(5, "mean_rating", films["sum_rating"] / films["n_ratings"])
    arranged["release_year"] = films["release_year"].astype("Int64")
    return arranged


def card(grid: Any, label: str, films: pd.DataFrame, form: str) -> None:
    """Fills a grid cell with a film that stands out, and why.

    Args:
        grid: A grid of st.grid.
        label: What the film stands out for.
        films: One row, or none if no film qualifies.
        form: A format string over the row's fields and mean.
    """
    with grid.cell(), st.container(border=True, height="stretch"):
        st.caption(label)
        if films.empty:
            st.text("No film qualifies.")
            return
        row = films.iloc[0]
        link(row)
        values = {"mean": row["sum_rating"] / row["n_ratings"]} | row.to_dict()
        st.text(form.format(**values))
