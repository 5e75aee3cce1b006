"""Films: live search, and one film's page at `?film=<number>`."""

from __future__ import annotations

from typing import Any

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
from dashboard.page_parts import failures_said, fragment
from dashboard.settings import settings
from dashboard.status import Status, published_status

COMPARE, GENRES, TAGS = (f"app_pages/{name}.py" for name in ("compare", "genres", "tags"))
LIST, TABLE = "List", "Table"
# The table and the download have a hundred.
LISTED = 25


@fragment
def browse(navigation: address.Navigation) -> None:
    """The films under the shared filter, which run alone when it changes."""
    status = published_status()
    chosen = None
    with layout.section("Which films are best loved?"):
        asked = filters.shared_filter()
        navigation.draw()
        chosen = asked if best_loved(asked, status) else None
    if chosen is None:
        return
    with layout.section("Which film is the best of its year?"):
        best_of_years(chosen)
    with layout.section("Which films divide people most?"):
        controversial(chosen, status)


@marts.remembered
def best_listed(chosen: filters.Filter) -> film_views.Ranking:
    """The best films under a filter, as many as the list shows."""
    rows = marts.rows(queries.BEST_LOVED, *chosen.parameters)
    return film_views.ranked(rows, LISTED, _ranked_by(chosen))


def _ranked_by(chosen: filters.Filter) -> str:
    return f"Best loved films: {chosen.sentence}."


def best_loved(chosen: filters.Filter, status: Status) -> bool:
    """The ranking under the shared filter; returns whether any film passes it."""
    rows = marts.rows(queries.BEST_LOVED, *chosen.parameters)
    if rows.empty:
        filters.say_empty(chosen)
        return False
    (asked, *_) = address.chosen("view", [LIST])
    st.session_state["view"] = asked if asked in (LIST, TABLE) else LIST
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        view = st.segmented_control(
            "Show as",
            [LIST, TABLE],
            required=True,
            key="view",
            on_change=address.choose,
            args=("view", [LIST]),
        )
        if st.button("Surprise me", help="Opens one of the best hundred under this filter"):
            film_views.open_film(int(rows["movie_id"].sample().iloc[0]))
    if view == TABLE:
        film_views.ranking_table(rows, _ranked_by(chosen))
    else:
        film_views.ranking(best_listed(chosen), key="browse")
    shown = len(rows) if view == TABLE else min(LISTED, len(rows))
    st.caption(
        f"Filter: {layout.plain(chosen.sentence)}; the best {shown}. {film_views.method(status)}"
    )
    layout.download(lambda: film_views.for_download(rows), f"best-loved_{chosen.slug}", status)
    return True


@marts.remembered
def decades_of(chosen: filters.Filter) -> tuple[tuple[str, ...], str]:
    """The decades in which the films under a filter were released, and that of the best film.

    Returns:
        Such as 1950s; no decades, and an empty text, if none of the films has a year of release.
    """
    rows = marts.rows(queries.YEAR_BEST, *chosen.parameters)
    if rows.empty:
        return (), ""
    decades = _decades(rows)
    return tuple(dict.fromkeys(decades)), str(decades[rows["rank_weighted"].idxmin()])


def _decades(films: pd.DataFrame) -> pd.Series:
    years = films["release_year"].astype(int)
    return (years - years % 10).astype(str) + "s"


@marts.remembered
def best_of_decade(chosen: filters.Filter, decade: str) -> film_views.Ranking:
    """The best film of each year: those of a decade by name, and all as a strip.

    Args:
        chosen: The filter.
        decade: One of `decades_of`.
    """
    rows = marts.rows(queries.YEAR_BEST, *chosen.parameters)
    rows["chosen"] = _decades(rows) == decade
    rows["mean"] = rows["sum_rating"] / rows["n_ratings"]
    own = rows[rows["chosen"]]
    best = own.loc[own["rank_weighted"].idxmin()]
    said = (
        f"The best of the {decade} is"
        f" {layout.dated(best['title'], best['release_year'])}, score {best['weighted_score']:.2f}."
    )
    told = (
        f"score {row.weighted_score:.2f} · {film_views.mean_of(row)}" for row in own.itertuples()
    )
    strip = ["movie_id", "title", "release_year", "weighted_score", "mean", "n_ratings", "chosen"]
    return film_views.Ranking(
        tuple(
            film_views.line_of(row, each) for row, each in zip(own.itertuples(), told, strict=True)
        ),
        layout.figure(
            rows[strip],
            f"The best film of each of {findings.counted(len(rows), 'year')}. {said}",
            sentence=said,
        ),
    )


@fragment
def best_of_years(chosen: filters.Filter) -> None:
    """A strip with the best film of each year, and those of one decade by name."""
    decades, best = decades_of(chosen)
    if not decades:
        st.info("No film that passes the filter has a year of release.")
        return
    (asked, *_) = address.chosen("decade", [best])
    decade = asked if asked in decades else best
    # The filter decides which decades there are.
    st.session_state["decade"] = decade
    st.pills(
        "Decade of release",
        decades,
        required=True,
        key="decade",
        on_change=address.choose,
        args=("decade", [best]),
        wrap=True,
    )
    shown = best_of_decade(chosen, decade)
    event = layout.show(shown.dots, charts.best_of_years(), on_select="rerun", key="best_of_years")
    film_views.open_picked(event)
    for film in shown.lines:
        film_views.write(film)
    st.caption(
        f"Filter: {layout.plain(chosen.sentence)}. Click a dot to open its film."
        f" {film_views.method(published_status())}"
    )


@marts.remembered
def dividing(chosen: filters.Filter, many: int) -> tuple[film_views.Divided, ...]:
    """The films that many loathe and many adore.

    Args:
        chosen: The filter.
        many: How many ratings a film needs.
    """
    rows = marts.rows(queries.CONTROVERSIAL, *chosen.parameters, many)
    return tuple(_divided(row) for row in rows[rows["controversy"] > 0].itertuples())


def _divided(row: Any) -> film_views.Divided:
    stars = film_views.star_shares([getattr(row, column) for column in film_views.STAR_COLUMNS])
    low = findings.share(stars.loc[stars["rating"] <= 2, "n_ratings"].sum(), row.n_ratings, 0)
    high = findings.share(stars.loc[stars["rating"] >= 4.5, "n_ratings"].sum(), row.n_ratings, 0)
    said = f"{low} gave 2 stars or fewer, {high} 4.5 or more"
    return film_views.Divided(
        film_views.line_of(row, f"controversy {row.controversy:.2f}"),
        layout.figure(
            stars,
            f"Stars of {row.title}: {said}.",
            note=layout.plain(f"{said}; {findings.counted(row.n_ratings, 'rating')}"),
        ),
    )


def controversial(chosen: filters.Filter, status: Status) -> None:
    """The films that many loathe and many adore, each with its stars."""
    many = max(50, status.prior_weight)
    films = dividing(chosen, many)
    if not films:
        st.info(f"No film that passes the filter has {many:,} ratings at both ends of the scale.")
        return
    with st.grid(4, min_column_width=230) as grid:
        for each in films:
            with grid.cell(), st.container(border=True, height="stretch"):
                film_views.link_of(each.film)
                st.text(each.film.told)
                layout.show(each.stars, charts.small_stars())
    st.caption(
        f"Filter: {layout.plain(chosen.sentence)}, of these films with {many:,} ratings or more."
        " Controversy is four times the share that gave 2 stars or fewer, times the share that gave"
        " 4.5 or more: 1 if one half loathes a film and the other adores it."
    )


# ---- one film ----------------------------------------------------------------------------------


def facts(film: pd.Series, status: Status) -> None:
    """The film's ratings, mean and spread; of a film with few ratings, the stars themselves."""
    n_ratings = int(film["n_ratings"])
    if not n_ratings:
        st.text("Nobody has rated this film in these data.")
        return
    if n_ratings < filters.USUAL_MINIMUM:
        st.text(f"{findings.counted(n_ratings, 'rating')}: {few_stars(film)}.")
        st.caption(
            f"Too few to rank it among others. {film_views.rated_when(film)} Rankings begin at"
            f" {filters.USUAL_MINIMUM} ratings."
        )
        return
    with st.grid(4, min_column_width=150):
        for label, value in (
            ("Ratings", findings.number(n_ratings)),
            ("Mean", f"{film['sum_rating'] / n_ratings:.2f}"),
            ("Weighted score", f"{film['weighted_score']:.2f}"),
            ("Spread", f"{film['sd_rating']:.2f}"),
        ):
            st.metric(label, value, border=True, height="stretch")
    st.caption(
        f"{film_views.rated_when(film)} {film_views.method(status)} Spread is the standard"
        " deviation of the stars."
    )


def few_stars(film: pd.Series) -> str:
    """The stars of a film with few ratings, each value with how often it was given."""
    given = zip(charts.STARS, (film[column] for column in film_views.STAR_COLUMNS), strict=True)
    return ", ".join(f"{int(count)} × {star:g}" for star, count in given if count) + " stars"


def stars(film: pd.Series, title: str) -> None:
    """The film's stars compared with all ratings."""
    own = film_views.star_shares([film[column] for column in film_views.STAR_COLUMNS])
    usual = marts.rows(queries.STAR_TOTALS)
    layout.state(findings.unusual_stars(own, usual))
    rows = pd.concat(
        [
            own.assign(series=charts.THIS_FILM),
            usual.assign(
                series=charts.ALL_FILMS, share=usual["n_ratings"] / usual["n_ratings"].sum()
            ),
        ],
        ignore_index=True,
    )
    given, most = own["n_ratings"].sum(), own.loc[own["n_ratings"].idxmax()]
    layout.draw(
        rows,
        charts.film_stars(),
        f"Stars given to {title}, {findings.counted(given, 'rating')}; most often"
        f" {most['rating']:g}, by {findings.share(most['n_ratings'], given)}.",
    )


def neighbours(film: pd.Series, status: Status) -> None:
    """The films ranked just above and below."""
    rank = int(film["rank_weighted"])
    layout.say(findings.standing(rank, status.n_rated_movies))
    for row in marts.rows(queries.FILM_NEIGHBOURS, rank - 2, rank + 2).itertuples():
        place = f"{row.rank_weighted:,}."
        if row.rank_weighted == rank:
            layout.say(f"{place} {layout.dated(row.title, row.release_year)}: this film")
        else:
            told = f"score {row.weighted_score:.2f} · {film_views.mean_of(row)}"
            film_views.line(row, told, place)


def years(rows: pd.DataFrame, film: pd.Series, title: str) -> None:
    """The film's ratings and mean per year, and its first year against later ones."""
    layout.say(findings.first_year(rows))
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
    means = rows[["rating_year", "mean", "n_ratings"]].assign(
        mean=rows["mean"].where(rows["n_ratings"] >= film_views.FEW_RATINGS),
        overall=film["sum_rating"] / film["n_ratings"],
    )
    told = means.dropna(subset="mean")
    if len(told) > 1:
        high, low = told.loc[told["mean"].idxmax()], told.loc[told["mean"].idxmin()]
        layout.draw(
            means,
            charts.film_means(),
            f"Mean of {title} per year; highest in {high['rating_year']:.0f}, {high['mean']:.2f},"
            f" lowest in {low['rating_year']:.0f}, {low['mean']:.2f}.",
        )
    st.caption(
        "Years without ratings are empty; a mean needs"
        f" {film_views.FEW_RATINGS} ratings in the year. The dashed line is the mean of all years."
        " Years are UTC."
    )


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


def words(tags: pd.DataFrame, genome: pd.DataFrame) -> None:
    """Tags people used, and genome tags if the edition has them."""
    if not tags.empty:
        st.caption("Tags by number of people who used them")
        tag_links(tags)
    if not genome.empty:
        st.caption("Most relevant tags of the tag genome, on a scale from 0 to 1")
        chips([f"{row.tag}  {row.relevance:.2f}" for row in genome.itertuples()])


def liked_together(rows: pd.DataFrame) -> None:
    """Films that the same people like."""
    st.caption("People who liked it also liked")
    for row in rows.itertuples():
        people = findings.counted(row.n_people, "person", "people")
        film_views.line(row, f"{people}, {row.lift:.1f} × chance")
    st.caption(
        "People who have both films among their favourites, compared with what chance would give."
        " The fewer people, the more the list discounts it."
    )


def alike(rows: pd.DataFrame) -> None:
    """Nearest films by tag genome."""
    st.caption("Films with the same genome tags")
    for row in rows.itertuples():
        film_views.line(row, f"similarity {row.score:.2f}")
    st.caption("Cosine similarity of the films' tag-genome relevances; 1 is identical.")


def similar(together: pd.DataFrame, near: pd.DataFrame) -> None:
    """Films liked by the same people and, in an edition with a genome, films with its tags."""
    lists = [(liked_together, together), (alike, near)]
    filled = [(show, rows) for show, rows in lists if not rows.empty]
    for place, (show, rows) in zip(st.columns(len(filled), gap="large"), filled, strict=True):
        with place:
            show(rows)


def links(film: pd.Series) -> None:
    """External links, and the URL of this page."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if isinstance(film["imdb_url"], str):
            st.link_button("IMDb", film["imdb_url"])
        if isinstance(film["tmdb_url"], str):
            st.link_button("TMDB", film["tmdb_url"])
        asked = {"films": str(film["movie_id"])}
        st.page_link(COMPARE, label="Compare with another film", query_params=asked)
        st.page_link(film_views.PAGE, label="All films", query_params={})
    address = st.context.url
    if address:
        st.caption("Link to this film")
        st.code(f"{address.split('?')[0]}?film={film['movie_id']}", language=None, wrap_lines=True)


def show_film(film: pd.Series, status: Status) -> None:
    """One film, from top to bottom; what the data are too few for is named once, at the end."""
    movie_id, title = int(film["movie_id"]), layout.dated(film["title"], film["release_year"])
    layout.name_tab(title)
    layout.top(layout.plain(title), status)
    kinds(film)
    links(film)
    missing = []
    with layout.section("How is it rated?"):
        facts(film, status)
    if film["n_ratings"] >= filters.USUAL_MINIMUM:
        with layout.section("How do its stars differ from the usual?"):
            stars(film, title)
        with layout.section("Where does it stand in the ranking?"):
            neighbours(film, status)
    if film["n_ratings"]:
        missing += when_rated(film, title)
    missing += what_people_call_it(movie_id, status)
    missing += what_is_like_it(movie_id, status)
    if missing:
        st.caption(f"Not shown, because the data are too few: {'; '.join(missing)}.")


def when_rated(film: pd.Series, title: str) -> list[str]:
    """The section of the film's years; returns what is missing."""
    with failures_said():
        rows = marts.rows(queries.FILM_YEARS, int(film["movie_id"]))
        if rows.empty:
            return ["ratings per year (from 100 ratings)"]
        with layout.section("When was it rated?"):
            years(rows, film, title)
    return []


def what_people_call_it(movie_id: int, status: Status) -> list[str]:
    """The section of the film's tags; returns what is missing."""
    with failures_said():
        tags, genome = marts.rows(queries.FILM_TAGS, movie_id), pd.DataFrame()
        if status.has_genome:
            genome = marts.rows(queries.FILM_GENOME_TAGS, movie_id)
        if tags.empty and genome.empty:
            return ["tags (nobody gave it any)"]
        with layout.section("What do people call it?"):
            words(tags, genome)
    return []


def what_is_like_it(movie_id: int, status: Status) -> list[str]:
    """The section of similar films; returns what is missing."""
    with failures_said():
        together, near = marts.rows(queries.FILM_LIKED_TOGETHER, movie_id), pd.DataFrame()
        if status.has_genome:
            near = marts.rows(queries.FILM_SIMILAR, movie_id)
        if together.empty and near.empty:
            return ["films that the same people like (from 20 people, more than chance would give)"]
        with layout.section("What is like it?"):
            similar(together, near)
    return []


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
            browse(address.drawn_navigation())
    layout.footer(status)


page()
