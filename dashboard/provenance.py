"""Traces a figure to its origin: mart and column, meaning, checks, load and source files."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import marts, queries
from dashboard.contents import QUESTIONS, Answer
from dashboard.page_parts import fragment

DATA_PAGE = "app_pages/data.py"
_LABEL = "Where this comes from"
# What stands for a column in mart_column_lineage where rows are counted.
_ROWS = "*"
_COUNTED = "rows of "


def columns_read(answer: Answer, dictionary: pd.DataFrame) -> pd.DataFrame:
    """Finds the columns of marts that an answer is computed from.

    Args:
        answer: What a section reads.
        dictionary: Rows of DICTIONARY.

    Returns:
        The dictionary's rows for these columns.
    """
    table, column = dictionary["table_name"], dictionary["column_name"]
    read = (table == "mart_dataset_status") & column.isin(answer.status)
    for statement in answer.statements:
        words = set(re.findall(r"[a-z_][a-z0-9_]*", statement))
        read |= table.isin(marts.marts_named(statement)) & column.isin(words)
    return dictionary[read]


def marts_of(answer: Answer) -> list[str]:
    """Names the marts that an answer is computed from, sorted."""
    named = {mart for statement in answer.statements for mart in marts.marts_named(statement)}
    return sorted(named | ({"mart_dataset_status"} if answer.status else set()))


def ancestors(edges: pd.DataFrame, name: str) -> pd.DataFrame:
    """Follows the lineage of a table upstream.

    Args:
        edges: Rows of LINEAGE.
        name: The table.

    Returns:
        All edges upstream of it.
    """
    wanted, seen = {name}, set[str]()
    while wanted - seen:
        seen |= wanted
        wanted = set(edges.loc[edges["to_name"].isin(seen), "from_name"])
    return edges[edges["to_name"].isin(seen)]


def guards(tested: pd.DataFrame) -> pd.DataFrame:
    """Counts the checks that read each mart.

    Args:
        tested: Rows of TESTED_TABLES.

    Returns:
        mart, n_checks, n_comparisons (those that read other tables, too) and compared_with, those
        tables separated by commas.
    """
    if tested.empty:
        return pd.DataFrame()
    check = ["test_name", "model_name"]
    rows = []
    for mart, own in tested[tested["layer"] == "mart"].groupby("table_name"):
        read = own[check].merge(tested, on=check)
        others = read[read["table_name"] != mart]
        rows.append(
            {
                "mart": mart,
                "n_checks": len(own),
                "n_comparisons": len(others[check].drop_duplicates()),
                "compared_with": ", ".join(sorted(set(others["table_name"]))),
            }
        )
    return pd.DataFrame(rows)


def unreported(tested: pd.DataFrame, quality: pd.DataFrame) -> int:
    """Counts the checks whose results are not published.

    Args:
        tested: Rows of TESTED_TABLES.
        quality: Rows of QUALITY.
    """
    if tested.empty or quality.empty:
        return 0
    return len(set(tested["test_name"]) - set(quality["test_name"]))


def compared_by(tested: pd.DataFrame, quality: pd.DataFrame, name: str) -> pd.DataFrame:
    """Finds the checks of other tables that read a table, too.

    Args:
        tested: Rows of TESTED_TABLES.
        quality: Rows of QUALITY.
        name: The table.

    Returns:
        Their rows of QUALITY.
    """
    if tested.empty:
        return pd.DataFrame()
    check = ["test_name", "model_name"]
    reading = tested[(tested["table_name"] == name) & (tested["model_name"] != name)]
    return quality.merge(reading[check], on=check)


def origins(edges: pd.DataFrame, name: str, column: str) -> dict[str, set[frozenset[str]]]:
    """Follows a column back to where its values come from.

    Args:
        edges: Rows of COLUMN_LINEAGE.
        name: The table.
        column: Its column.

    Returns:
        For each column, such as 'raw.ratings.rating', or 'rows of fct_ratings': the ways from it,
        each as the aggregate and window functions that its values pass.
    """
    ways: dict[tuple[str, str], list[tuple[str, str, frozenset[str]]]] = defaultdict(list)
    for edge in edges.itertuples():
        by = frozenset(filter(None, edge.through.split(", ")))
        ways[edge.to_name, edge.to_column].append((edge.from_name, edge.from_column, by))
    found: dict[str, set[frozenset[str]]] = defaultdict(set)
    waiting = [(name, column, frozenset[str]())]
    seen = set(waiting)
    while waiting:
        table, of, passed = waiting.pop()
        for start, start_column, by in ways[table, of]:
            step = (start, start_column, passed | by)
            if (start, start_column) not in ways:
                counted = start_column == _ROWS
                named = f"{_COUNTED}{start}" if counted else f"{start}.{start_column}"
                found[named].add(step[2])
            elif step not in seen:
                seen.add(step)
                waiting.append(step)
    return dict(found)


def origin_of(edges: pd.DataFrame, name: str, column: str) -> str:
    """Says where the values of a column come from.

    Args:
        edges: Rows of COLUMN_LINEAGE.
        name: The table.
        column: Its column.

    Returns:
        Such as 'raw.ratings.rating, through avg'; empty if that is not known.
    """
    together: dict[str, list[str]] = defaultdict(list)
    for start, ways in sorted(origins(edges, name, column).items()):
        together[_through(ways)].append(start)
    # Columns first: that rows are counted, too, says less.
    listed = sorted(together.items(), key=lambda each: (each[1][0].startswith(_COUNTED), each))
    return "; ".join(f"{', '.join(starts)}{by}" for by, starts in listed)


def _through(ways: set[frozenset[str]]) -> str:
    functions = ", ".join(sorted(frozenset().union(*ways)))
    if not functions:
        return ""
    return f", directly or through {functions}" if frozenset() in ways else f", through {functions}"


def files_behind(name: str, edges: pd.DataFrame, files: pd.DataFrame) -> pd.DataFrame:
    """Finds the source files a table is built from.

    Args:
        name: The table.
        edges: Rows of LINEAGE.
        files: Rows of SOURCE_FILES.

    Returns:
        The files whose dataset is upstream of the table.
    """
    above = ancestors(edges, name)
    raw = above.loc[above["from_layer"] == "raw", "from_name"]
    return files[files["dataset"].isin({source.split(".")[-1] for source in raw})]


def outcome(quality: pd.DataFrame, name: str) -> str:
    """Counts the checks of one table.

    Args:
        quality: Rows of QUALITY.
        name: The table.

    Returns:
        Such as '8 checks passed' or '7 checks passed, 1 did not'.
    """
    status = quality.loc[quality["model_name"] == name, "status"]
    passed = int((status == "pass").sum())
    against = len(status) - passed
    said = f"{passed} check{'' if passed == 1 else 's'} passed"
    return f"{said}, {against} did not" if against else said


def load_of(files: pd.DataFrame) -> str:
    """Names files and their loads.

    Args:
        files: Rows of SOURCE_FILES.

    Returns:
        Such as 'ratings.csv (100,836 rows, load 1795447084.872397 of 2026-11-23)'.
    """
    return "; ".join(
        f"{row.path} ({row.rows_loaded:,} rows, load {row.load_id} of {row.loaded_at:%Y-%m-%d})"
        for row in files.itertuples()
    )


@fragment
def offer(question: str) -> None:
    """A button that traces this section's figures back to the source files.

    Nothing is queried until it is opened.

    Args:
        question: The section's question in `dashboard.contents`.
    """
    opened = st.popover(
        _LABEL,
        type="tertiary",
        icon=":material/info:",
        help=_LABEL,
        key=f"origin of {question}",
        on_change="rerun",
    )
    if not opened.open:
        return
    with opened:
        try:
            _tell(QUESTIONS[question])
        except marts.MartMissing:
            st.text("The dictionary, the checks or the lineage are not published.")


def _tell(answer: Answer) -> None:
    read = columns_read(answer, marts.rows(queries.DICTIONARY))
    quality, edges = marts.rows(queries.QUALITY), marts.rows(queries.LINEAGE)
    files, between = (
        marts.rows(queries.SOURCE_FILES),
        marts.rows_if_published(queries.COLUMN_LINEAGE),
    )
    for mart, columns in read.groupby("table_name"):
        st.page_link(DATA_PAGE, label=str(mart), query_params={"table": str(mart)})
        behind = files_behind(str(mart), edges, files)
        made = f" Built from {load_of(behind)}." if len(behind) else ""
        st.text(f"{outcome(quality, str(mart))} in this build.{made}")
        st.text("\n".join(_told(column, between) for column in columns.itertuples()))


def _told(column: Any, edges: pd.DataFrame) -> str:
    origin = origin_of(edges, column.table_name, column.column_name)
    told = f"· {column.column_name}: {column.description}"
    return f"{told}\n   from {origin}" if origin else told
