"""The furniture that pages share: top, footer, sections, charts, downloads, messages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from string import punctuation
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import findings, marts, provenance, sources
from dashboard.charts import Spec
from dashboard.page_parts import failures_said
from dashboard.settings import settings
from dashboard.status import Status

UTC_NOTE = "Months, years and hours are UTC."
GENRE_NOTE = (
    "A film counts in each of its genres, so genres add up to more than all ratings, and are never"
    " summed here."
)
_PUNCTUATION = str.maketrans({mark: f"\\{mark}" for mark in punctuation})
# Streamlit looks for emoji names and addresses in text that is already unescaped; an unseen joiner
# keeps it from finding any.
_EMOJI = re.compile(r"(?<=:)(?=(?:[\w+-]*[a-z][\w+-]*|[+-]1|100|1234):)", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<=http)(?=s?://)|(?<=www)(?=\.)", re.IGNORECASE)
_JOINER = "\u2060"
# What spreadsheets take for the beginning of a formula, also after blanks and in full width.
_FORMULA = re.compile(r"^(\s*[=+\-@\uff1d\uff0b\uff0d\uff20|]|[\t\r\n])")


def plain(text: str) -> str:
    """Escapes text of strangers for places where Streamlit reads Markdown (headings, labels).

    Args:
        text: A title, tag or genre.

    Returns:
        Markdown that displays exactly that text, on one line.
    """
    apart = _ADDRESS.sub(_JOINER, _EMOJI.sub(_JOINER, " ".join(text.split())))
    return apart.translate(_PUNCTUATION)


def dated(title: str, year: float | None) -> str:
    """Adds the year of release to a title.

    Args:
        title: Title without its year.
        year: Year of release; null if not known.

    Returns:
        Such as 'Toy Story (1995)'.
    """
    return title if year is None or pd.isna(year) else f"{title} ({int(year)})"


# ---- top and bottom of a page ------------------------------------------------------------------


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
    since = marts.unconfirmed_since()
    if since:
        st.warning(
            "The published data cannot be read at the moment, so this may be stale: what you see is"
            f" the last good version, which was still the published one at {since:%H:%M} UTC on"
            f" {findings.day(since)}. The site tries again by itself. If you run it:"
            " `movielens doctor` says what is wrong."
        )
    days = status.age().total_seconds() / 86400
    limit = settings().stale_after_days
    if days > limit:
        st.warning(
            f"These data are stale: they were built {int(days)} days ago, and are meant to be"
            f" rebuilt within {limit:g}. What you see is the last published version. To publish a"
            " new one: `movielens run`.",
        )


def footer(status: Status) -> None:
    """Writes citation, licence and disclaimer.

    Args:
        status: The published build.
    """
    st.divider()
    if status.is_generated:
        st.caption(
            "These numbers come from generated data in the shape of MovieLens. They say nothing"
            " about real films or people."
        )
    # The one text whose address may be a link: it comes from this project, not from the files.
    st.caption(f"Data: {status.citation.translate(_PUNCTUATION)}")
    st.caption(f"Licence: {plain(status.licence)}")
    st.caption(
        "Neither GroupLens nor the University of Minnesota endorses this site, and nothing here may"
        " be read as if they did."
    )


def keep_address(parameter: str, value: str | None) -> None:
    """Makes the address name what is shown, and nothing when nothing is singled out.

    A link within one page reruns it with other parameters and leaves the address as it was;
    writing them, even unchanged, corrects it.

    Args:
        parameter: Name of the parameter, such as film.
        value: What is shown, or None for all.
    """
    if value is not None:
        st.query_params[parameter] = value
    elif st.session_state.get(f"{parameter} shown"):
        st.query_params[parameter] = ""
        del st.query_params[parameter]
    st.session_state[f"{parameter} shown"] = value is not None


# ---- sections ----------------------------------------------------------------------------------


@contextmanager
def section(question: str) -> Iterator[None]:
    """A heading that asks, what answers it, and a button that tells where that comes from.

    A missing mart costs this section only.

    Args:
        question: What the section answers; one of `dashboard.sources` where it shows figures.

    Yields:
        Nothing; write the answer inside.
    """
    st.header(question, anchor=False)
    with failures_said():
        yield
    if question in sources.QUESTIONS:
        provenance.offer(question)


def say(sentence: str | None) -> None:
    """Shows a computed sentence as plain text; nothing when there is none to show.

    Args:
        sentence: What the data say, or None.
    """
    if sentence:
        st.text(sentence)


def draw(rows: pd.DataFrame, spec: Spec, alt: str, **options: Any) -> Any:
    """Draws a chart.

    Args:
        rows: What it shows.
        spec: How, from `dashboard.charts`.
        alt: What it shows in one sentence, computed from the rows.
        **options: More arguments of st.vega_lite_chart.

    Returns:
        What st.vega_lite_chart returns.
    """
    # Streamlit completes the dict it is given; the shared one has to stay as it was built.
    drawn = {**deepcopy(spec), "config": _readable()}
    return st.vega_lite_chart(rows, drawn, alt=alt, **options)


def _readable() -> Spec:
    """Colours of a chart's words: Streamlit's own grey on a light page is below 4.5:1."""
    ink = "#c9c5bc" if st.context.theme.type == "dark" else "#5c5a54"
    words = {"labelColor": ink, "titleColor": ink}
    return {"axis": words, "legend": words, "text": {"color": ink}}


def table(
    rows: pd.DataFrame, alt: str, columns: Mapping[str, Any] | None = None, **options: Any
) -> Any:
    """Shows a table; missing values stay empty.

    Args:
        rows: What it shows.
        alt: What it shows in one sentence.
        columns: Column configuration.
        **options: More arguments of st.dataframe.

    Returns:
        What st.dataframe returns.
    """
    return st.dataframe(
        rows, hide_index=True, placeholder="", alt=alt, column_config=columns, **options
    )


def download(rows: pd.DataFrame, name: str, status: Status, label: str = "Download as CSV") -> None:
    """Offers a table as CSV that no spreadsheet runs as formulas, and its terms beside it.

    Args:
        rows: The table.
        name: File name without ending.
        status: The published build; its terms go with each row.
        label: Text of the button.
    """
    terms = (
        f"MovieLens edition {status.edition}, version {status.data_version}. {status.citation}"
        f" Licence: {status.licence}"
    )
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.download_button(
            label,
            # Written when somebody asks for it, not for each visitor of the page.
            lambda: csv(rows.assign(source_and_licence=terms)),
            file_name=f"{re.sub(r'[^a-z0-9_-]+', '-', name.lower())}.csv",
            mime="text/csv",
            on_click="ignore",
            key=f"download {label} {name}",
        )
        with st.popover("Licence", type="tertiary", key=f"licence of {label} {name}"):
            st.text(terms)


def csv(rows: pd.DataFrame) -> str:
    """Writes a table as CSV; an apostrophe keeps text such as '=1+1' from being a formula.

    Args:
        rows: The table.

    Returns:
        CSV with a header.
    """
    safe = rows.copy()
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = safe[column].map(_not_a_formula)
    # The line end of the standard; and with it a lone \r within a text is quoted too.
    return str(safe.to_csv(index=False, lineterminator="\r\n"))


def _not_a_formula(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


# ---- whole-page messages -----------------------------------------------------------------------


def trouble(error: marts.MartsError) -> None:
    """Says in plain words that there is nothing to show, and what to do about it.

    Args:
        error: What went wrong.
    """
    st.title("MovieLens", anchor=False)
    if isinstance(error, marts.NothingPublished):
        st.info(
            "Nothing is published yet. If you run this site: `movielens demo` publishes sample"
            " data, `movielens run` loads, checks and publishes your own. Then reload this page. If"
            " you have done so, the user that reads the marts may not see them: `movielens doctor`."
        )
    elif isinstance(error, marts.MartMissing):
        st.error(
            f"The published data are incomplete: {error.names} is missing. If you run this site:"
            " `movielens run` builds and publishes all marts again."
        )
    else:
        st.error(
            "The published data cannot be read. If you run this site: `movielens doctor` says what"
            " is wrong, `movielens run` publishes again, `movielens rollback` returns to the"
            " version before."
        )
