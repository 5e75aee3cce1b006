"""The charts, as Vega-Lite without data: built once per process, rows sent separately.

Building and validating a chart costs more than the rest of a page, and never depends on the rows.
Series colours come from the theme, so light and dark both work.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from threading import Condition
from typing import Any

import altair as alt
from cachetools import cached

from dashboard.point_labels import NARROWEST

Spec = dict[str, Any]

# For reference marks and "too little data": readable on light and dark backgrounds.
_QUIET = "#8d8a83"
_ROWS = "source"
# Of charts of lines, in pixels.
LINES_HEIGHT = 320
SCATTER_HEIGHT = 360
STARS = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]

OF_PEOPLE = "Share of people"
BEFORE, SINCE = "Before half stars", "Since half stars"
THIS_FILM, ALL_FILMS = "This film", "All ratings"
# A symbol of legends, as wide as a square.
_TICK = "M-1,-0.2H1V0.2H-1Z"
BEST, GEM, OTHER = "Best loved", "Hidden gem", "Other films"
PEOPLE, RATINGS = "Of all people", "Of all ratings"


def _built(make: Callable[[], Any]) -> Callable[[], Spec]:
    # Built by one of the first visitors of a process, while the others wait.
    @cached({}, condition=Condition())
    def spec() -> Spec:
        drawn: Spec = make().to_dict()
        drawn.pop("config", None)  # Streamlit sets the look
        for layer in drawn.get("layer", []):
            layer.pop("data", None)
        return {**drawn, "data": {"name": _ROWS}}

    return wraps(make)(spec)


def _chart() -> Any:
    # Named although the rows come later: without data, Vega-Lite starts with one empty row, which
    # shows as a category "undefined".
    return alt.Chart(alt.NamedData(name=_ROWS))


def _category(field: str, title: str | None = None, limit: int = 150) -> Any:
    # By default Vega drops every second label when labels are close.
    axis = alt.Axis(labelOverlap=False, labelLimit=limit, title=title, ticks=False, domain=False)
    return alt.Y(f"{field}:N", sort=None, axis=axis)


def _count(field: str = "n_ratings", title: str = "Ratings") -> Any:
    return alt.Tooltip(f"{field}:Q", title=title, format=",d")


def _values(cells: Any, text: Any, colour: str, wide: int) -> Any:
    """Prints values in the cells of a heat map, where the chart is wide enough for them.

    Args:
        cells: The encoding of the cells.
        text: What is printed.
        colour: The column that gives a cell its colour.
        wide: From how many pixels.
    """
    # Black or white, whichever is easier to read on the cell; one of the two has 4.5:1 on any.
    cell = f"scale('color', datum.{colour})"
    return cells.mark_text(
        fontSize=11, aria=False, opacity=alt.ExprRef(f"width < {wide} ? 0 : 1")
    ).encode(
        text=text,
        color=alt.condition(
            f"contrast('white', {cell}) > contrast('black', {cell})",
            alt.value("white"),
            alt.value("black"),
        ),
    )


def _legend(columns: int | alt.ExprRef = 2, **more: Any) -> Any:
    return alt.Legend(title=None, orient="top", direction="horizontal", columns=columns, **more)


@_built
def activity() -> Any:
    """Bars of ratings per month, a rule where half stars begin.

    Returns:
        A specification for columns month, n_ratings, people (text), chosen, half_stars_from,
        half_stars_late (puts the label on the left) and half_stars_label; months not chosen are
        pale.
    """
    bars = (
        _chart()
        .transform_calculate(
            people="isValid(datum.n_users) ? format(datum.n_users, ',') : 'fewer than five'"
        )
        # The theme's gap of 4 pixels would all but hide hundreds of bars.
        .mark_bar(binSpacing=0.5)
        .encode(
            x=alt.X("month:T", timeUnit="yearmonth", title=None),
            y=alt.Y(
                "n_ratings:Q", title="Ratings per month", axis=alt.Axis(format=",d", tickCount=5)
            ),
            tooltip=[
                alt.Tooltip("month:T", title="Month", format="%B %Y"),
                _count(),
                alt.Tooltip("people:N", title="People"),
            ],
            opacity=alt.condition("datum.chosen", alt.value(1), alt.value(0.3)),
        )
    )
    # Without half stars both are empty, and an empty mark has no accessible name.
    begun = _chart().transform_filter("isValid(datum.half_stars_from)")
    rule = begun.mark_rule(strokeDash=[4, 3], color=_QUIET, strokeWidth=1.5, aria=False).encode(
        x="half_stars_from:T"
    )
    label = begun.mark_text(
        align=alt.ExprRef("datum.half_stars_late ? 'right' : 'left'"),
        dx=alt.ExprRef("datum.half_stars_late ? -5 : 5"),
        fontSize=12,
        aria=False,
    ).encode(x="half_stars_from:T", y=alt.value(6), text="half_stars_label:N")
    return alt.layer(bars, rule, label).properties(height=240)


@_built
def course() -> Any:
    """A sparkline over the years.

    Returns:
        A specification for columns year, value, said (the value as text).
    """
    return (
        _chart()
        .mark_line(strokeWidth=1.5, point=alt.OverlayMarkDef(filled=True, size=12))
        .encode(
            x=alt.X("year:Q", axis=None, scale=alt.Scale(zero=False, nice=False)),
            y=alt.Y("value:Q", axis=None, scale=alt.Scale(zero=False)),
            tooltip=[
                alt.Tooltip("year:Q", title="Year", format="d"),
                alt.Tooltip("said:N", title="Value"),
            ],
        )
        .properties(height=56)
    )


@_built
def stars() -> Any:
    """Share of each star value before and since half stars.

    Returns:
        A specification for columns rating, period, share, n_ratings.
    """
    periods = [BEFORE, SINCE]
    return (
        _chart()
        .mark_bar()
        .encode(
            x=alt.X(
                "rating:O",
                title="Stars",
                axis=alt.Axis(labelAngle=0, format=".1f", labelOverlap=False),
            ),
            xOffset=alt.XOffset("period:N", sort=periods),
            y=alt.Y("share:Q", title="Share of the period's ratings", axis=alt.Axis(format=".0%")),
            color=alt.Color("period:N", sort=periods, legend=_legend(1)),
            tooltip=[
                alt.Tooltip("period:N", title="Period"),
                alt.Tooltip("rating:Q", title="Stars", format=".1f"),
                alt.Tooltip("share:Q", title="Share", format=".1%"),
                _count(),
            ],
        )
        .properties(height=420)
    )


@_built
def genre_difference() -> Any:
    """Each genre's mean against the mean of all ratings.

    Returns:
        A specification for columns genre, difference, mean, n_ratings, n_movies, in drawing order;
        clicking a genre selects it as `genre`.
    """
    base = _chart().encode(
        y=_category("genre"),
        tooltip=[
            alt.Tooltip("genre:N", title="Genre"),
            alt.Tooltip("mean:Q", title="Mean", format=".2f"),
            alt.Tooltip("difference:Q", title="Against the average", format="+.2f"),
            _count(),
            _count("n_movies", "Films"),
        ],
    )
    x = alt.X(
        "difference:Q",
        title="Stars above or below the average",
        axis=alt.Axis(format="+.2f", tickCount=5, labelBound=True),
    )
    stems = base.mark_rule(strokeWidth=2, color=_QUIET).encode(x=x, x2=alt.datum(0))
    size = alt.Size(
        "n_ratings:Q",
        legend=alt.Legend(
            title="Ratings", orient="top", format="~s", tickCount=3, columns=3, symbolType="circle"
        ),
        scale=alt.Scale(range=[30, 420], zero=False),
    )
    picked = alt.selection_point(name="genre", fields=["genre"], on="click", clear=False)
    heads = base.mark_circle(opacity=1, cursor="pointer").encode(x=x, size=size).add_params(picked)
    return alt.layer(stems, heads).properties(height=alt.Step(22))


def _names(x: Any, y: Any) -> Any:
    """Writes the names of points beside them, where the chart is wide enough; see point_labels."""
    # May be empty, and an empty mark has no accessible name.
    return (
        _chart()
        .transform_filter("isValid(datum.label)")
        .mark_text(
            align=alt.ExprRef("datum.is_left ? 'right' : 'left'"),
            dx=alt.ExprRef("datum.is_left ? -8 : 8"),
            opacity=alt.ExprRef(f"width < {NARROWEST} ? 0 : 1"),
            fontSize=11,
            aria=False,
        )
        .encode(x=x, y=y, text="label:N")
    )


@_built
def popular_and_loved() -> Any:
    """Films by number of ratings and mean; clicking a film selects it as `film`.

    Returns:
        A specification for columns movie_id, title, year, n_ratings, mean, group, label, is_left.
    """
    groups = [OTHER, BEST, GEM]
    picked = alt.selection_point(name="film", fields=["movie_id"], on="click", clear=False)
    x = alt.X(
        "n_ratings:Q",
        scale=alt.Scale(type="log", nice=False),
        title="Ratings (logarithmic scale)",
        axis=alt.Axis(format="~s", tickCount=4),
    )
    y = alt.Y("mean:Q", scale=alt.Scale(zero=False), title="Mean, in stars")
    points = (
        _chart()
        .mark_point(filled=True, opacity=0.7)
        .encode(
            x=x,
            y=y,
            color=alt.Color(
                "group:N",
                scale=alt.Scale(domain=groups),
                sort=groups,
                legend=_legend(),
            ),
            shape=alt.Shape(
                "group:N",
                scale=alt.Scale(domain=groups, range=["circle", "diamond", "triangle-up"]),
                legend=_legend(),
            ),
            size=alt.condition(f"datum.group == '{OTHER}'", alt.value(22), alt.value(110)),
            order=alt.Order("drawn:Q"),
            tooltip=[
                alt.Tooltip("title:N", title="Film"),
                alt.Tooltip("year:N", title="Released"),
                _count(),
                alt.Tooltip("mean:Q", title="Mean", format=".2f"),
                alt.Tooltip("group:N", title="Group"),
            ],
        )
        .add_params(picked)
    )
    return alt.layer(points, _names(x, y)).properties(height=SCATTER_HEIGHT)


@_built
def film_stars() -> Any:
    """One film's stars as bars, those of all ratings as ticks.

    Returns:
        A specification for columns rating, series, share, n_ratings.
    """
    series = [THIS_FILM, ALL_FILMS]
    base = _chart().encode(
        x=alt.X(
            "rating:O",
            title="Stars",
            scale=alt.Scale(domain=STARS),
            axis=alt.Axis(labelAngle=0, format=".1f", labelOverlap=False),
        ),
        y=alt.Y("share:Q", title="Share of ratings", axis=alt.Axis(format=".0%")),
        color=alt.Color(
            "series:N", sort=series, scale=alt.Scale(domain=series), legend=_legend(symbolOpacity=1)
        ),
        tooltip=[
            alt.Tooltip("series:N", title="Of"),
            alt.Tooltip("rating:Q", title="Stars", format=".1f"),
            alt.Tooltip("share:Q", title="Share", format=".1%"),
            _count(),
        ],
    )
    bars = base.transform_filter(f"datum.series == '{THIS_FILM}'").mark_bar()
    ticks = base.transform_filter(f"datum.series == '{ALL_FILMS}'").mark_tick(thickness=4)
    # Invisible, but only points have shapes: the legend shows a bar and a tick by them.
    shapes = base.mark_point(opacity=0, filled=True, aria=False, tooltip=None).encode(
        shape=alt.Shape(
            "series:N",
            sort=series,
            scale=alt.Scale(domain=series, range=["square", _TICK]),
            legend=_legend(symbolOpacity=1),
        )
    )
    return alt.layer(bars, ticks, shapes).properties(height=400)


@_built
def film_years() -> Any:
    """One film's ratings per year.

    Returns:
        A specification for columns rating_year, n_ratings, mean; years without ratings as 0.
    """
    return (
        _chart()
        .transform_calculate(start="datum.rating_year - 0.4", stop="datum.rating_year + 0.4")
        .mark_rect()
        .encode(
            x=alt.X(
                "start:Q",
                title=None,
                scale=alt.Scale(zero=False, nice=False),
                axis=alt.Axis(format="d", tickMinStep=1, grid=False, labelFlush=20),
            ),
            x2="stop:Q",
            y=alt.Y("n_ratings:Q", title="Ratings in the year", axis=alt.Axis(tickMinStep=1)),
            y2=alt.datum(0),
            tooltip=[
                alt.Tooltip("rating_year:Q", title="Year", format="d"),
                _count(),
                alt.Tooltip("mean:Q", title="Mean", format=".2f"),
            ],
        )
        .properties(height=240)
    )


def _lines(x: Any, value: Any, told: list[Any]) -> Any:
    """A line for each series, told apart by colour, dashes, shape, and its name at the end.

    Args:
        x: The axis along which they run.
        value: The axis of their values, column value.
        told: The tooltip.
    """
    # Titles are long, and phones are narrow. No outline: the dash pattern would fray the symbols.
    columns = alt.ExprRef("width < 480 ? 1 : 2")
    legend = _legend(columns, symbolStrokeWidth=0, labelLimit=300)
    base = _chart().encode(x=x, color=alt.Color("series:N", sort=None, legend=legend))
    # A null breaks the line: where there are too few ratings is a gap, not a bridge.
    lines = base.mark_line(strokeWidth=2).encode(
        y=value, strokeDash=alt.StrokeDash("series:N", sort=None, legend=None)
    )
    points = base.mark_point(filled=True, opacity=1, size=45).encode(
        y=value, shape=alt.Shape("series:N", sort=None, legend=legend), tooltip=told
    )
    # May be empty, and an empty mark has no accessible name.
    ends = (
        _chart()
        .transform_filter("isValid(datum.label)")
        .mark_text(align="right", dx=2, fontSize=12, limit=150, aria=False)
        .encode(x=x, y="label_at:Q", text="label:N")
    )
    return alt.layer(lines, points, ends).properties(height=LINES_HEIGHT)


def _genre_lines(title: str, form: str) -> Any:
    return _lines(
        alt.X(
            "rating_year:Q",
            title="Year of rating",
            scale=alt.Scale(zero=False, nice=False),
            axis=alt.Axis(format="d", tickMinStep=1),
        ),
        alt.Y("value:Q", title=title, scale=alt.Scale(zero=False), axis=alt.Axis(format=form)),
        [
            alt.Tooltip("series:N", title="Of"),
            alt.Tooltip("rating_year:Q", title="Year", format="d"),
            alt.Tooltip("value:Q", title=title, format=form),
            _count(),
        ],
    )


@_built
def shares_by_year() -> Any:
    """Share of each year's ratings that went to films of a genre.

    Returns:
        A specification for columns series, rating_year, value, n_ratings, label, label_at.
    """
    return _genre_lines("Share of the year's ratings", ".1%")


@_built
def means_by_year() -> Any:
    """Mean of each year's ratings of some genres or films.

    Returns:
        A specification for columns series, rating_year, value, n_ratings, label, label_at.
    """
    return _genre_lines("Mean, in stars", ".2f")


@_built
def stars_compared() -> Any:
    """Stars of several films as lines.

    Returns:
        A specification for columns series, rating, value (a share), n_ratings, label, label_at.
    """
    return _lines(
        alt.X(
            "rating:Q",
            title="Stars",
            scale=alt.Scale(domain=[0.4, 5.1], nice=False),
            axis=alt.Axis(format=".1f", values=STARS, labelOverlap=False),
        ),
        alt.Y("value:Q", title="Share of the film's ratings", axis=alt.Axis(format=".0%")),
        [
            alt.Tooltip("series:N", title="Of"),
            alt.Tooltip("rating:Q", title="Stars", format=".1f"),
            alt.Tooltip("value:Q", title="Share", format=".1%"),
            _count(),
        ],
    )


@_built
def scores() -> Any:
    """Weighted scores as dots; clicking a film selects it as `film`.

    Returns:
        A specification for columns label, movie_id, weighted_score, mean, n_ratings, in drawing
        order.
    """
    picked = alt.selection_point(name="film", fields=["movie_id"], on="click", clear=False)
    return (
        _chart()
        .mark_point(filled=True, opacity=1, size=90, cursor="pointer")
        .encode(
            y=_category("label", limit=210),
            x=alt.X(
                "weighted_score:Q",
                title="Weighted score, in stars",
                scale=alt.Scale(zero=False, padding=12),
                # Beside long titles there is less room than the axis' own title takes.
                axis=alt.Axis(format=".2f", tickCount=4, titleAnchor="end"),
            ),
            tooltip=[
                alt.Tooltip("label:N", title="Film"),
                alt.Tooltip("weighted_score:Q", title="Score", format=".2f"),
                alt.Tooltip("mean:Q", title="Mean", format=".2f"),
                _count(),
            ],
        )
        .add_params(picked)
        .properties(height=alt.Step(22))
    )


@_built
def small_stars() -> Any:
    """One film's stars, small.

    Returns:
        A specification for columns rating, share, n_ratings.
    """
    return (
        _chart()
        .mark_bar()
        .encode(
            x=alt.X(
                "rating:O",
                title=None,
                scale=alt.Scale(domain=STARS),
                axis=alt.Axis(
                    labelAngle=0,
                    labelOverlap=False,
                    labelExpr="datum.value % 1 == 0 ? datum.value : ''",
                    ticks=False,
                ),
            ),
            y=alt.Y("share:Q", axis=None),
            tooltip=[
                alt.Tooltip("rating:Q", title="Stars", format=".1f"),
                alt.Tooltip("share:Q", title="Share", format=".1%"),
                _count(),
            ],
        )
        .properties(height=90)
    )


@_built
def film_means() -> Any:
    """One film's mean in each year; a rule at its mean of all years.

    Returns:
        A specification for columns rating_year, mean, n_ratings, overall.
    """
    points = (
        _chart()
        .mark_line(strokeWidth=1.5, point=alt.OverlayMarkDef(filled=True, size=45))
        .encode(
            x=alt.X(
                "rating_year:Q",
                title=None,
                scale=alt.Scale(zero=False, nice=False, padding=12),
                axis=alt.Axis(format="d", tickMinStep=1, grid=False, labelFlush=20),
            ),
            y=alt.Y(
                "mean:Q",
                title="Mean of the year, in stars",
                scale=alt.Scale(zero=False),
                axis=alt.Axis(format=".1f", tickCount=5),
            ),
            tooltip=[
                alt.Tooltip("rating_year:Q", title="Year", format="d"),
                alt.Tooltip("mean:Q", title="Mean", format=".2f"),
                _count(),
            ],
        )
    )
    rule = _chart().mark_rule(strokeDash=[4, 3], color=_QUIET, strokeWidth=1.5, aria=False)
    return alt.layer(rule.encode(y="mean(overall):Q"), points).properties(height=240)


@_built
def best_of_years() -> Any:
    """The best film of each release year; clicking a film selects it as `film`.

    Returns:
        A specification for columns movie_id, title, release_year, weighted_score, mean, n_ratings,
        chosen; years that are not chosen are pale.
    """
    picked = alt.selection_point(name="film", fields=["movie_id"], on="click", clear=False)
    return (
        _chart()
        .mark_point(filled=True, size=60, cursor="pointer")
        .encode(
            x=alt.X(
                "release_year:Q",
                title="Year of release",
                scale=alt.Scale(zero=False, nice=False, padding=12),
                axis=alt.Axis(format="d", tickMinStep=1),
            ),
            y=alt.Y(
                "weighted_score:Q",
                title="Weighted score",
                scale=alt.Scale(zero=False),
                axis=alt.Axis(format=".1f", tickCount=4),
            ),
            opacity=alt.condition("datum.chosen", alt.value(1), alt.value(0.35)),
            tooltip=[
                alt.Tooltip("title:N", title="Film"),
                alt.Tooltip("release_year:Q", title="Released", format="d"),
                alt.Tooltip("weighted_score:Q", title="Score", format=".2f"),
                alt.Tooltip("mean:Q", title="Mean", format=".2f"),
                _count(),
            ],
        )
        .add_params(picked)
        .properties(height=200)
    )


@_built
def genre_decades() -> Any:
    """Mean by genre and decade of release, grey where there are few ratings.

    Returns:
        A specification for columns genre, decade (text), mean, n_ratings, n_movies, enough.
    """
    cells = _chart().encode(
        x=alt.X(
            "decade:O",
            title="Decade of release",
            sort="ascending",
            axis=alt.Axis(labelAngle=-90, labelOverlap=False, ticks=False, domain=False),
        ),
        y=_category("genre"),
        tooltip=[
            alt.Tooltip("genre:N", title="Genre"),
            alt.Tooltip("decade:O", title="Released in the"),
            alt.Tooltip("mean:Q", title="Mean", format=".2f"),
            _count(),
            _count("n_movies", "Films"),
        ],
    )
    # May be empty, and an empty mark has no accessible name.
    few = cells.transform_filter("!datum.enough").mark_rect(color=_QUIET, opacity=0.3, aria=False)
    many = cells.transform_filter("datum.enough")
    coloured = many.mark_rect().encode(
        color=alt.Color(
            "mean:Q",
            scale=alt.Scale(zero=False),
            legend=alt.Legend(
                title="Mean, in stars", orient="top", gradientLength=180, format=".1f"
            ),
        )
    )
    values = _values(many, alt.Text("mean:Q", format=".1f"), "mean", wide=420)
    return alt.layer(few, coloured, values).properties(height=alt.Step(22))


@_built
def genre_pairs() -> Any:
    """How many films each two genres share, each pair once.

    Returns:
        A specification for columns genre_a, genre_b, n_movies, share_a, share_b, n_ratings, mean.
    """
    across = alt.Axis(
        labelAngle=-90, labelOverlap=False, labelFontSize=9, ticks=False, domain=False, title=None
    )
    cells = _chart().encode(
        x=alt.X("genre_b:N", sort="ascending", axis=across),
        y=_category("genre_a").sort("ascending"),
        tooltip=[
            alt.Tooltip("genre_a:N", title="Films of"),
            alt.Tooltip("genre_b:N", title="that are also"),
            _count("n_movies", "Films"),
            alt.Tooltip("share_a:Q", title="Share of the first", format=".1%"),
            alt.Tooltip("share_b:Q", title="Share of the second", format=".1%"),
            _count(),
            alt.Tooltip("mean:Q", title="Mean", format=".2f"),
        ],
    )
    coloured = cells.mark_rect().encode(
        # Shows differences between small counts; on a linear scale all but Drama is pale.
        color=alt.Color(
            "n_movies:Q",
            scale=alt.Scale(type="sqrt"),
            legend=alt.Legend(title="Films in both", orient="top", gradientLength=180, format=",d"),
        )
    )
    values = _values(cells, alt.Text("n_movies:Q", format=",d"), "n_movies", wide=640)
    return alt.layer(coloured, values).properties(height=alt.Step(22))


@_built
def top_tags() -> Any:
    """The tags that most people used.

    Returns:
        A specification for columns tag, n_people, n_applications, n_movies, in drawing order.
    """
    return (
        _chart()
        .mark_bar()
        .encode(
            y=_category("tag"),
            x=alt.X("n_people:Q", title="People", axis=alt.Axis(tickMinStep=1)),
            tooltip=[
                alt.Tooltip("tag:N", title="Tag"),
                _count("n_people", "People"),
                _count("n_applications", "Times used"),
                _count("n_movies", "Films"),
            ],
        )
        .properties(height=alt.Step(22))
    )


@_built
def loved_tags() -> Any:
    """Tags by people and the mean of their films; a rule at the mean of all ratings.

    Returns:
        A specification for columns tag, n_people, mean, n_movies, n_ratings, overall, label,
        is_left.
    """
    x = alt.X(
        "n_people:Q",
        scale=alt.Scale(type="log", nice=False),
        title="People who used it (log scale)",
        axis=alt.Axis(format="~s", tickCount=6),
    )
    y = alt.Y("mean:Q", scale=alt.Scale(zero=False), title="Mean of the tagged films")
    points = (
        _chart()
        .mark_point(filled=True, opacity=0.7, size=45)
        .encode(
            x=x,
            y=y,
            tooltip=[
                alt.Tooltip("tag:N", title="Tag"),
                _count("n_people", "People"),
                _count("n_movies", "Films"),
                alt.Tooltip("mean:Q", title="Mean", format=".2f"),
                _count(),
            ],
        )
    )
    rule = _chart().mark_rule(strokeDash=[4, 3], color=_QUIET, strokeWidth=1.5)
    return alt.layer(rule.encode(y="mean(overall):Q"), points, _names(x, y)).properties(
        height=SCATTER_HEIGHT
    )


@_built
def concentration() -> Any:
    """Shares of people and of ratings, by how many ratings a person gave.

    Returns:
        A specification for columns group, series, share, n_users, n_ratings, in drawing order.
    """
    series = [PEOPLE, RATINGS]
    return (
        _chart()
        .mark_bar()
        .encode(
            y=_category("group", "Ratings a person gave"),
            yOffset=alt.YOffset("series:N", sort=series),
            x=alt.X("share:Q", title="Share", axis=alt.Axis(format=".0%", tickCount=5)),
            color=alt.Color("series:N", sort=series, legend=_legend(1)),
            tooltip=[
                alt.Tooltip("group:N", title="Ratings a person gave"),
                alt.Tooltip("series:N", title="Measure"),
                alt.Tooltip("share:Q", title="Share", format=".1%"),
                _count("n_users", "People"),
                _count(),
            ],
        )
        .properties(height=alt.Step(18))
    )


@_built
def weekday_hours() -> Any:
    """Ratings by weekday and hour of the day.

    Returns:
        A specification for columns day, hour, from_to, n_ratings, share, in drawing order.
    """
    cells = _chart().encode(
        x=alt.X(
            "hour:O",
            title="Hour of the day, UTC",
            axis=alt.Axis(
                labelAngle=0,
                labelOverlap=False,
                labelExpr="datum.value % 3 == 0 ? datum.value : ''",
                ticks=False,
                domain=False,
            ),
        ),
        y=_category("day"),
        tooltip=[
            alt.Tooltip("day:N", title="Weekday"),
            alt.Tooltip("from_to:N", title="Hour"),
            _count(),
            alt.Tooltip("share:Q", title="Share of all", format=".2%"),
        ],
    )
    coloured = cells.mark_rect().encode(
        color=alt.Color(
            "n_ratings:Q",
            legend=alt.Legend(title="Ratings", orient="top", gradientLength=180, format=",d"),
        )
    )
    values = _values(cells, alt.Text("n_ratings:Q", format=".2~s"), "n_ratings", wide=820)
    return alt.layer(coloured, values).properties(height=alt.Step(30))


@_built
def cohorts() -> Any:
    """Share of each cohort's newcomers who rated again, by years since; their number in front.

    Returns:
        A specification for columns cohort, years_since, end, span, n_users_active, n_newcomers,
        n_ratings, share, is_first, is_merged, in drawing order.
    """
    base = _chart().encode(
        y=_category("cohort", "First rated in").sort("ascending"),
        tooltip=[
            alt.Tooltip("cohort:N", title="First rated in"),
            _count("n_newcomers", "Newcomers"),
            alt.Tooltip("span:N", title="Years since"),
            _count("n_users_active", "Rated then"),
            alt.Tooltip("share:Q", title="Share of the newcomers", format=".1%"),
            _count(),
        ],
    )
    later = base.transform_filter("!datum.is_first").transform_calculate(
        start="datum.years_since - 0.5",
        stop="datum.end - 0.5",
        middle="(datum.years_since + datum.end - 1) / 2",
    )
    merged = later.transform_filter("datum.is_merged")
    # Not coloured: a share that rated in any of ten years says nothing beside that of one year.
    # May be empty, and an empty mark has no accessible name.
    outlines = merged.mark_rect(fillOpacity=0, stroke=_QUIET, strokeDash=[3, 3], aria=False).encode(
        x=_years_since("start"), x2="stop:Q"
    )
    merged_values = merged.mark_text(fontSize=11, aria=False).encode(
        x=_years_since("middle"),
        text=alt.Text("share:Q", format=".0%"),
        opacity=alt.condition(
            "width >= 800 || datum.end - datum.years_since > 3", alt.value(1), alt.value(0)
        ),
    )
    single = later.transform_filter("!datum.is_merged")
    cells = single.mark_rect().encode(
        x=_years_since("start"),
        x2="stop:Q",
        color=alt.Color(
            "share:Q",
            scale=alt.Scale(zero=True),
            legend=alt.Legend(
                title="Share who rated again", orient="top", gradientLength=140, format=".0%"
            ),
        ),
    )
    values = _values(single, alt.Text("share:Q", format=".0%"), "share", wide=800).encode(
        x=_years_since("middle")
    )
    newcomers = (
        base.transform_filter("datum.is_first")
        .mark_text(fontSize=12, align="right", dx=-4)
        .encode(x=alt.datum(0.5), text=alt.Text("n_newcomers:Q", format=",d"))
    )
    layers = alt.layer(outlines, merged_values, cells, values, newcomers)
    return layers.properties(height=alt.Step(22))


def _years_since(field: str) -> Any:
    return alt.X(
        f"{field}:Q",
        title="Years since",
        # Leaves room for the newcomers on the left, however narrow a year is.
        scale=alt.Scale(nice=False, padding=36),
        axis=alt.Axis(
            format="d",
            tickMinStep=1,
            grid=False,
            ticks=False,
            domain=False,
            labelBound=True,
            labelExpr="datum.value < 1 ? '' : datum.label",
        ),
    )
