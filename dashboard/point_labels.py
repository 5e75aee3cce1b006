"""Which points of a scatter are named, so that no name lies over another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

# The narrowest plot that shows names, in pixels: in a wider one they are further apart.
NARROWEST = 560
_LETTER, _LINE, _GAP, _MARGIN = 6.6, 15, 8, 4
_LONGEST = 32

Floats = np.ndarray[Any, np.dtype[np.float64]]
Box = tuple[float, float, float, float]


def named(rows: pd.DataFrame, x: str, y: str, first: Iterable[int], height: int) -> pd.DataFrame:
    """Names points where there is room, the most important first.

    Args:
        rows: The points: columns name, x (drawn on a logarithmic axis) and y.
        x: Column of the horizontal axis; above zero.
        y: Column of the vertical axis.
        first: Labels of the rows to name, the most important first.
        height: Height of the plot in pixels.

    Returns:
        The rows with label, null if a point is not named, and is_left, whether the name stands on
        its left.
    """
    if rows.empty:
        return rows.assign(label=None, is_left=False)
    # In lists: pandas takes milliseconds to set a few cells.
    across = _scaled(np.log(rows[x].to_numpy(dtype=float)), NARROWEST)
    up = _scaled(rows[y].to_numpy(dtype=float), height)
    names = rows["name"].tolist()
    labels: list[str | None] = [None] * len(names)
    is_left = (across > NARROWEST / 2).tolist()
    taken: list[Box] = []
    for at in rows.index.get_indexer(pd.Index(list(first))):
        name = str(names[at])
        text = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1].rstrip()}…"
        box = _box(across[at], up[at], len(text) * _LETTER, is_left=is_left[at])
        if box[0] < 0 or box[2] > NARROWEST or any(_meet(box, other) for other in taken):
            continue
        taken.append(box)
        labels[at] = text
    sides = [text is not None and left for text, left in zip(labels, is_left, strict=True)]
    return rows.assign(label=pd.Series(labels, index=rows.index, dtype=object), is_left=sides)


def _scaled(values: Floats, length: int) -> Floats:
    span = values.max() - values.min()
    scaled: Floats = (values - values.min()) / (span or 1) * (length - 2 * _MARGIN) + _MARGIN
    return scaled


def _box(at: float, up: float, width: float, *, is_left: bool) -> Box:
    start = at - _GAP - width if is_left else at + _GAP
    return start, up - _LINE / 2, start + width, up + _LINE / 2


def _meet(one: Box, other: Box) -> bool:
    apart = one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]
    return not apart
