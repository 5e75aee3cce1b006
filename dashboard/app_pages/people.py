"""People: who gives the ratings, when, and whether they come back."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import charts, findings, layout, marts, queries
from dashboard.status import Status, published_status

WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
FEWEST_NOTE = (
    "No bar or cell stands for fewer than five people: smaller groups are merged with a neighbour."
)
WHY_POOLED = (
    " Year by year, too many cells would stand for fewer than five people, so years are pooled."
)


def concentration(status: Status) -> None:
    """Shares of people and of ratings, by activity."""
    rows = marts.rows(queries.USER_ACTIVITY)
    if rows.empty:
        st.info("There are no ratings in this version.")
        return
    rows["group"] = [
        f"{lo:,} or more" if pd.isna(hi) else f"{lo:,}" if lo == hi else f"{lo:,} to {int(hi):,}"
        for lo, hi in zip(rows["lo"], rows["hi"], strict=True)
    ]
    layout.state(findings.concentration_in_short(rows))
    said = findings.concentration(rows)
    layout.say(said)
    layout.draw(
        shares(rows),
        charts.concentration(),
        f"Shares of people and of ratings in {findings.counted(len(rows), 'group')} by number of"
        f" ratings. {said or ''}",
    )
    layout.say(findings.selection(rows, status.is_generated))
    st.caption(FEWEST_NOTE)


def shares(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per group and series: its share of all people, its share of all ratings."""
    series = []
    for name, column in ((charts.PEOPLE, "n_users"), (charts.RATINGS, "n_ratings")):
        part = rows[["group", "n_users", "n_ratings"]].assign(series=name)
        part["share"] = rows[column] / rows[column].sum()
        series.append(part)
    return pd.concat(series, ignore_index=True)


def hours() -> None:
    """Ratings by weekday and hour."""
    rows = marts.rows(queries.WEEKDAY_HOURS)
    total = rows["n_ratings"].sum()
    if not total:
        st.info("There are no ratings in this version.")
        return
    rows["day"] = [WEEKDAYS[int(weekday) - 1] for weekday in rows["weekday"]]
    rows["share"] = rows["n_ratings"] / total
    rows["from_to"] = [f"{hour:02d}:00 to {hour:02d}:59 UTC" for hour in rows["hour"]]
    layout.state(findings.busiest_hour_in_short(rows))
    said = findings.busiest_hour(rows)
    layout.say(said)
    layout.draw(
        rows[["day", "hour", "from_to", "n_ratings", "share"]],
        charts.weekday_hours(),
        f"Ratings by weekday and hour of the day, UTC, {len(rows)} cells. {said or ''}",
    )
    st.caption(
        "Hours are UTC; where people live is unknown, so an evening here may not be theirs."
        " Times are when a rating was entered, not when the film was watched."
    )


def cohorts(status: Status) -> None:
    """How many of each cohort's newcomers rated again, year by year."""
    rows = marts.rows(queries.USER_COHORTS)
    if rows.empty or status.last_rating_at is None:
        st.info("There are no ratings in this version.")
        return
    cells = cohort_cells(rows, status.last_rating_at.year)
    said = findings.returning(cells, status.last_rating_at.year)
    later = cells[cells["years_since"] > 0]
    if later.empty:
        st.info(
            "Too few newcomers rated again in a later year for anything to be drawn without"
            " singling people out."
        )
        return
    layout.state(findings.returning_in_short(cells, status.last_rating_at.year))
    layout.say(said)
    layout.draw(
        cells.drop(columns=["cohort_year", "last_cohort_year"]),
        charts.cohorts(),
        f"Share of the newcomers of {years_pooled(cells)} who rated again, by years since:"
        f" {len(later)} cells. {said or ''}",
    )
    st.caption(
        f"Each row: the newcomers of {years_pooled(cells)}, counted in the first column."
        f"{'' if is_by_year(cells) else WHY_POOLED} An outlined cell merges several years since,"
        " because fewer than five people rated in one of them; it counts people who rated in any of"
        " these years, so it compares with no other. There is no cell for years that some of a"
        " row's newcomers have not had yet, nor if fewer than five of them rated in any later year."
        " Years are UTC, and the last one may be partial."
    )


def years_pooled(cells: pd.DataFrame) -> str:
    """How many years the rows of the chart stand for, such as "3 to 5 years".

    Args:
        cells: Columns cohort_year, last_cohort_year.

    Returns:
        A few words.
    """
    n_years = cells["last_cohort_year"] - cells["cohort_year"] + 1
    fewest, most = n_years.min(), n_years.max()
    if most == 1:
        return "one year"
    return f"{most} years" if fewest == most else f"{fewest} to {most} years"


def is_by_year(cells: pd.DataFrame) -> bool:
    """Whether each row stands for a single year."""
    return bool((cells["cohort_year"] == cells["last_cohort_year"]).all())


def cohort_cells(rows: pd.DataFrame, last_year: int) -> pd.DataFrame:
    """Adds labels, bounds for drawing and the share of the cohort to each cell.

    Args:
        rows: Rows of USER_COHORTS.
        last_year: Year of the last rating.

    Returns:
        The rows with cohort, end, span, n_newcomers, share, is_first and is_merged, but none of
        years that some of the cohort have not had yet: their share would be too small.
    """
    first = rows["cohort_year"]
    rows["cohort"] = [
        f"{start}" if start == end else f"{start} to {end}"
        for start, end in zip(first, rows["last_cohort_year"], strict=True)
    ]
    whole = rows[rows["years_since"] == 0].set_index("cohort_year")["n_users_active"]
    rows["n_newcomers"] = first.map(whole)
    rows["share"] = rows["n_users_active"] / rows["n_newcomers"]
    rows["is_first"] = rows["years_since"] == 0
    # Years merged into the first one are not drawn.
    ends = rows["last_years_since"].fillna(last_year - first).astype(int)
    rows["end"] = ends.where(~rows["is_first"], 0) + 1
    rows["span"] = [
        f"{start}" if start == end else f"{start} to {end}"
        for start, end in zip(rows["years_since"], rows["end"] - 1, strict=True)
    ]
    rows["is_merged"] = rows["end"] - rows["years_since"] > 1
    all_had = rows["years_since"] <= last_year - rows["last_cohort_year"]
    return rows[rows["is_first"] | all_had].drop(columns="last_years_since")


def page() -> None:
    """The page, from top to bottom."""
    status = published_status()
    layout.top("People", status)
    with layout.section("Do a few people give most of the ratings?"):
        concentration(status)
    with layout.section("When in the week do they rate?"):
        hours()
    with layout.section("Do newcomers come back?"):
        cohorts(status)
    layout.footer(status)


page()
