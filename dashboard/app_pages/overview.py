"""Overview: what is in the data, and what stands out?"""

from __future__ import annotations

import numpy as np
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


@marts.remembered
def how_big() -> tuple[tuple[layout.Metric, ...], str | None]:
    """Five numbers, some with their course over the years, and a note about them."""
    status, months = published_status(), marts.rows(queries.RATING_MONTHS)
    by_year = months.groupby(months["month"].dt.year)[["n_ratings", "sum_rating"]]
    yearly = by_year.sum()
    mean = (yearly["sum_rating"] / yearly["n_ratings"].where(yearly["n_ratings"] > 0)).dropna()
    newcomers, is_by_year = _newcomers()
    new = "{:,.0f} new" if is_by_year else "{:,.0f} new a year"
    sizes = (
        _size("Ratings", findings.number(status.n_ratings), yearly["n_ratings"], "{:,.0f}"),
        _size("People who rated", findings.number(status.n_users), newcomers, new),
        _size("Mean rating", f"{status.mean:.2f}" if status.mean else "–", mean, "{:.2f}"),
        _size("Films rated", findings.number(status.n_rated_movies)),
        _size("Tags given", findings.number(status.n_tag_applications)),
    )
    if yearly.empty:
        return sizes, None
    return sizes, (
        "Sparklines are by year; for people, they show newcomers"
        f"{'' if is_by_year else ', as means of several years'}."
        f" {findings.number(status.n_movies)} films are listed;"
        f" {findings.counted(status.n_tag_users, 'person', 'people')} tagged films."
    )


def _size(label: str, value: str, course: pd.Series | None = None, form: str = "") -> layout.Metric:
    if course is None or len(course) < 2:
        return layout.Metric(label, value, None)
    said = [form.format(each) for each in course]
    drawn = layout.figure(
        pd.DataFrame({"year": course.index, "value": course.to_numpy(), "said": said}),
        f"{label} by year: {course.index[0]} {said[0]}, {course.index[-1]} {said[-1]}; highest"
        f" {course.idxmax()}, {form.format(course.max())}.",
    )
    return layout.Metric(label, value, drawn)


def _newcomers() -> tuple[pd.Series, bool]:
    """People by year of first rating, and whether it is by single year; else means of several."""
    rows = marts.rows(queries.USER_COHORTS)
    first = rows[rows["years_since"] == 0].set_index("cohort_year")
    n_years = first["last_cohort_year"] - first.index + 1
    a_year = first["n_users_active"] / n_years
    if first.empty or (n_years > 1).any():
        return a_year, first.empty
    return a_year.reindex(range(a_year.index.min(), a_year.index.max() + 1), fill_value=0), True


def sizes() -> None:
    """Five numbers, some with a sparkline over the years."""
    numbers, note = how_big()
    with st.grid(5, min_column_width=150, border=True) as grid:
        for size in numbers:
            with grid.cell():
                st.metric(size.label, size.value)
                if size.course:
                    layout.show(size.course, charts.course())
    if note:
        st.caption(note)


@marts.remembered
def all_months() -> tuple[tuple[str, ...], str | None, str | None]:
    """Names the months, such as 2003-02, and says a few words and a sentence about the busiest."""
    months = marts.rows(queries.RATING_MONTHS)
    return (
        tuple(months["month"].dt.strftime("%Y-%m")),
        findings.busiest_month_in_short(months),
        findings.busiest_month(months),
    )


@marts.remembered
def summed_up(first: str, last: str) -> layout.Figure:
    """Ratings per month, and the sum over a range of them.

    Args:
        first: Its first month, such as 2003-02.
        last: Its last month.

    Returns:
        The figure; its sentence is about the range, if it is not all months.
    """
    months = marts.rows(queries.RATING_MONTHS)
    begun = findings.half_star_year(marts.rows(queries.STAR_YEARS))
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
    months["chosen"] = months["month"].dt.strftime("%Y-%m").between(first, last)
    summed = None if months["chosen"].all() else findings.span(months, months["chosen"])
    return layout.figure(
        months.drop(columns=["n_users", "sum_rating", "is_partial"]),
        f"Ratings per month, {months['month'].min():%B %Y} to {months['month'].max():%B %Y}."
        f" {findings.busiest_month(months) or ''} {summed or ''}",
        sentence=summed,
    )


@fragment
def activity() -> None:
    """Ratings per month, with a sum over a range of months."""
    months, _, said = all_months()
    if not months:
        st.info("There are no ratings in this version.")
        return
    layout.say(said)
    place = st.container()
    shown = summed_up(*_span_of(list(months)))
    layout.say(shown.sentence)
    with place:
        layout.draw(shown.rows, charts.activity(), shown.alt)
    st.caption(
        "All ratings; the filter of films does not apply. First and last month may be partial."
        f" Counts below five people are shown as 1 to 4. {layout.UTC_NOTE}"
    )


def _span_of(names: list[str]) -> tuple[str, str]:
    """Lets the visitor choose a range of months."""
    # A slider, not a brush over the bars: it works by touch and keyboard, and its value is in the
    # URL, as ?months=2003-02&months=2005-12.
    if len(names) < 2:
        return names[0], names[0]
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
    return first, last


@marts.remembered
def before_and_since() -> layout.Figure | None:
    """Share of each star value before and since half stars; None without both."""
    stars = marts.rows(queries.STAR_YEARS)
    year = findings.half_star_year(stars)
    if year is None:
        return None
    stars["period"] = (stars["rating_year"] < year).map({True: charts.BEFORE, False: charts.SINCE})
    shares = stars.groupby(["period", "rating"], as_index=False)["n_ratings"].sum()
    shares["share"] = shares["n_ratings"] / shares.groupby("period")["n_ratings"].transform("sum")
    top = shares.loc[shares.groupby("period")["share"].idxmax()]
    commonest = "; ".join(
        f"{row.period.lower()}, {row.rating:.1f} ({row.share:.0%})" for row in top.itertuples()
    )
    return layout.figure(
        shares,
        f"Share of ratings by star value. Most given: {commonest}.",
        finding=findings.half_stars_in_short(stars),
        sentence=findings.half_star_effect(stars),
        note=f"All ratings; the period with half stars begins in {year}. {layout.UTC_NOTE}",
    )


def half_stars() -> None:
    """Share of each star value before and since half stars."""
    shown = before_and_since()
    if shown is None:
        st.info("These data do not span the introduction of half stars.")
    else:
        layout.show(shown, charts.stars())


@marts.remembered
def against_the_average() -> layout.Figure | None:
    """Genres compared with the average; None without ratings."""
    mean, rows = published_status().mean, marts.rows(queries.GENRES)
    rows = rows[rows["n_ratings"] > 0]
    if rows.empty or mean is None:
        return None
    rows["mean"] = rows["sum_rating"] / rows["n_ratings"]
    rows["difference"] = rows["mean"] - mean
    said = findings.genre_extremes(rows, mean)
    return layout.figure(
        rows.sort_values("difference", ascending=False),
        f"Mean of {len(rows)} genres against the average of {mean:.2f}. {said or ''}",
        finding=findings.genres_in_short(rows),
        sentence=said,
        note="All ratings; the filter of films does not apply. Click a dot to open its genre."
        f" {layout.GENRE_NOTE}",
    )


def genres() -> None:
    """Genres compared with the average."""
    shown = against_the_average()
    if shown is None:
        st.info("No genre has ratings in this version.")
        return
    event = layout.show(shown, charts.genre_difference(), on_select="rerun", key="genre_difference")
    picked = event.selection.get("genre") if event else None
    if picked:
        st.switch_page("app_pages/genres.py", query_params={"genres": [picked[0]["genre"]]})


@marts.remembered
def by_popularity(chosen: filters.Filter) -> layout.Figure:
    """Films by number of ratings and mean."""
    rows = _films(chosen)
    n_films, correlation = int(rows["n_films"].iloc[0]), rows["correlation"].iloc[0]
    rows = film_views.grouped(rows, published_status().prior_weight)
    group, mean = rows["group"].to_numpy(), rows["mean"].to_numpy()
    best, gems, others = (
        np.flatnonzero(group == each) for each in (charts.BEST, charts.GEM, charts.OTHER)
    )
    worst = others[mean[others].argsort(kind="stable")[:3]]
    first = [*best, *gems[:5], *worst, *rows.index[:5]]
    rows["name"] = rows["title"]
    rows = named(rows, "n_ratings", "mean", dict.fromkeys(first), charts.SCATTER_HEIGHT - 160)
    said = findings.popularity(n_films, correlation)
    drawn = (
        "All are drawn."
        if n_films == len(rows)
        else f"{len(rows):,} of them are drawn, some of every size of audience;"
        " the correlation is over all."
    )
    return layout.figure(
        rows.drop(columns="name"),
        f"{findings.counted(len(rows), 'film')} by number of ratings and mean"
        f" ({chosen.sentence}). {said or ''}",
        finding=findings.popularity_in_short(n_films, correlation),
        sentence=said,
        note=f"Filter: {layout.plain(chosen.sentence)}; {findings.counted(n_films, 'film')}."
        f" {drawn} Click a film to open its page. Best loved: the ten best weighted scores. Hidden"
        f" gem: the ten best among films with at most {_many_and_few()[1]:,} ratings.",
    )


@marts.remembered
def best_ten(chosen: filters.Filter) -> film_views.Ranking:
    """The best ten films under a filter."""
    rows = marts.rows(queries.BEST_LOVED, *chosen.parameters)
    return film_views.ranked(rows, LISTED, f"Best loved films: {chosen.sentence}.")


def best_loved(status: Status, chosen: filters.Filter) -> None:
    """The best ten; the page of films has more."""
    rows = marts.rows(queries.BEST_LOVED, *chosen.parameters)
    film_views.ranking(best_ten(chosen), key="best_loved")
    st.page_link(film_views.PAGE, label="The best hundred", query_params=filters.in_address() or {})
    st.caption(f"Filter: {layout.plain(chosen.sentence)}. {film_views.method(status)}")
    layout.download(lambda: film_views.for_download(rows), f"best-loved_{chosen.slug}", status)


@marts.remembered
def standing_out(chosen: filters.Filter) -> tuple[film_views.Card, ...]:
    """Four films that stand out; none if no film passes the filter."""
    rows = _films(chosen)
    if rows.empty:
        return ()
    most, divisive, gem = (
        next(iter(film_views.picked(rows, rows[mark].to_numpy().nonzero()[0])), None)
        for mark in ("is_most_rated", "is_most_divisive", "is_hidden_gem")
    )
    (loved,) = film_views.picked(rows, [int(rows["rank_weighted"].to_numpy().argmin())])
    mean, spread = "mean {mean:.2f}, {n_ratings:,} ratings", "spread {sd_rating:.2f}"
    return (
        film_views.standing_out("Most rated", most, "{n_ratings:,} ratings"),
        film_views.standing_out("Best loved", loved, mean),
        film_views.standing_out("Most divisive", divisive, f"{spread}, {{n_ratings:,}} ratings"),
        film_views.standing_out("Hidden gem", gem, mean),
    )


def _films(chosen: filters.Filter) -> pd.DataFrame:
    """Films of every size of audience, among them those that stand out."""
    many, few = _many_and_few()
    return marts.rows(queries.SCATTER, few, few, many, many, *chosen.parameters)


def _many_and_few() -> tuple[int, int]:
    """The least ratings of a divisive film, and the most of a hidden gem."""
    prior_weight = published_status().prior_weight
    return max(50, prior_weight), 2 * prior_weight


def superlatives(chosen: filters.Filter) -> bool:
    """Four films that stand out; returns whether any film passes the filter."""
    shown = standing_out(chosen)
    if not shown:
        filters.say_empty(chosen)
        return False
    # Two pairs: four cards would leave one alone in its row wherever three fit.
    for half, cards in zip(st.columns(2, gap="small"), (shown[:2], shown[2:]), strict=True):
        with half, st.grid(2, min_column_width=210, border=True) as grid:
            for card in cards:
                film_views.card(grid, card)
    many, few = _many_and_few()
    st.caption(
        f"Filter: {layout.plain(chosen.sentence)}. Best loved: best weighted score. Most divisive:"
        f" largest standard deviation among films with {many:,} ratings or more. Hidden gem: best"
        f" weighted score among films with {few:,} ratings or fewer."
    )
    return True


@fragment
def filtered(navigation: address.Navigation) -> None:
    """The sections of the films under the filter, which run alone when it changes."""
    status = published_status()
    chosen = None
    with layout.section("Which films stand out?"):
        asked = filters.shared_filter()
        navigation.draw()
        chosen = asked if superlatives(asked) else None
    if chosen is None:
        return
    with layout.section("Are popular films loved?"):
        event = layout.show(
            by_popularity(chosen),
            charts.popular_and_loved(),
            on_select="rerun",
            key="popular_and_loved",
        )
        film_views.open_picked(event)
    with layout.section("What should I watch?"):
        best_loved(status, chosen)


def page() -> None:
    """The page, from top to bottom."""
    status = published_status()
    layout.top("MovieLens in numbers", status)
    layout.say(findings.headline(status))
    with failures_said():
        film_search.find()
    left, right = st.columns(2, gap="large")
    with left, layout.section("Which genres score above average?"):
        genres()
    with right, layout.section("Did half stars change the scores?"):
        half_stars()
    filtered(address.drawn_navigation())
    with layout.section("When were people rating?"):
        _, finding, _ = all_months()
        layout.state(finding)
        activity()
    with layout.section("How big is it?"):
        sizes()
    layout.footer(status)


page()
