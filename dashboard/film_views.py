"""Views of films shared by pages: ranking, cards, links to a film's page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import streamlit as st

from dashboard import charts, findings
from dashboard.layout import Figure, dated, figure, plain, show, table
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


@dataclass(frozen=True)
class Line:
    """One film of a list.

    Attributes:
        movie_id: Its number.
        name: Its title with the year.
        told: What is to be told of it, as plain text.
        before: What stands in front, such as its place in a ranking.
    """

    movie_id: int
    name: str
    told: str
    before: str = ""


def link(row: Any) -> None:
    """Writes a link to a film's page.

    Args:
        row: Has movie_id, title, release_year.
    """
    link_of(line_of(row))


def link_of(film: Line) -> None:
    """Writes a link to a film's page, with what stands in front of its name."""
    # One element, not two: of a list, most of the time goes into the number of elements.
    name = plain(f"{film.before} {film.name}".strip())
    st.page_link(_page(), label=name, query_params={"film": str(film.movie_id)}, help=name)


@cache
def _page() -> st.Page:
    # Of a name, Streamlit looks for the script's file again at each link.
    return st.Page(PAGE, url_path=Path(PAGE).stem)


def line_of(row: Any, told: str = "", before: str = "") -> Line:
    """Makes one film of a list.

    Args:
        row: Has movie_id, title, release_year.
        told: Plain text.
        before: What stands in front, such as its place in a ranking.
    """
    return Line(int(row.movie_id), dated(str(row.title), row.release_year), told, before)


def line(row: Any, told: str, before: str = "") -> None:
    """One film of a list: a link to it, and what is to be told of it.

    Args:
        row: Has movie_id, title, release_year.
        told: Plain text.
        before: What stands in front, such as its place in a ranking.
    """
    write(line_of(row, told, before))


def write(film: Line) -> None:
    """One film of a list: a link to it, and what is to be told of it."""
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        link_of(film)
        st.caption(plain(film.told))


def mean_of(row: Any) -> str:
    """A film's mean and the number of ratings behind it, in words."""
    if not row.n_ratings:
        return "not rated"
    mean = row.sum_rating / row.n_ratings
    return f"mean {mean:.2f} of {findings.counted(row.n_ratings, 'rating')}"


def names(films: pd.DataFrame) -> list[str]:
    """Titles with years."""
    pairs = zip(films["title"], films["release_year"], strict=True)
    return [dated(title, year) for title, year in pairs]


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
    # In arrays: pandas takes milliseconds to mark a few rows.
    ranks = films["rank_weighted"].to_numpy()
    order = ranks.argsort(kind="stable")
    few = films["n_ratings"].to_numpy() <= 2 * prior_weight
    group = np.full(len(films), charts.OTHER, dtype=object)
    group[order[few[order]][:10]] = charts.GEM
    group[order[:10]] = charts.BEST
    years = films["release_year"].to_numpy(dtype=float)
    number, ratings = films["movie_id"].to_numpy(), films["n_ratings"].to_numpy()
    # The order in which a screen reader has them.
    read = np.lexsort((number, -ratings))
    return pd.DataFrame(
        {
            "movie_id": number[read],
            "title": films["title"].array.take(read),
            "n_ratings": ratings[read],
            "group": group[read],
            "drawn": (group[read] != charts.OTHER).astype(int),
            "mean": films["sum_rating"].to_numpy()[read] / ratings[read],
            "year": ["unknown" if year != year else str(int(year)) for year in years[read]],
        }
    )


@dataclass(frozen=True)
class Ranking:
    """Films best first.

    Attributes:
        lines: The films.
        dots: Their scores as a figure.
    """

    lines: tuple[Line, ...]
    dots: Figure


def picked(films: pd.DataFrame, places: Iterable[int]) -> list[SimpleNamespace]:
    """Returns the films at some places; taking a few rows of a frame costs pandas milliseconds."""
    columns = {name: films[name].array for name in films}
    return [
        SimpleNamespace(**{str(name): column[place] for name, column in columns.items()})
        for place in places
    ]


def ranked(films: pd.DataFrame, listed: int, alt: str) -> Ranking:
    """Arranges films best first.

    Args:
        films: Rows of BEST_LOVED.
        listed: How many of them at most.
        alt: The chart's alternative text, one sentence.
    """
    lines, best = [], picked(films, range(min(listed, len(films))))
    for place, row in enumerate(best, start=1):
        genres = f" · {row.genres_text}" if isinstance(row.genres_text, str) else ""
        told = f"score {row.weighted_score:.2f} · {mean_of(row)}{genres}"
        lines.append(line_of(row, told, f"{place}."))
    dots = pa.table(
        {
            "movie_id": [row.movie_id for row in best],
            "weighted_score": [row.weighted_score for row in best],
            "n_ratings": [row.n_ratings for row in best],
            # Two films of one name would share a row.
            "label": [f"{film.before} {film.name}" for film in lines],
            "mean": [row.sum_rating / row.n_ratings for row in best],
        }
    )
    return Ranking(tuple(lines), figure(dots, alt))


def ranking(films: Ranking, key: str) -> None:
    """Shows films best first: a list of links beside the dots of their scores.

    Args:
        films: The films.
        key: Key of the chart.
    """
    left, right = st.columns([3, 2], gap="large")
    with left:
        for film in films.lines:
            write(film)
    with right:
        open_picked(show(films.dots, charts.scores(), on_select="rerun", key=key))


def open_picked(event: Any) -> None:
    """Opens the film that was clicked in a chart, if one was.

    Args:
        event: What `draw` returned of a chart that selects `film` by movie_id.
    """
    picked = event.selection.get("film") if event else None
    if picked:
        open_film(int(picked[0]["movie_id"]))


def ranking_table(films: pd.DataFrame, alt: str) -> None:
    """Shows films best first as a table that can be sorted.

    Args:
        films: Rows of BEST_LOVED.
        alt: The table's alternative text, one sentence.
    """
    shares = films[STAR_COLUMNS].div(films["n_ratings"], axis=0)
    shown = pd.DataFrame(
        {
            "Rank": range(1, len(films) + 1),
            "Film": films["title"],
            "Released": films["release_year"].astype("Int64"),
            "Score": films["weighted_score"],
            "Mean": films["sum_rating"] / films["n_ratings"],
            "Ratings": films["n_ratings"],
            "½ to 5 stars": shares.to_numpy().tolist(),
            "Genres": films["genres_text"],
            "IMDb": films["imdb_url"],
            "TMDB": films["tmdb_url"],
        }
    )
    column = st.column_config
    columns = {
        "Rank": column.NumberColumn(format="%d", width=60),
        "Film": column.TextColumn(width=230),
        "Released": column.NumberColumn(format="%d", width="small"),
        "Score": column.NumberColumn(format="%.2f", width="small", help="Weighted score"),
        "Mean": column.NumberColumn(format="%.2f", width="small"),
        "Ratings": column.NumberColumn(format="localized", width="small"),
        # One scale for all rows; otherwise a few high ratings would look like many.
        "½ to 5 stars": column.BarChartColumn(
            y_min=0,
            y_max=float(shares.to_numpy().max()),
            width="small",
            help="Share of each star value",
        ),
        "IMDb": column.LinkColumn(display_text="IMDb", width="small"),
        "TMDB": column.LinkColumn(display_text="TMDB", width="small"),
    }
    table(shown, alt, columns, height=420)


def for_download(films: pd.DataFrame) -> pd.DataFrame:
    """Arranges rows of BEST_LOVED for download: with the mean, and years as whole numbers."""
    arranged = films.drop(columns=["sum_rating"])
    arranged.insert(5, "mean_rating", films["sum_rating"] / films["n_ratings"])
    arranged["release_year"] = films["release_year"].astype("Int64")
    return arranged


def star_shares(counts: Sequence[int]) -> pd.DataFrame:
    """The ten star values with the number of ratings that gave each, and their share of all.

    Args:
        counts: How many gave 0.5, 1 … 5 stars; not all zero.
    """
    rows = pd.DataFrame({"rating": charts.STARS, "n_ratings": [int(count) for count in counts]})
    return rows.assign(share=rows["n_ratings"] / rows["n_ratings"].sum())


@dataclass(frozen=True)
class Card:
    """A film that stands out.

    Attributes:
        label: What it stands out for.
        film: The film, and why; None if no film qualifies.
    """

    label: str
    film: Line | None


def standing_out(label: str, film: Any, form: str) -> Card:
    """Makes a card of a film that stands out.

    Args:
        label: What the film stands out for.
        film: A row, or None if no film qualifies.
        form: A format string over the row's fields and mean.
    """
    if film is None:
        return Card(label, None)
    mean = film.sum_rating / film.n_ratings
    return Card(label, line_of(film, form.format(mean=mean, **vars(film))))


def card(grid: Any, shown: Card) -> None:
    """Fills a cell of a bordered st.grid with a film that stands out, and why."""
    with grid.cell():
        st.caption(shown.label)
        if shown.film is None:
            st.text("No film qualifies.")
            return
        link_of(shown.film)
        st.text(shown.film.told)


@dataclass(frozen=True)
class Divided:
    """A film that divides people.

    Attributes:
        film: The film, and how much it does.
        stars: Its stars; the alternative text and the note say how many are at either end.
    """

    film: Line
    stars: Figure
