"""Overview: what is in here, and what is striking?"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import charts, film_views, filters, findings, layout, marts, queries
from dashboard.status import Status, published_status


def sizes(status: Status, months: pd.DataFrame) -> None:
    """Five numbers, some of them with their course over the years."""
    by_year = months.groupby(months["month"].dt.year)[["n_ratings", "sum_rating"]]
    yearly = by_year.sum()
    mean = (yearly["sum_rating"] / yearly["n_ratings"].where(yearly["n_ratings"] > 0)).dropna()
    newcomers = _newcomers()
    with st.grid(5, min_column_width=150):
        _metric("Ratings", findings.number(status.n_ratings), yearly["n_ratings"])
        _metric("People who rated", findings.number(status.n_users), newcomers)
        _metric("Mean rating", f"{status.mean:.2f}" if status.mean else "–", mean)
        _metric("Films rated", findings.number(status.n_rated_movies))
        _metric("Tags given", findings.number(status.n_tag_applications))
    if not yearly.empty:
        drawn = "ratings, newcomers, mean" if newcomers is not None else "ratings, mean"
        st.caption(
            f"Small curves: year by year, {yearly.index.min()} to {yearly.index.max()} ({drawn})."
            f" {findings.number(status.n_movies)} films are listed;"
            f" {findings.counted(status.n_tag_users, 'person', 'people')} gave tags."
        )


def _newcomers() -> pd.Series | None:
    """People by year of their first rating; None where years are told together."""
    rows = marts.rows(queries.USER_COHORTS)
    first = rows[rows["years_since"] == 0]
    if first.empty or (first["cohort_year"] < first["last_cohort_year"]).any():
        return None
    by_year = first.set_index("cohort_year")["n_users_active"]
    return by_year.reindex(range(by_year.index.min(), by_year.index.max() + 1), fill_value=0)


def _metric(label: str, value: str, course: pd.Series | None = None) -> None:
    curve = list(course) if course is not None and len(course) > 1 else None
    st.metric(label, value, border=True, height="stretch", chart_data=curve)


@st.fragment
def activity(months: pd.DataFrame) -> None:
    """Ratings per month; a span that is drawn over is told below."""
    if months.empty:
        st.info("There are no ratings in this version.")
        return
    stars = marts.rows(queries.STAR_YEARS)
    begun = findings.half_star_year(stars)
    months["half_stars_from"] = pd.NaT
    months["half_stars_label"] = None
    if begun:
        months.loc[0, "half_stars_from"] = pd.Timestamp(begun, 1, 1)
        months.loc[0, "half_stars_label"] = f"half stars from {begun}"
    months["people"] = [
        "1 to 4" if pd.isna(people) else findings.number(people) for people in months["n_users"]
    ]
    said = findings.busiest_month(months)
    layout.say(said)
    event = layout.draw(
        months.drop(columns="n_users"),
        charts.activity(),
        f"Ratings per month, {months['month'].min():%B %Y} to {months['month'].max():%B %Y}."
        f" {said or ''}",
        on_select="rerun",
        key="activity",
    )
    drawn = list((event.selection.get("span") or {}).values()) if event else []
    if drawn:
        layout.say(findings.span(months, *(local_time(moment) for moment in drawn[0])))
    st.caption(
        "All ratings; the filter below does not apply. Draw over months to sum them up. First and"
        f" last month may be partial. Fewer than five people are told as 1 to 4. {layout.UTC_NOTE}"
    )


def local_time(moment: float) -> pd.Timestamp:
    """What the visitor's clock shows at a moment: charts draw months by that clock.

    Args:
        moment: Milliseconds since 1970, UTC.

    Returns:
        The time without zone.
    """
    offset = st.context.timezone_offset or 0
    return pd.Timestamp(moment, unit="ms") - pd.Timedelta(minutes=offset)


def half_stars() -> None:
    """Share of each star value before and since half stars."""
    stars = marts.rows(queries.STAR_YEARS)
    year = findings.half_star_year(stars)
    if year is None:
        st.info("Half stars are not introduced within these data, so there is no before and after.")
        return
    stars["period"] = (stars["rating_year"] < year).map({True: charts.BEFORE, False: charts.SINCE})
    shares = stars.groupby(["period", "rating"], as_index=False)["n_ratings"].sum()
    shares["share"] = shares["n_ratings"] / shares.groupby("period")["n_ratings"].transform("sum")
    said = findings.half_star_effect(stars)
    layout.say(said)
    top = shares.loc[shares.groupby("period")["share"].idxmax()]
    commonest = "; ".join(
        f"{row.period.lower()}, {row.rating:.1f} ({row.share:.0%})" for row in top.itertuples()
    )
    layout.draw(shares, charts.stars(), f"Share of ratings by star value. Most given: {commonest}.")
    st.caption(f"All ratings; half stars count from the year {year} on. {layout.UTC_NOTE}")


def genres(status: Status) -> None:
    """Genres against the average."""
    rows = marts.rows(queries.GENRES)
    rows = rows[rows["n_ratings"] > 0]
    if rows.empty or status.mean is None:
        st.info("No genre has ratings in this version.")
        return
    rows["mean"] = rows["sum_rating"] / rows["n_ratings"]
    rows["difference"] = rows["mean"] - status.mean
    said = findings.genre_extremes(rows, status.mean)
    layout.say(said)
    event = layout.draw(
        rows.sort_values("difference", ascending=False),
        charts.genre_difference(),
        f"Mean of {len(rows)} genres against the average of {status.mean:.2f}. {said or ''}",
        on_select="rerun",
        key="genre_difference",
    )
    picked = event.selection.get("genre") if event else None
    if picked:
        st.switch_page("app_pages/genres.py", query_params={"genres": [picked[0]["genre"]]})
    st.caption(
        "All ratings; the filter below does not apply. A click on a dot opens the genre."
        f" {layout.GENRE_NOTE}"
    )


def popular(status: Status, chosen: filters.Filter) -> None:
    """Films by number of ratings and mean."""
    rows = marts.rows(queries.SCATTER, *chosen.parameters)
    rows = film_views.grouped(rows, status.prior_weight)
    said = findings.popularity(rows)
    layout.say(said)
    event = layout.draw(
        rows,
        charts.popular_and_loved(),
        f"{findings.counted(len(rows), 'film')} by number of ratings and mean"
        f" ({chosen.sentence}). {said or ''}",
        on_select="rerun",
        key="popular_and_loved",
    )
    picked = event.selection.get("film") if event else None
    if picked:
        film_views.open_film(int(picked[0]["movie_id"]))
    n_films = int(marts.rows(queries.COUNT_FILMS, *chosen.parameters)["n_films"].iloc[0])
    shown = "all" if n_films == len(rows) else f"the {len(rows):,} most rated of {n_films:,}"
    st.caption(
        f"Filter: {layout.plain(chosen.sentence)}; {shown} films. A click on a film opens its page."
        f" Best loved: the ten best weighted scores. Hidden gem: the ten best of those with at most"
        f" {2 * status.prior_weight:,} ratings."
    )


def best_loved(status: Status, chosen: filters.Filter) -> None:
    """The ranking."""
    rows = marts.rows(queries.BEST_LOVED, *chosen.parameters)
    film_views.ranking(rows, f"Best loved films: {chosen.sentence}.", key="best_loved")
    st.caption(
        f"Filter: {layout.plain(chosen.sentence)}. {film_views.method(status)}"
        " Select a row to open the film."
    )
    layout.download(film_views.for_download(rows), f"best-loved_{chosen.slug}", status)


def superlatives(status: Status, chosen: filters.Filter) -> bool:
    """Four films that stand out; tells whether any film passes the filter."""
    most = marts.rows(queries.MOST_RATED, *chosen.parameters)
    if most.empty:
        filters.say_empty(chosen)
        return False
    many, few = max(50, status.prior_weight), 2 * status.prior_weight
    loved = marts.rows(queries.BEST_LOVED, *chosen.parameters).head(1)
    divisive = marts.rows(queries.MOST_DIVISIVE, *chosen.parameters, many)
    gem = marts.rows(queries.HIDDEN_GEM, *chosen.parameters, few)
    with st.grid(4, min_column_width=210) as grid:
        film_views.card(grid, "Most rated", most, "{n_ratings:,} ratings")
        film_views.card(grid, "Best loved", loved, "mean {mean:.2f} of {n_ratings:,}")
        film_views.card(grid, "Most divisive", divisive, "spread {sd_rating:.2f} of {n_ratings:,}")
        film_views.card(grid, "Hidden gem", gem, "mean {mean:.2f} of {n_ratings:,}")
    st.caption(
        f"Filter: {layout.plain(chosen.sentence)}. Best loved: best weighted score. Most divisive:"
        f" largest standard deviation among films with {many:,} ratings or more. Hidden gem: best"
        f" weighted score among films with {few:,} ratings or fewer."
    )
    return True


def page() -> None:
    """The page, from top to bottom."""
    status = published_status()
    layout.top("MovieLens in numbers", status)
    layout.say(findings.headline(status))
    with layout.section("How big is it?"):
        sizes(status, marts.rows(queries.RATING_MONTHS))
    with layout.section("When were people rating?"):
        activity(marts.rows(queries.RATING_MONTHS))
    left, right = st.columns(2, gap="large")
    with left, layout.section("Which genres score above average?"):
        genres(status)
    with right, layout.section("Did half stars change the scores?"):
        half_stars()
    chosen = None
    with layout.section("Which films stand out?"):
        asked = filters.shared_filter()
        chosen = asked if superlatives(status, asked) else None
    if chosen:
        with layout.section("Are popular films loved?"):
            popular(status, chosen)
        with layout.section("What should I watch?"):
            best_loved(status, chosen)
    layout.footer(status)


page()
