"""Names of points and of lines: those that matter, none over another."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pandas as pd

from dashboard.line_ends import label_ends
from dashboard.point_labels import NARROWEST, named

HEIGHT = 200


def scatter(n: int) -> pd.DataFrame:
    chance = random.Random(5)
    points = [(f"film {i}", chance.randint(1, 5_000), chance.uniform(1, 5)) for i in range(n)]
    return pd.DataFrame(points, columns=["name", "n", "mean"])


def boxes(rows: pd.DataFrame, width: float) -> list[tuple[float, float, float, float]]:
    """Where the names are in a plot of some width, by the widths of letters that are drawn."""
    logs = rows["n"].map(math.log)
    found = []
    for index, row in rows.dropna(subset="label").iterrows():
        x = (logs[index] - logs.min()) / (logs.max() - logs.min()) * width
        y = (row["mean"] - rows["mean"].min()) / (rows["mean"].max() - rows["mean"].min()) * HEIGHT
        long = 6 * len(row["label"])
        left = x - 8 - long if row["is_left"] else x + 8
        found.append((left, y - 6, left + long, y + 6))
    return found


def test_names_never_meet_however_wide_the_chart() -> None:
    rows = named(scatter(400), "n", "mean", range(400), HEIGHT)
    assert rows["label"].notna().sum() > 20
    for width in (NARROWEST, 800, 1_300):
        found = boxes(rows, width)
        assert all(left >= 0 and right <= width for left, _, right, _ in found)
        for i, one in enumerate(found):
            for other in found[:i]:
                assert (
                    one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]
                )


def test_what_matters_most_is_named() -> None:
    rows = named(scatter(400), "n", "mean", [7, 3], HEIGHT)
    assert rows.loc[7, "label"] == "film 7"
    assert set(rows.dropna(subset="label").index) <= {7, 3}


def test_long_names_are_shortened_and_one_point_is_enough() -> None:
    one = pd.DataFrame([("A very long name of a film that never ends", 5, 3.0)])
    rows = named(one.set_axis(["name", "n", "mean"], axis=1), "n", "mean", [0], HEIGHT)
    assert rows.loc[0, "label"] == "A very long name of a film that…"
    assert named(one.head(0).set_axis(["name", "n", "mean"], axis=1), "n", "mean", [], 9).empty


def lines(**ends: float) -> pd.DataFrame:
    rows = [(name, year, value) for name, value in ends.items() for year in (2000, 2001)]
    return pd.DataFrame(rows, columns=["series", "year", "value"])


def test_each_line_is_named_at_its_end() -> None:
    rows = lines(War=4.0, Horror=3.0)
    rows.loc[3, "value"] = None  # Horror ends a year earlier
    told = label_ends(rows, "year").dropna(subset="label")
    assert list(zip(told["label"], told["year"], strict=True)) == [("War", 2001), ("Horror", 2000)]
    assert (told["label_at"] > told["value"]).all()


def test_names_of_lines_that_end_together_are_apart() -> None:
    told = label_ends(lines(A=3.0, B=3.001, C=3.002, D=4.0), "year").dropna(subset="label")
    at = sorted(told["label_at"])
    pixel = 1.0 / 140
    assert all(after - before > 14 * pixel for before, after in pairwise(at))


def test_one_line_needs_no_name() -> None:
    assert label_ends(lines(A=3.0), "year")["label"].isna().all()
