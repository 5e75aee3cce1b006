"""What changed: this version against the one that readers saw when it was built."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import film_views, findings, layout, marts, queries
from dashboard.status import Status, published_status

_COUNTS = {
    "n_ratings": "Ratings",
    "n_users": "People who rated",
    "n_rated_movies": "Films rated",
    "n_movies": "Films listed",
    "n_tag_applications": "Tags given",
    "tests_passed": "Checks passed",
    "tests_warned": "Checks that warned",
}


def numbers(before: pd.Series, status: Status) -> None:
    """Counts, mean and checks of both versions."""
    rows = [
        (
            named,
            findings.number(was),
            findings.number(is_),
            f"{is_ - was:+,}" if is_ != was else "same",
        )
        for column, named in _COUNTS.items()
        for was, is_ in [(int(before[column]), int(getattr(status, column)))]
    ]
    if before["n_ratings"] and status.mean is not None:
        mean = before["sum_rating"] / before["n_ratings"]
        rows.insert(
            1, ("Mean rating", f"{mean:.4f}", f"{status.mean:.4f}", f"{status.mean - mean:+.4f}")
        )
    ratings = status.n_ratings - int(before["n_ratings"])
    layout.state(findings.growth(ratings))
    layout.say(
        f"{before['data_version']}, built {findings.day(before['built_at'])}, is what readers saw"
        f" when {status.data_version} was built, {findings.day(status.built_at)}."
    )
    layout.table(
        pd.DataFrame(rows, columns=["What", "Before", "Now", "Change"]),
        f"Counts of {before['data_version']} and of {status.data_version}.",
        height="content",
    )
    if before["data_version"] == status.data_version:
        st.caption("Both are the same version.")


def films() -> None:
    """Which films entered the best hundred, and which left."""
    was, is_ = marts.rows(queries.PREVIOUS_TOP_FILMS), marts.rows(queries.TOP_FILMS)
    entered = is_[~is_["movie_id"].isin(was["movie_id"])]
    left = was[~was["movie_id"].isin(is_["movie_id"])]
    layout.state(findings.moved(len(entered), len(left), len(is_)))
    one, other = st.columns(2, gap="large")
    for place, label, rows in ((one, "Entered", entered), (other, "Left", left)):
        with place:
            st.subheader(label, anchor=False)
            if rows.empty:
                st.text("None.")
            for row in rows.itertuples():
                told = (
                    f"score {row.weighted_score:.2f} of {findings.counted(row.n_ratings, 'rating')}"
                )
                film_views.line(row, told, f"{row.rank_weighted}.")
    st.caption(
        "By weighted score. In front: the rank in the version in which the film is among the best"
        " hundred. A film that left may no longer be in the data."
    )


def page() -> None:
    """The page, from top to bottom."""
    status = published_status()
    layout.top("What changed", status)
    found = pd.DataFrame()
    with layout.section("What changed in numbers?"):
        found = marts.rows(queries.PREVIOUS_VERSION)
        if found.empty:
            st.info(
                "This is the first version that was published; there is none to compare it with."
            )
        else:
            numbers(found.iloc[0], status)
    if not found.empty:
        with layout.section("Which films entered or left the best hundred?"):
            films()
    layout.footer(status)


page()
