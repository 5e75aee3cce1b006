"""Tags: which words go with loved films?"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import charts, film_views, findings, layout, marts, queries, search
from dashboard.page_parts import fragment
from dashboard.point_labels import named
from dashboard.status import Status, published_status


def commonest(tags: pd.DataFrame, status: Status) -> None:
    """The tags that most people used."""
    rows = tags.head(20)
    layout.state(findings.commonest_tag_in_short(tags))
    said = findings.commonest_tag(tags, status.n_tag_users)
    layout.say(said)
    layout.draw(
        rows[["tag", "n_people", "n_applications", "n_movies"]],
        charts.top_tags(),
        f"The {len(rows)} tags that most people used. {said or ''}",
    )
    st.caption(
        "Spellings that differ only in case or spaces are one tag, shown as most people wrote it."
    )


def loved(tags: pd.DataFrame, status: Status) -> None:
    """Tags by number of people and mean of their films."""
    rows = tags[tags["n_ratings"] > 0]
    if rows.empty or status.mean is None:
        st.info("No tagged film has ratings.")
        return
    # One person's tag says little, but a small edition may have no others.
    shared = rows[rows["n_people"] > 1]
    rows = (shared if len(shared) >= 20 else rows).copy()
    rows["mean"] = rows["sum_rating"] / rows["n_ratings"]
    rows["overall"] = status.mean
    said = findings.loved_tag(rows, status.mean)
    layout.say(said)
    ends = rows.sort_values("mean").index
    first = [*rows.index[:6], *ends[-4:][::-1], *ends[:4]]
    rows = named(
        rows.assign(name=rows["tag"]),
        *("n_people", "mean", dict.fromkeys(first)),
        charts.SCATTER_HEIGHT - 160,
    )
    layout.draw(
        rows[["tag", "n_people", "mean", "n_movies", "n_ratings", "overall", "label", "is_left"]],
        charts.loved_tags(),
        f"{findings.counted(len(rows), 'tag')} by people who used them and mean rating of their"
        f" films. {said or ''}",
    )
    above = findings.share((rows["mean"] > status.mean).sum(), len(rows))
    least = int(rows["n_people"].min())
    st.caption(
        f"{findings.counted(len(rows), 'tag')} used by"
        f" {findings.counted(least, 'person', 'people')} or more; {above} of them lie above the"
        " dashed line, the mean of all ratings. Each tag's mean covers all ratings of its films."
    )


def choose(found: list[str], asked: str) -> str:
    """Lets the visitor choose one of the tags found; the choice is in the URL.

    Args:
        found: The tags.
        asked: The tag that the URL names, if it names one.
    """
    if asked not in found:
        st.query_params.pop("tag", None)
    st.session_state["tag_found"] = asked if asked in found else found[0]
    return str(
        st.selectbox(
            f"Tags found: {len(found)}", found, key="tag_found", on_change=_name_the_chosen
        )
    )


def _name_the_chosen() -> None:
    st.query_params["tag"] = st.session_state["tag_found"]


@fragment
def look_up() -> None:
    """Searches for a tag, and shows the films of the one chosen or named in the URL."""
    typed = st.text_input(
        "Search a tag", type="search", live="250ms", key="tag_search", bind="query-params",
        max_chars=search.ACCEPTED, placeholder="time travel",
    )  # fmt: skip
    asked = st.query_params.get("tag", "")
    sought = typed if typed and search.normalised(typed) else asked
    if not search.normalised(sought):
        st.caption("Type a word to find tags that contain it, and their films.")
        return
    found = list(marts.rows(queries.SEARCH_TAGS, search.tag_pattern(sought))["tag"])
    if not found:
        st.info("No tag contains this. Try fewer letters, or another word.")
        return
    chosen = choose(found, asked)
    films = marts.rows(queries.TAG_FILMS, chosen)
    if films.empty:
        st.info("This tag is not among the ten most used of any film.")
        return
    for row in films.itertuples():
        people = findings.counted(row.n_people, "person", "people")
        film_views.line(row, f"{people} · {film_views.mean_of(row)}")
    st.caption("Films with this among their ten most used tags, by people who used it.")


def page() -> None:
    """The page, from top to bottom."""
    status = published_status()
    layout.top("Tags", status)
    with layout.section("Which films carry a tag?"):
        look_up()
    with layout.section("What words do people use most?"):
        tags = marts.rows(queries.TOP_TAGS)
        if tags.empty:
            st.info("There are no tags in this version.")
        else:
            commonest(tags, status)
    with layout.section("What words go with loved films?"):
        tags = marts.rows(queries.TOP_TAGS)
        if tags.empty:
            st.info("There are no tags in this version.")
        else:
            loved(tags, status)
    layout.footer(status)


page()
