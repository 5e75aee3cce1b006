"""What pages share: top, footer, sections, charts, downloads, messages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass
from string import punctuation
from typing import Any

import pandas as pd
import pyarrow as pa
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import contents, findings, marts, provenance
from dashboard.charts import Spec
from dashboard.operator_log import tell_operator
from dashboard.page_parts import failures_said
from dashboard.settings import settings
from dashboard.status import Status

SITE = "MovieLens"
# Where the heading of the section being drawn is, and the question that it asks.
_heading: ContextVar[tuple[DeltaGenerator, str]] = ContextVar("heading of this section")
UTC_NOTE = "Months, years and hours are UTC."
GENRE_NOTE = (
    "A film counts in each of its genres, so genre totals exceed all ratings and are never summed."
)
_PUNCTUATION = str.maketrans({mark: f"\\{mark}" for mark in punctuation})
# Streamlit looks for emoji codes and URLs in text it has already unescaped; an invisible joiner
# breaks them up.
_EMOJI = re.compile(r"(?<=:)(?=(?:[\w+-]*[a-z][\w+-]*|[+-]1|100|1234):)", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<=http)(?=s?://)|(?<=www)(?=\.)", re.IGNORECASE)
_JOINER = "\u2060"
# What spreadsheets read as the start of a formula, even after blanks or in full width.
_FORMULA = re.compile(r"^(\s*[=+\-@\uff1d\uff0b\uff0d\uff20|]|[\t\r\n])")


def plain(text: str) -> str:
    """Escapes untrusted text for places where Streamlit reads Markdown (headings, labels).

    Args:
        text: A title, tag or genre.

    Returns:
        Markdown that displays exactly that text, on one line.
    """
    apart = _ADDRESS.sub(_JOINER, _EMOJI.sub(_JOINER, " ".join(text.split())))
    return apart.translate(_PUNCTUATION)


def dated(title: str, year: float | None) -> str:
    """Adds the release year, if known, to a title: 'Toy Story (1995)'."""
    return title if year is None or pd.isna(year) else f"{title} ({int(year)})"


# ---- top and bottom of a page ------------------------------------------------------------------


def mark_environment() -> None:
    """Says, on the page and in the browser's tab, that an environment is previewed, if one is.

    Above everything else, so that no page and no message can be taken for a published one.
    """
    environment = settings().environment
    if environment:
        name_tab()
        # Two badges: one that is wider than a phone would be cut.
        with st.container(horizontal=True, gap="small"):
            st.badge("Preview: not what the public sees", color="violet")
            st.badge(f"environment {plain(environment)}", color="violet")


def tab_name(subject: str = "") -> str:
    """Returns the name of a page, the environment first: browsers cut long names at the end.

    Args:
        subject: What the page is about, such as a film; empty for a page of the navigation.
    """
    return " · ".join(filter(None, (settings().environment, subject, SITE)))


def name_tab(subject: str = "") -> None:
    """Names the browser's tab.

    Args:
        subject: As for tab_name.
    """
    st.set_page_config(page_title=tab_name(subject))


def top(title: str, status: Status) -> None:
    """Writes the page's heading and the badges that say what data it shows.

    Args:
        title: Heading, as Markdown.
        status: The published build.
    """
    st.title(title, anchor=False)
    with st.container(horizontal=True, gap="small"):
        if status.is_generated:
            st.badge("Generated data: not real people, not real ratings", color="orange")
        if status.last_rating_at:
            st.badge(f"data to {findings.day(status.last_rating_at)}", color="gray")
        st.badge(f"edition {plain(status.edition)}", color="gray")
        st.badge(f"version {plain(status.data_version)}", color="gray")
    _say_stale(status)


def _say_stale(status: Status) -> None:
    standing = settings().standing
    since = marts.unconfirmed_since()
    if since:
        st.warning(
            f"The {standing} data cannot be read right now, so this may be stale: you see the last"
            f" good version, confirmed at {since:%H:%M} UTC on {findings.day(since)}. The site"
            " keeps retrying."
        )
        tell_operator(
            f"The {standing} marts cannot be read; pages show the last good version",
            "`movielens doctor` says what is wrong",
        )
    days = status.age().total_seconds() / 86400
    limit = settings().stale_after_days
    if days > limit:
        st.warning(
            f"These data are stale: they were built {int(days)} days ago, and should be rebuilt"
            f" every {limit:g}. You see the last {standing} version."
        )
        tell_operator(f"The {standing} marts are stale", "`movielens run` publishes a new version")


def footer(status: Status) -> None:
    """Writes citation, licence and disclaimer."""
    st.divider()
    if status.is_generated:
        st.caption(
            "These numbers come from data generated in the shape of MovieLens. They say nothing"
            " about real films or people."
        )
    # The only text whose URL may become a link: it comes from this project, not from the files.
    # A caption is translucent, which leaves a link too pale to read.
    st.markdown(f":small[Data: {status.citation.translate(_PUNCTUATION)}]")
    st.caption(f"Licence: {plain(status.licence)}")
    st.caption(
        "Neither GroupLens nor the University of Minnesota endorses this site, and nothing here"
        " should be read as if they did."
    )


# ---- sections ----------------------------------------------------------------------------------


@contextmanager
def section(question: str, anchor: str | None = None) -> Iterator[None]:
    """A heading with an icon that shows where the figures come from, and what is below it.

    The heading is the question, until `state` gives the answer. If a mart is missing, only this
    section fails.

    Args:
        question: What the section answers; one of `dashboard.contents` where it shows figures.
        anchor: What a table of contents refers to, if there is one.

    Yields:
        Nothing; write the answer inside.
    """
    with st.container(
        horizontal=True, gap="small", vertical_alignment="bottom", key=f"heading of {question}"
    ):
        place = st.empty()
        place.header(question, anchor=anchor or False, width="content")
        if question in contents.QUESTIONS:
            provenance.offer(question)
    _heading.set((place, question))
    with failures_said():
        yield


def state(finding: str | None) -> None:
    """Makes a finding the heading of this section, if there is one, and its question the overline.

    Args:
        finding: A few words, as plain text.
    """
    if finding:
        place, question = _heading.get()
        with place.container(gap=None, width="content"):
            st.caption(question)
            st.header(plain(finding), anchor=False, width="content")


def say(sentence: str | None) -> None:
    """Shows a computed sentence, if there is one, as plain text."""
    if sentence:
        st.text(sentence)


@dataclass(frozen=True)
class Figure:
    """A chart and the words around it, ready to be shown to many.

    Attributes:
        rows: The data of the chart.
        alt: Its alternative text, one sentence computed from the rows.
        finding: What becomes the heading of its section, if there is one.
        sentence: A computed sentence above it, if there is one.
        note: The caption below it, as Markdown.
    """

    rows: pa.Table
    alt: str
    finding: str | None = None
    sentence: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Metric:
    """A number with its course.

    Attributes:
        label: What is counted.
        value: The number, as text.
        course: A sparkline, if there is one.
    """

    label: str
    value: str
    course: Figure | None


def figure(
    rows: pd.DataFrame | pa.Table,
    alt: str,
    *,
    finding: str | None = None,
    sentence: str | None = None,
    note: str = "",
) -> Figure:
    """Makes a figure of rows.

    Args:
        rows: The data of the chart.
        alt: Its alternative text.
        finding: As in `Figure`.
        sentence: As in `Figure`.
        note: As in `Figure`.
    """
    if isinstance(rows, pd.DataFrame):
        rows = pa.Table.from_pandas(rows, preserve_index=False)
    return Figure(rows, alt, finding, sentence, note)


def show(shown: Figure, spec: Spec, **options: Any) -> Any:
    """Shows a figure: its finding, its sentence, the chart, its note.

    Args:
        shown: The figure.
        spec: A chart from `dashboard.charts`.
        **options: More arguments of st.vega_lite_chart.

    Returns:
        What st.vega_lite_chart returns.
    """
    state(shown.finding)
    say(shown.sentence)
    event = draw(shown.rows, spec, shown.alt, **options)
    if shown.note:
        st.caption(shown.note)
    return event


def draw(rows: pd.DataFrame | pa.Table, spec: Spec, alt: str, **options: Any) -> Any:
    """Draws a chart.

    Args:
        rows: The data.
        spec: A chart from `dashboard.charts`.
        alt: Its alternative text, one sentence computed from the rows.
        **options: More arguments of st.vega_lite_chart.

    Returns:
        What st.vega_lite_chart returns.
    """
    # Streamlit modifies the dict it is given; the shared one must stay as built.
    drawn = {**deepcopy(spec), "config": _readable()}
    return st.vega_lite_chart(rows, drawn, alt=alt, **options)


def _readable() -> Spec:
    """Colours for chart text: Streamlit's own grey has less than 4.5:1 contrast on light pages."""
    ink = "#c9c5bc" if st.context.theme.type == "dark" else "#5c5a54"
    words = {"labelColor": ink, "titleColor": ink}
    return {"axis": words, "legend": words, "text": {"color": ink}}


def table(
    rows: pd.DataFrame, alt: str, columns: Mapping[str, Any] | None = None, **options: Any
) -> Any:
    """Shows a table; missing values stay empty.

    Args:
        rows: The data.
        alt: Its alternative text, one sentence.
        columns: Column configuration.
        **options: More arguments of st.dataframe.

    Returns:
        What st.dataframe returns.
    """
    return st.dataframe(
        rows, hide_index=True, placeholder="", alt=alt, column_config=columns, **options
    )


def download(
    rows: Callable[[], pd.DataFrame], name: str, status: Status, label: str = "Download as CSV"
) -> None:
    """Offers a table as CSV, safe from formula injection, with its licence beside the button.

    Args:
        rows: Makes the table, when somebody wants it.
        name: File name without extension; that of an environment's rows begins with its name.
        status: The published build; its terms go with each row.
        label: Text of the button.
    """
    terms = (
        f"MovieLens edition {status.edition}, version {status.data_version}. {status.citation}"
        f" Licence: {status.licence}"
    )
    origin = f"{settings().environment}_" if settings().environment else ""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.download_button(
            label,
            # Written on click, not for every visitor of the page.
            lambda: csv(rows().assign(source_and_licence=terms)),
            file_name=f"{origin}{re.sub(r'[^a-z0-9_-]+', '-', name.lower())}.csv",
            mime="text/csv",
            on_click="ignore",
            key=f"download {label} {name}",
        )
        with st.popover("Licence", type="tertiary", key=f"licence of {label} {name}"):
            st.text(terms)


def csv(rows: pd.DataFrame) -> str:
    """Writes a table as CSV; an apostrophe keeps text such as '=1+1' from being a formula."""
    safe = rows.copy()
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = safe[column].map(_not_a_formula)
    # RFC 4180's line end; with it, pandas also quotes text that contains a lone \r.
    return str(safe.to_csv(index=False, lineterminator="\r\n"))


def _not_a_formula(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


# ---- whole-page messages -----------------------------------------------------------------------


def trouble(error: marts.MartsError) -> None:
    """Tells the visitor that there is nothing to show, and the operator what to do about it."""
    standing = settings().standing
    st.title("MovieLens", anchor=False)
    if isinstance(error, marts.NothingPublished):
        nothing = (
            "There is nothing to preview" if settings().environment else "Nothing is published"
        )
        st.info(f"{nothing} yet. Please come back later.")
        tell_operator(
            f"No marts are {standing}",
            "`movielens demo` publishes sample data, `movielens run` your own. If you have run"
            " either, the dashboard's user may not see the marts: `movielens doctor` checks that",
        )
    elif isinstance(error, marts.MartMissing):
        st.error(
            f"The {standing} data are incomplete: {error.names} is missing. Please come back later."
        )
        tell_operator(
            f"{error.names} is missing", "`movielens run` builds and publishes all marts again"
        )
    else:
        st.error(f"The {standing} data cannot be read. Please come back later.")
        tell_operator(
            f"The {standing} marts cannot be read",
            "`movielens doctor` says what is wrong, `movielens run` publishes again,"
            " `movielens rollback` returns to the previous version",
        )
