"""Where the names of lines stand in a chart."""

from __future__ import annotations

import pandas as pd

from dashboard.charts import LINES_HEIGHT

# Legend and axis take some of the height; the rest, on a phone, is the plot.
_PLOT = LINES_HEIGHT - 180
_ABOVE, _APART = 10, 15


def label_ends(rows: pd.DataFrame, x: str) -> pd.DataFrame:
    """Adds what writes the name of each series above the end of its line, clear of the others.

    Args:
        rows: Columns series, value and x, one row per series and x.
        x: The column along which the lines run.

    Returns:
        The rows with label, null but at the end of a line, and label_at, its height in units of
        value.
    """
    rows = rows.assign(label=None, label_at=float("nan"))
    drawn = rows.dropna(subset="value")
    if drawn.empty or drawn["series"].nunique() < 2:
        return rows
    ends = drawn.loc[drawn.groupby("series")[x].idxmax()].sort_values("value")
    pixel = (drawn["value"].max() - drawn["value"].min() or 1) / _PLOT
    at = float("-inf")
    for index, value in ends["value"].items():
        at = max(value + _ABOVE * pixel, at + _APART * pixel)
        rows.loc[index, ["label", "label_at"]] = rows.loc[index, "series"], at
    return rows
