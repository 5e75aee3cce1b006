"""Data: freshness, checks, the meaning of each column, and terms of use."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from dashboard import address, film_views, findings, layout, marts, provenance, queries
from dashboard.contents import PAGES
from dashboard.settings import settings
from dashboard.status import Status, published_status

_LAYERS = ["raw", "src", "dim", "fct", "mart"]


def freshness(status: Status) -> None:
    """Times, version and counts of the published build."""
    rows = [
        ("Edition", status.edition),
        ("Data to (last rating)", _time(status.last_rating_at)),
        ("Data from (first rating)", _time(status.first_rating_at)),
        ("Newest file loaded", _time(status.loaded_at)),
        ("Built", _time(status.built_at)),
        ("Version", status.data_version),
        ("Commit", status.git_sha or "unknown"),
        ("Hash of the source files", status.source_sha256),
        ("Files", findings.number(status.n_files)),
        ("Rows that could not be loaded", findings.number(status.n_rejected_rows)),
        ("Ratings", findings.number(status.n_ratings)),
        ("People who rated", findings.number(status.n_users)),
        ("Films listed", findings.number(status.n_movies)),
        ("Films rated", findings.number(status.n_rated_movies)),
        ("Tags given", findings.number(status.n_tag_applications)),
        ("Tag genome", "yes" if status.has_genome else "not in this edition"),
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


_STATED = {
    "ratings": "Ratings",
    "users": "People who rated",
    "movies": "Films listed",
    "tags": "Tags given",
}


def release(status: Status) -> None:
    """The README's counts against those published, and failed checks that were accepted."""
    rows = marts.rows(queries.RELEASE_CHECKS)
    _accepted(rows[rows["kind"] == "release"])
    stated = rows[rows["kind"] == "readme"]
    if not stated.empty:
        _readme(stated)
    elif status.is_generated:
        st.info("These data were generated; there is no release to compare them with.")
    else:
        st.info("No README with counts came with the files, so there is nothing to compare.")


def _accepted(rows: pd.DataFrame) -> None:
    for outcome, said in (
        ("accepted", "Checks of the release failed, but it was accepted"),
        ("reported", "The previous version came from another landing zone"),
    ):
        messages = rows.loc[rows["outcome"] == outcome, "description"]
        if not messages.empty:
            st.warning(f"{said}: {'; '.join(map(layout.plain, messages))}.")


def _readme(stated: pd.DataFrame) -> None:
    rows = stated[["check_name", "expected", "loaded", "found", "outcome"]].copy()
    rows["check_name"] = rows["check_name"].map(_STATED)
    rows["loaded"] = rows["loaded"].astype("Int64")
    differing = list(rows.loc[rows["outcome"] != "agrees", "check_name"])
    if differing:
        st.error(
            f"Check failed: {', '.join(differing)} differ from the README next to the files. Rows"
            " were added to the files, or are missing."
        )
    else:
        st.success("All counts match the README next to the files.")
    number = st.column_config.NumberColumn
    layout.table(
        rows,
        f"The README's counts against those loaded and published; {len(differing)} differ.",
        {
            "check_name": "What",
            "expected": number("README says", format="localized"),
            "loaded": number("Rows in the files", format="localized"),
            "found": number(f"{settings().standing.capitalize()} here", format="localized"),
            "outcome": "Outcome",
        },
        height="content",
    )


def refused() -> None:
    """Files that were refused as a whole, so that none of their rows is in the figures."""
    rows = marts.rows(queries.REFUSED_FILES)
    if rows.empty:
        st.success("No file was refused.")
        return
    said = f"{findings.counted(len(rows), 'file')} refused: no rows of"
    said += f" {'it' if len(rows) == 1 else 'them'} are in these figures."
    st.warning(said)
    layout.table(
        rows,
        said,
        {
            "path": "File",
            "dataset": "Dataset",
            "bytes": st.column_config.NumberColumn("Bytes", format="localized"),
            "refused_at": st.column_config.DatetimeColumn("Refused (UTC)"),
        },
        height="content",
    )


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
    later = provenance.unreported(marts.rows_if_published(queries.TESTED_TABLES), rows)
    if later:
        st.caption(
            f"{findings.counted(later, 'more check')} of the tables that report on the build, this"
            " list among them, ran once it was written; nothing is published while one fails."
        )
    if rows.empty:
        st.info("No individual results were published.")
        return
    _check_table(rows, f"Checks, failures first. {said}")


def _check_table(rows: pd.DataFrame, alt: str) -> None:
    layout.table(
        rows[
            ["status", "model_name", "column_name", "description", "failures", "test_name", "kind"]
        ],
        alt,
        {
            "status": "Outcome",
            "model_name": "Table",
            "column_name": "Column",
            "description": st.column_config.TextColumn("What is checked", width="large"),
            "failures": st.column_config.NumberColumn("Failing rows", format="localized"),
            "test_name": "Name",
            "kind": "Kind",
        },
        height=min(420, 40 + 35 * len(rows)),
    )


def dictionary(status: Status) -> None:
    """All columns, searchable."""
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
        st.info("No table, column or description contains this text.")
        return
    st.caption(
        f"{findings.counted(len(found), 'column')} of"
        f" {findings.counted(found['table_name'].nunique(), 'table')}."
    )
    _dictionary_table(found)
    layout.download(lambda: found, f"dictionary_{typed}" if typed else "dictionary", status)


def _dictionary_table(found: pd.DataFrame, *, with_origin: bool = False) -> None:
    shown = ["layer", "table_name", "column_name", "data_type", "description", "tests"]
    edges = pd.DataFrame()
    if with_origin:
        edges = marts.rows_if_published(queries.COLUMN_LINEAGE)
    if not edges.empty:
        found = found.assign(
            origin=[
                provenance.origin_of(edges, row.table_name, row.column_name)
                for row in found.itertuples()
            ]
        )
        shown.insert(shown.index("tests"), "origin")
    layout.table(
        found[shown],
        f"Dictionary: {findings.counted(len(found), 'column')} with type and description.",
        {
            "layer": st.column_config.TextColumn("Layer", width="small"),
            "table_name": "Table",
            "column_name": "Column",
            "data_type": st.column_config.TextColumn("Type", width="small"),
            "description": st.column_config.TextColumn("Meaning", width="large"),
            "origin": st.column_config.TextColumn("Comes from", width="large"),
            "tests": "Checks",
        },
        height=min(420, 40 + 35 * len(found)),
    )


def _contain(rows: pd.DataFrame, text: str) -> pd.Series:
    told = rows[["table_name", "column_name", "description"]].fillna("").agg(" ".join, axis=1)
    return told.str.contains(text, case=False, regex=False)


def lineage(name: str) -> None:
    """What a table is built from, back to the files: as a diagram and as a list."""
    above = provenance.ancestors(marts.rows(queries.LINEAGE), name)
    if above.empty:
        st.info("The build writes this table itself, from no other table.")
        return
    raw = sorted(set(above.loc[above["from_layer"] == "raw", "from_name"]))
    said = f"{name} is built from {', '.join(raw) or 'no file'}, in {len(above)} steps."
    layout.say(said)
    with st.container(key=f"lineage of {name}"):
        st.mermaid_chart(diagram(above), alt=said)
    steps = above.groupby(["to_layer", "to_name"])["from_name"].agg(
        lambda names: ", ".join(sorted(names))
    )
    rows = steps.reset_index()
    rows["place"] = -rows["to_layer"].map({layer: i for i, layer in enumerate(_LAYERS)})
    layout.table(
        rows.sort_values(["place", "to_name"])[["to_name", "from_name"]],
        f"The same as a list: {len(rows)} tables and what each is built from.",
        {
            "to_name": "Table",
            "from_name": st.column_config.TextColumn("Built from", width="large"),
        },
        height="content",
    )


def diagram(edges: pd.DataFrame) -> str:
    """A left-to-right graph, one box per layer; names are reduced to identifiers."""
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


def answers() -> None:
    """Which mart answers which question, with links to each table."""
    tables = list(dict.fromkeys(marts.rows(queries.DICTIONARY)["table_name"]))
    st.selectbox(
        "Open a table: its columns, checks, lineage and files",
        tables,
        index=None,
        key="opened",
        placeholder="mart_movie",
        on_change=_open_chosen,
    )
    rows = [
        (page.title, question, ", ".join(provenance.marts_of(answer)))
        for page in PAGES.values()
        for question, answer in page.questions.items()
    ]
    layout.table(
        pd.DataFrame(rows, columns=["Page", "Question", "Marts"]),
        "Which marts each part of the dashboard reads.",
        {"Marts": st.column_config.TextColumn(width="large")},
        height="content",
    )


def _open_chosen() -> None:
    if st.session_state["opened"]:
        st.query_params["table"] = st.session_state["opened"]


def definitions(status: Status) -> None:
    """Terms used on several pages."""
    weight = f"{status.prior_weight:,}"
    overall = "the mean of all ratings" if status.mean is None else f"{status.prior_mean:.3f}"
    said = [
        "Rating: the stars a person gave a film, 0.5 to 5. If a person rated a film more than once,"
        " the latest rating counts.",
        "Mean: sum of the stars divided by the number of ratings.",
        f"Weighted score: (m · C + sum of the stars) / (m + ratings), here with m = {weight} and"
        f" C = {overall}. With few ratings it stays near C; with many it nears the film's mean.",
        "Spread: standard deviation of a film's ratings.",
        f"Hidden gem: a film with at most 2 · m = {2 * status.prior_weight:,} ratings and a high"
        " weighted score.",
        "Tag: spellings that differ only in case or spaces are one tag.",
        "Favourites: up to 50 films that a person rated 4 stars or more; the best rated, then the"
        " latest. Films with fewer than 20 such ratings do not count.",
        "Films liked together: lift, the number of people n with both among their favourites over"
        " the number that chance would give, times n / (n + 50); from 20 people (Deshpande and"
        " Karypis 2004; Herlocker et al. 1999; Koren 2008).",
        "Similar films: cosine similarity of two films' tag-genome relevances, each relative to the"
        " average film.",
    ]
    st.markdown("\n".join(f"- {sentence}" for sentence in said))


def terms(status: Status) -> None:
    """Licence and citation in full."""
    st.text(status.licence)
    st.caption("Please cite")
    st.code(status.citation, language=None, wrap_lines=True)
    st.markdown("The full terms are in each edition's README, at grouplens.org.")


def limits(status: Status) -> None:
    """What these numbers cannot tell."""
    unrated = max(0, status.n_movies - status.n_rated_movies)
    said = [
        "People chose to join and chose what to rate, so they are not a sample of anyone else."
        " GroupLens's editions include only people with at least 20 ratings.",
        "Times are when a rating was entered, not when the film was watched.",
        "Release years come from titles. Films without one are left out wherever years are shown.",
        "Genres are taken from the files, and a film counts in each of its genres.",
        "Months, years and hours are UTC; where people live is unknown.",
        "No table this site reads has user ids. Groups of people by month, activity or first year"
        " have five members or more: smaller ones are merged with a neighbour, or left out. A film"
        " or a tag can be known from one person alone, and its numbers are then what that person"
        f" did; of a film with fewer than {film_views.FEW_RATINGS} ratings, its page tells years"
        " rather than days.",
    ]
    if unrated:
        said.append(f"{findings.counted(unrated, 'listed film')} without ratings cannot be ranked.")
    if not status.has_genome:
        said.append("This edition has no tag genome, so films are not compared by their tags.")
    if status.n_rejected_rows:
        said.append(
            f"{findings.counted(status.n_rejected_rows, 'row')} of the files could not be loaded."
        )
    st.markdown("\n".join(f"- {sentence}" for sentence in said))


def files(name: str) -> None:
    """The source files of a table, and their loads."""
    behind = provenance.files_behind(
        name, marts.rows(queries.LINEAGE), marts.rows(queries.SOURCE_FILES)
    )
    if behind.empty:
        st.info("No source file feeds this table.")
        return
    number = st.column_config.NumberColumn
    layout.table(
        behind,
        f"{findings.counted(len(behind), 'source file')} of {name}, with load and hash.",
        {
            "path": "File",
            "dataset": "Dataset",
            "edition": "Edition",
            "bytes": number("Bytes", format="localized"),
            "rows_loaded": number("Rows loaded", format="localized"),
            "rows_rejected": number("Rows rejected", format="localized"),
            "content_hash": "Content hash",
            "load_id": "Load",
            "loaded_at": st.column_config.DatetimeColumn("Loaded (UTC)"),
        },
        height="content",
    )


def table_checks(name: str) -> None:
    """The checks of one table, and of its upstream tables."""
    quality = marts.rows(queries.QUALITY)
    above = provenance.ancestors(marts.rows(queries.LINEAGE), name)
    own = quality[quality["model_name"] == name]
    before = quality[quality["model_name"].isin(set(above["from_name"]) - {name})]
    passed = int((before["status"] == "pass").sum())
    layout.say(
        f"{provenance.outcome(quality, name)} on {name};"
        f" {passed:,} of {len(before):,} on its upstream tables."
    )
    if not own.empty:
        _check_table(own, f"Checks of {name}: {provenance.outcome(quality, name)}.")
    others = provenance.compared_by(marts.rows_if_published(queries.TESTED_TABLES), quality, name)
    if not others.empty:
        said = f"{name} is also read by {findings.counted(len(others), 'check')} of other tables."
        layout.say(said)
        _check_table(others, said)


def guards() -> None:
    """How many checks each mart has, and which tables they compare it with."""
    rows = provenance.guards(marts.rows_if_published(queries.TESTED_TABLES))
    if rows.empty:
        st.info("This version was published without a list of what each check reads.")
        return
    fewest = rows.loc[rows["n_checks"].idxmin()]
    said = (
        f"{findings.counted(len(rows), 'mart')}, each with"
        f" {findings.counted(fewest['n_checks'], 'check')} or more."
    )
    layout.say(f"{said} Nothing is published while one of them fails.")
    layout.table(
        rows,
        said,
        {
            "mart": "Mart",
            "n_checks": st.column_config.NumberColumn("Checks", format="localized"),
            "n_comparisons": st.column_config.NumberColumn(
                "With other tables", format="localized", help="Checks that compare it with others"
            ),
            "compared_with": st.column_config.TextColumn("Compared with", width="large"),
        },
        height="content",
    )


def show_table(name: str, columns: pd.DataFrame, status: Status) -> None:
    """One table, from its columns back to its source files."""
    layout.name_tab(name)
    layout.top(layout.plain(name), status)
    st.page_link(provenance.DATA_PAGE, label="All about the data", query_params={})
    with layout.section("What does each column mean?"):
        _dictionary_table(columns, with_origin=True)
    answered = [
        (page.title, question)
        for page in PAGES.values()
        for question, answer in page.questions.items()
        if name in provenance.marts_of(answer)
    ]
    if answered:
        with layout.section("Which questions does it answer?"):
            layout.say("\n".join(f"· {page}: {question}" for page, question in answered))
    with layout.section("Did its checks pass?"):
        table_checks(name)
    with layout.section("What is it built from?"):
        lineage(name)
    with layout.section("Which files and loads are behind it?"):
        files(name)


def show_all(status: Status) -> None:
    """Everything about the published build, and a table of contents."""
    parts: list[tuple[str, Callable[[], None]]] = [
        ("How fresh is it, and what is in it?", partial(freshness, status)),
        ("Are these the counts of the release?", partial(release, status)),
        ("Could every file be read?", refused),
        ("Did the checks pass?", partial(checks, status)),
        ("Which checks guard each mart?", guards),
        ("Where does each number come from?", answers),
        ("What does each column mean?", partial(dictionary, status)),
        ("What is mart_movie built from?", partial(lineage, "mart_movie")),
        ("How is it computed?", partial(definitions, status)),
        ("What may it be used for?", partial(terms, status)),
        ("What can it not tell?", partial(limits, status)),
    ]
    layout.top("Data", status)
    st.markdown("\n".join(f"- [{question}](#{_anchor(question)})" for question, _ in parts))
    for question, show in parts:
        with layout.section(question, _anchor(question)):
            show()


def _anchor(question: str) -> str:
    return re.sub(r"[^a-z]+", "-", question.lower()).strip("-")


def asked_table() -> pd.DataFrame:
    """The columns of the table the URL names; no rows if it names none."""
    asked = st.query_params.get("table")
    if asked is None:
        return pd.DataFrame()
    rows = marts.rows(queries.DICTIONARY)
    return rows[rows["table_name"] == asked]


def page() -> None:
    """The page: one table if the URL names one, else everything about the data."""
    status = published_status()
    columns = asked_table()
    if columns.empty:
        address.keep("table", None)
        show_all(status)
    else:
        name = str(columns["table_name"].iloc[0])
        address.keep("table", name)
        show_table(name, columns, status)
    layout.footer(status)


page()
