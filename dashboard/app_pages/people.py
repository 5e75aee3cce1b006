"""People: who gives the ratings, and when?"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import charts, findings, layout, marts, queries
from dashboard.status import Status, published_status

WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
FEW_NOTE = "What would say something of fewer than five people is not published."


def concentration() -> None:
    """People and their ratings by how many ratings they gave."""
    groups = marts.rows(queries.USER_ACTIVITY).dropna(subset=["n_users"])
    if groups.empty:
        st.info("Fewer than five people have rated, so nothing is said of them.")
        return
    said = findings.concentration(groups)
    layout.say(said)
    names = [
        f"{findings.number(low)}–{findings.number(high)} ratings"
        for low, high in zip(groups["lo"], groups["hi"], strict=True)
    ]
    shares = pd.concat(
        [
            pd.DataFrame(
                {
                    "group": names,
                    "series": series,
                    "n": groups[column],
                    "share": groups[column] / groups[column].sum(),
                }
            )
            for series, column in ((charts.OF_PEOPLE, "n_users"), (charts.OF_RATINGS, "n_ratings"))
        ]
    )
    layout.draw(
        shares,
        charts.concentration(),
        f"Share of people and of ratings, in {findings.counted(len(groups), 'group')} of people by"
        f" how many ratings each gave. {said or ''}",
    )
    st.caption(
        "Each group gave about twice as many ratings as the one above it; the last one is of all"
        f" who gave more. {FEW_NOTE}"
    )


def week() -> None:
    """Ratings by weekday and hour."""
    hours = marts.rows(queries.WEEKDAY_HOURS)
    if hours["n_ratings"].sum() == 0:
        st.info("There are no ratings in this version.")
        return
    hours["day"] = [WEEKDAYS[int(day) - 1] for day in hours["weekday"]]
    said = findings.busiest_hour(hours, WEEKDAYS)
    layout.say(said)
    layout.draw(
        hours[["day", "hour", "n_ratings"]],
        charts.week(),
        f"Ratings by weekday and hour, 168 cells. {said or ''}",
    )
    st.caption(
        "Hours are UTC, not those of the people: where they live is not in the data, so an evening"
        " in one place is a morning in another."
    )


def cohorts() -> None:
    """Who came back, by the year of the first rating."""
    activity = marts.rows(queries.COHORTS)
    first = activity[activity["years_since"] == 0].set_index("cohort_year")["n_users_active"]
    activity["newcomers"] = activity["cohort_year"].map(first)
    activity["enough"] = activity["n_users_active"].notna() & activity["newcomers"].notna()
    activity["share"] = activity["n_users_active"] / activity["newcomers"]
    later = activity[activity["years_since"] > 0]
    if later.empty:
        st.info("Nobody has rated in a year after that of their first rating.")
        return
    said = findings.came_back(later)
    layout.say(said)
    layout.draw(
        later[["cohort_year", "years_since", "share", "n_users_active", "newcomers", "enough"]],
        charts.cohorts(),
        f"Share of the people of each first year who rated again, {len(later)} cells. {said or ''}",
    )
    st.caption(
        "A year counts from January to December (UTC), so the first one is short for most. Grey:"
        f" fewer than five people rated in that year. {FEW_NOTE}"
    )


def note(status: Status) -> None:
    """Who is not in the data."""
    st.text(
        "These are people who chose to sign up at movielens.org and to rate films there, and the"
        " full releases keep only those who rated at least 20. They are no sample of any public,"
        " and somebody who rated little and left is not among them."
    )
    st.caption(
        f"{findings.counted(status.n_users, 'person', 'people')} rated,"
        f" {findings.counted(status.n_tag_users, 'person', 'people')} gave tags. Nothing else is"
        " known of them: no name, no age, no place. No table behind this site has a row about one"
        " person."
    )


def page() -> None:
    """The page, from top to bottom."""
    status = published_status()
    layout.top("People", status)
    with layout.section("Do a few people give most of the ratings?"):
        concentration()
    with layout.section("When in the week do people rate?"):
        week()
    with layout.section("Do people come back in later years?"):
        cohorts()
    with layout.section("Who are they, and who is missing?"):
        note(status)
    layout.footer(status)


page()
