"""Data: how fresh, how tested, what each column means, and what it may be used for."""

from __future__ import annotations

import re

import pandas as pd
import streamlit as st

from dashboard import findings, layout, marts, queries
from dashboard.status import Status, published_status

# Where each number comes from: page, question, statements that answer it.
SOURCES = [
    ("Overview", "How big is it?", [queries.STATUS, queries.RATING_MONTHS]),
    ("Overview", "When were people rating?", [queries.RATING_MONTHS, queries.STAR_YEARS]),
    ("Overview", "Which genres score above average?", [queries.GENRES, queries.STATUS]),
    ("Overview", "Did half stars change the scores?", [queries.STAR_YEARS]),
    (
        "Overview",
        "Which films stand out?",
        [queries.MOST_RATED, queries.BEST_LOVED, queries.MOST_DIVISIVE],
    ),
    ("Overview", "Are popular films loved?", [queries.SCATTER]),
    ("Overview, Films", "What should I watch?", [queries.BEST_LOVED, queries.RELEASE_SPAN]),
    ("Films", "Which film are you looking for?", [queries.SEARCH_FILMS]),
    ("Films", "How is it rated?", [queries.FILM, queries.STAR_TOTALS]),
    ("Films", "When was it rated?", [queries.FILM_YEARS]),
    ("Films", "What do people call it?", [queries.FILM_TAGS, queries.FILM_GENOME_TAGS]),
    ("Films", "What is like it?", [queries.FILM_SIMILAR]),
    ("Genres", "Which genres rose, which fell?", [queries.GENRE_YEARS, queries.YEAR_TOTALS]),
    ("Genres", "Do old films score higher?", [queries.GENRE_DECADES]),
    ("Genres", "Which genres go together?", [queries.GENRE_PAIRS]),
    ("Tags", "Which films carry a tag?", [queries.SEARCH_TAGS, queries.TAG_FILMS]),
    ("Tags", "What words go with loved films?", [queries.TOP_TAGS]),
    ("Data", "Did the checks pass?", [queries.QUALITY]),
    ("Data", "What does each column mean?", [queries.DICTIONARY]),
    ("Data", "What is made from what?", [queries.LINEAGE]),
]
_LAYERS = ["raw", "src", "dim", "fct", "mart"]


def freshness(status: Status) -> None:
    """Times, version and amounts of the published build."""
    rows = [
        ("Edition", status.edition),
        ("Data to (last rating)", _time(status.last_rating_at)),
        ("Data from (first rating)", _time(status.first_rating_at)),
        ("Newest file loaded", _time(status.loaded_at)),
        ("Built", _time(status.built_at)),
        ("Version", status.data_version),
        ("Code", status.git_sha or "not known"),
        ("Hash of the source files", status.source_sha256),
        ("Files", findings.number(status.n_files)),
        ("Rows that could not be loaded", findings.number(status.n_rejected_rows)),
        ("Ratings", findings.number(status.n_ratings)),
        ("People who rated", findings.number(status.n_users)),
        ("Films listed", findings.number(status.n_movies)),
        ("Films rated", findings.number(status.n_rated_movies)),
        ("Tags given", findings.number(status.n_tag_applications)),
        ("Tag genome", "yes" if status.has_genome else "no, not in this edition"),
    ]
    layout.table(
        pd.DataFrame(rows, columns=["What", "Value"]),
        f"Facts about version {status.data_version}.",
        {"Value": st.column_config.TextColumn(width="large")},
        height="content",
    )
    st.caption("Times are UTC.")


def _time(value: object) -> str:
    return "none" if value is None else f"{value:%Y-%m-%d %H:%M:%S}"


def checks(status: Status) -> None:
    """Tests of this build."""
    passed, warned, failed = status.tests_passed, status.tests_warned, status.tests_failed
    said = (
        f"{findings.counted(passed, 'check')} passed, {findings.number(warned)} warned,"
        f" {findings.number(failed)} failed when this version was built."
    )
    if failed:
        st.error(said)
    elif warned:
        st.warning(said)
    else:
        st.success(said)
    rows = marts.rows(queries.QUALITY)
    if rows.empty:
        st.info("No single results were published.")
        return
    layout.table(
        rows[
            ["status", "model_name", "column_name", "description", "failures", "test_name", "kind"]
        ],
        f"Checks, those that did not pass first. {said}",
        {
            "status": "Outcome",
            "model_name": "Table",
            "column_name": "Column",
            "description": st.column_config.TextColumn("What is checked", width="large"),
            "failures": st.column_config.NumberColumn("Rows against it", format="localized"),
            "test_name": "Name",
            "kind": "Kind",
        },
        height=min(420, 40 + 35 * len(rows)),
    )


def dictionary() -> None:
    """Every column, searchable."""
    rows = marts.rows(queries.DICTIONARY)
    if rows.empty:
        st.info("No dictionary was published.")
        return
    typed = st.text_input(
        "Search tables, columns and descriptions", type="search", live="250ms", key="column",
        bind="query-params", max_chars=200, placeholder="weighted",
    )  # fmt: skip
    found = rows[_contain(rows, (typed or "").strip())]
    if found.empty:
        st.info("No table, column or description contains this.")
        return
    st.caption(
        f"{findings.counted(len(found), 'column')} of"
        f" {findings.counted(found['table_name'].nunique(), 'table')}."
    )
    layout.table(
        found[["layer", "table_name", "column_name", "data_type", "description", "tests"]],
        f"Dictionary: {findings.counted(len(found), 'column')} with type and description.",
        {
            "layer": st.column_config.TextColumn("Layer", width="small"),
            "table_name": "Table",
            "column_name": "Column",
            "data_type": st.column_config.TextColumn("Type", width="small"),
            "description": st.column_config.TextColumn("Meaning", width="large"),
            "tests": "Checks",
        },
        height=420,
    )
    layout.download(found, "dictionary", "Download the dictionary as CSV")


def _contain(rows: pd.DataFrame, text: str) -> pd.Series:
    told = rows[["table_name", "column_name", "description"]].fillna("").agg(" ".join, axis=1)
    return told.str.contains(text, case=False, regex=False)


def lineage() -> None:
    """What a table is made from, back to the files."""
    edges = marts.rows(queries.LINEAGE)
    if edges.empty:
        st.info("No lineage was published.")
        return
    made = sorted(set(edges.loc[edges["to_layer"] == "mart", "to_name"]))
    usual = made.index("mart_movie") if "mart_movie" in made else 0
    chosen = st.selectbox("Mart", made, usual, key="lineage", bind="query-params")
    above = ancestors(edges, str(chosen))
    sources = sorted(set(above.loc[above["from_layer"] == "raw", "from_name"]))
    origins = ", ".join(_bare(name) for name in sources) or "no file"
    st.mermaid_chart(
        diagram(above), alt=f"{len(above)} steps lead to {_bare(str(chosen))}, from {origins}."
    )
    layout.say(f"{chosen} is made from raw {origins}." if sources else None)


def ancestors(edges: pd.DataFrame, name: str) -> pd.DataFrame:
    """The edges that lead to a table, from however far."""
    wanted, seen = {name}, set[str]()
    while wanted - seen:
        seen |= wanted
        wanted = set(edges.loc[edges["to_name"].isin(seen), "from_name"])
    return edges[edges["to_name"].isin(seen)]


def diagram(edges: pd.DataFrame) -> str:
    """A left-to-right graph, a box for each layer; names are reduced to identifiers."""
    lines = ["flowchart LR"]
    ends = pd.concat(
        [
            edges[["from_layer", "from_name"]].set_axis(["layer", "name"], axis=1),
            edges[["to_layer", "to_name"]].set_axis(["layer", "name"], axis=1),
        ]
    ).drop_duplicates()
    for layer in _LAYERS:
        names = sorted(ends.loc[ends["layer"] == layer, "name"])
        if names:
            lines += [f"subgraph {layer}", *(_node(layer, name) for name in names), "end"]
    lines += [
        f"{_identifier(e.from_layer, e.from_name)} --> {_identifier(e.to_layer, e.to_name)}"
        for e in edges.itertuples()
    ]
    return "\n".join(lines)


def _identifier(layer: str, name: str) -> str:
    return _bare(f"{layer}__{name}")


def _node(layer: str, name: str) -> str:
    return f'{_identifier(layer, name)}["{_bare(name)}"]'


def _bare(name: str) -> str:
    return re.sub(r"\W", "_", name)


def sources() -> None:
    """Which mart answers which question."""
    rows = [
        (page, question, ", ".join(sorted({m for s in statements for m in marts.marts_named(s)})))
        for page, question, statements in SOURCES
    ]
    layout.table(
        pd.DataFrame(rows, columns=["Page", "Question", "Marts"]),
        "Which mart each part of the dashboard reads.",
        {"Marts": st.column_config.TextColumn(width="large")},
        height="content",
    )


def terms(status: Status) -> None:
    """Licence and citation in full."""
    st.text(status.licence)
    st.caption("Please cite")
    st.code(status.citation, language=None, wrap_lines=True)
    st.markdown("The whole terms are in the README of each edition, at grouplens.org.")


def limits(status: Status) -> None:
    """What these numbers cannot tell."""
    unrated = max(0, status.n_movies - status.n_rated_movies)
    said = [
        "People chose to join and chose what to rate. They are not a sample of anyone else, and"
        " GroupLens's editions hold only people with at least 20 ratings.",
        "A time is when a rating was entered, not when the film was watched.",
        "Release years come from titles. Films without one are left out wherever years are shown.",
        "Genres are those of the files, and a film counts in each of its genres.",
        "Months, years and hours are UTC; where people live is not known.",
        "User numbers are not published here, and no table holds rows of single people.",
    ]
    if unrated:
        said.append(
            f"{findings.counted(unrated, 'listed film')} without any rating cannot be ranked."
        )
    if not status.has_genome:
        said.append("This edition has no tag genome, so there are no similar films.")
    if status.n_rejected_rows:
        said.append(
            f"{findings.counted(status.n_rejected_rows, 'row')} of the files could not be loaded."
        )
    st.markdown("\n".join(f"- {sentence}" for sentence in said))


def page() -> None:
    """The page, from top to bottom."""
    status = published_status()
    layout.top("Data", status)
    with layout.section("How fresh is it, and what is in it?"):
        freshness(status)
    with layout.section("Did the checks pass?"):
        checks(status)
    with layout.section("What does each column mean?"):
        dictionary()
    with layout.section("What is made from what?"):
        lineage()
    with layout.section("Where does each number come from?"):
        sources()
    with layout.section("What may it be used for?"):
        terms(status)
    with layout.section("What can it not tell?"):
        limits(status)
    layout.footer(status)


page()
