"""Overview: what is in the data, and what stands out?"""

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
from dashboard.point_labels import named
from dashboard.status import Status, published_status

LISTED = 10


def sizes(status: Status, months: pd.DataFrame) -> None:
    """Five numbers, some with a sparkline over the years."""
    by_year = months.groupby(months["month"].dt.year)[["n_ratings", "sum_rating"]]
    yearly = by_year.sum()
    mean = (yearly["sum_rating"] / yearly["n_ratings"].where(yearly["n_ratings"] > 0)).dropna()
    with st.grid(5, min_column_width=150, border=True) as grid:
        _size(grid, "Ratings", findings.number(status.n_ratings), yearly["n_ratings"], "{:,.0f}")
        _size(
            grid, "People who rated", findings.number(status.n_users), _newcomers(), "{:,.0f} new"
        )
        _size(grid, "Mean rating", f"{status.mean:.2f}" if status.mean else "–", mean, "{:.2f}")
        _size(grid, "Films rated", findings.number(status.n_rated_movies))
        _size(grid, "Tags given", findings.number(status.n_tag_applications))
    if not yearly.empty:
        st.caption(
            "Sparklines are by year; for people, they show newcomers."
            f" {findings.number(status.n_movies)} films are listed;"
            f" {findings.counted(status.n_tag_users, 'person', 'people')} tagged films."
        )


def _size(
    grid: Any, label: str, value: str, course: pd.Series | None = None, form: str = ""
) -> None:
    with grid.cell():
        st.metric(label, value)
        if course is None or len(course) < 2:
            return
        said = [form.format(each) for each in course]
        layout.draw(
            pd.DataFrame({"year": course.index, "value": course.to_numpy(), "said": said}),
            charts.course(),
            f"{label} by year: {course.index[0]} {said[0]}, {course.index[-1]} {said[-1]}; highest"
            f" {course.idxmax()}, {form.format(course.max())}.",
        )


def _newcomers() -> pd.Series | None:
    """People by year of first rating; None if years are merged."""
    rows = marts.rows(queries.USER_COHORTS)
    first = rows[rows["years_since"] == 0]
    if first.empty or (first["cohort_year"] < first["last_cohort_year"]).any():
        return None
    by_year = first.set_index("cohort_year")["n_users_active"]
    return by_year.reindex(range(by_year.index.min(), by_year.index.max() + 1), fill_value=0)


@fragment
def activity(months: pd.DataFrame) -> None:
    """Ratings per month, with a sum over a range of months."""
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
        middle = months["month"].min() + (months["month"].max() - months["month"].min()) / 2
        months.loc[0, "half_stars_late"] = pd.Timestamp(begun, 1, 1) > middle
    months["people"] = [
        "1 to 4" if pd.isna(people) else findings.number(people) for people in months["n_users"]
    ]
    said = findings.busiest_month(months)
    layout.say(said)
    place = st.container()
    months["chosen"] = _span_of(months["month"])
    summed = None if months["chosen"].all() else findings.span(months, months["chosen"])
    layout.say(summed)
    with place:
        layout.draw(
            months.drop(columns=["n_users", "sum_rating", "is_partial"]),
            charts.activity(),
            f"Ratings per month, {months['month'].min():%B %Y} to {months['month'].max():%B %Y}."
            f" {said or ''} {summed or ''}",
        )
    st.caption(
        "All ratings; the filter of films does not apply. First and last month may be partial."
        f" Counts below five people are shown as 1 to 4. {layout.UTC_NOTE}"
    )


def _span_of(month: pd.Series) -> pd.Series:
    """Lets the visitor choose a range of months; marks the months in it."""
    # A slider, not a brush over the bars: it works by touch and keyboard, and its value is in the
    # URL, as ?months=2003-02&months=2005-12.
    names = list(month.dt.strftime("%Y-%m"))
    if len(names) < 2:
        return pd.Series(True, index=month.index)
    usual = [names[0], names[-1]]
    asked = address.chosen("months", usual)
    is_range = len(asked) == 2 and set(asked) <= set(names) and asked[0] <= asked[1]
    wanted = tuple(asked if is_range else usual)
    if st.session_state.get("months", wanted) != wanted:
        st.session_state["months"] = wanted
    first, last = st.select_slider(
        "Range of months to sum up",
        names,
        wanted,  # without a range, it would have one end
        key="months",
        on_change=address.choose,
        args=("months", usual),
    )
    return pd.Series([first <= name <= last for name in names], index=month.index)


def half_stars() -> None:
    """Share of each star value before and since half stars."""
    stars = marts.rows(queries.STAR_YEARS)
    year = findings.half_star_year(stars)
    if year is None:
        st.info("These data do not span the introduction of half stars.")
        return
    stars["period"] = (stars["rating_year"] < year).map({True: charts.BEFORE, False: charts.SINCE})
    shares = stars.groupby(["period", "rating"], as_index=False)["n_ratings"].sum()
    shares["share"] = shares["n_ratings"] / shares.groupby("period")["n_ratings"].transform("sum")
    layout.state(findings.half_stars_in_short(stars))
    said = findings.half_star_effect(stars)
    layout.say(said)
    top = shares.loc[shares.groupby("period")["share"].idxmax()]
    commonest = "; ".join(
        f"{row.period.lower()}, {row.rating:.1f} ({row.share:.0%})" for row in top.itertuples()
    )
    layout.draw(shares, charts.stars(), f"Share of ratings by star value. Most given: {commonest}.")
    st.caption(f"All ratings; the period with half stars begins in {year}. {layout.UTC_NOTE}")


def genres(status: Status) -> None:
    """Genres compared with the average."""
    rows = marts.rows(queries.GENRES)
    rows = rows[rows["n_ratings"] > 0]
    if rows.empty or status.mean is None:
        st.info("No genre has ratings in this version.")
        return
    rows["mean"] = rows["sum_rating"] / rows["n_ratings"]
    rows["difference"] = rows["mean"] - status.mean
    layout.state(findings.genres_in_short(rows))
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
        "All ratings; the filter of films does not apply. Click a dot to open its genre."
        f" {layout.GENRE_NOTE}"
    )


def popular(status: Status, chosen: filters.Filter) -> None:
    """Films by number of ratings and mean."""
    few = 2 * status.prior_weight
    rows = marts.rows(queries.SCATTER, few, few, *chosen.parameters)
    rows = film_views.grouped(rows, status.prior_weight)
    rows["name"] = rows["title"]
    best, gems = (rows.index[rows["group"] == group] for group in (charts.BEST, charts.GEM))
    others = rows[rows["group"] == charts.OTHER].sort_values("mean").index
    first = [*best, *gems[:5], *others[:3], *rows.index[:5]]
    rows = named(rows, "n_ratings", "mean", dict.fromkeys(first), charts.SCATTER_HEIGHT - 160)
    every = marts.rows(queries.POPULARITY, *chosen.parameters).iloc[0]
    n_films = int(every["n_films"])
    layout.state(findings.popularity_in_short(n_films, every["correlation"]))
    said = findings.popularity(n_films, every["correlation"])
    layout.say(said)
    shown = findings.counted(len(rows), "film")
    event = layout.draw(
        rows.drop(columns="name"),
        charts.popular_and_loved(),
        f"{shown} by number of ratings and mean ({chosen.sentence}). {said or ''}",
        on_select="rerun",
        key="popular_and_loved",
    )
    film_views.open_picked(event)
    drawn = (
        "All are drawn."
        if n_films == len(rows)
        else f"{len(rows):,} of them are drawn, some of every size of audience;"
        " the correlation is over all."
    )
    st.caption(
        f"Filter: {layout.plain(chosen.sentence)}; {findings.counted(n_films, 'film')}. {drawn}"
        " Click a film to open its page. Best loved: the ten best weighted scores. Hidden gem: the"
        f" ten best among films with at most {few:,} ratings."
    )


def best_loved(status: Status, chosen: filters.Filter) -> None:
    """The best ten; the page of films has more."""
    rows = marts.rows(queries.BEST_LOVED, *chosen.parameters)
    film_views.ranking(rows.head(LISTED), f"Best loved films: {chosen.sentence}.", key="best_loved")
    st.page_link(film_views.PAGE, label="The best hundred", query_params=filters.in_address() or {})
    st.caption(f"Filter: {layout.plain(chosen.sentence)}. {film_views.method(status)}")
    layout.download(film_views.for_download(rows), f"best-loved_{chosen.slug}", status)


def superlatives(status: Status, chosen: filters.Filter) -> bool:
    """Four films that stand out; returns whether any film passes the filter."""
    most = marts.rows(queries.MOST_RATED, *chosen.parameters)
    if most.empty:
        filters.say_empty(chosen)
        return False
    many, few = max(50, status.prior_weight), 2 * status.prior_weight
    loved = marts.rows(queries.BEST_LOVED, *chosen.parameters).head(1)
    divisive = marts.rows(queries.MOST_DIVISIVE, *chosen.parameters, many)
    gem = marts.rows(queries.HIDDEN_GEM, *chosen.parameters, few)
    mean, spread = "mean {mean:.2f}, {n_ratings:,} ratings", "spread {sd_rating:.2f}"
    # Two pairs: four cards would leave one alone in its row wherever three fit.
    for half, cards in zip(
        st.columns(2, gap="small"),
        (
            [("Most rated", most, "{n_ratings:,} ratings"), ("Best loved", loved, mean)],
            [
                ("Most divisive", divisive, f"{spread}, {{n_ratings:,}} ratings"),
                ("Hidden gem", gem, mean),
            ],
        ),
        strict=True,
    ):
        with half, st.grid(2, min_column_width=210) as grid:
            for label, film, form in cards:
                film_views.card(grid, label, film, form)
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
    with failures_said():
        film_search.find()
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
    with layout.section("When were people rating?"):
        months = marts.rows(queries.RATING_MONTHS)
        layout.state(findings.busiest_month_in_short(months))
        activity(months)
    with layout.section("How big is it?"):
        sizes(status, marts.rows(queries.RATING_MONTHS))
    layout.footer(status)


page()
