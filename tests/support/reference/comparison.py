"""Compares the rows of a mart, cell by cell, with those that it must have."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tests.support.reference.landing import Row, Rows

TOLERANCE = 1e-9
MISSING = "no such row"
ORDER = "(order of rows)"
# What tells the rows of a mart apart.
KEYS: dict[str, tuple[str, ...]] = {
    "mart_column_lineage": ("from_name", "from_column", "to_name", "to_column", "through"),
    "mart_dataset_status": (),
    "mart_dictionary": ("table_name", "column_name"),
    "mart_genre": ("genre",),
    "mart_genre_decade": ("genre", "release_decade"),
    "mart_genre_pair": ("genre_a", "genre_b"),
    "mart_genre_year": ("genre", "rating_year"),
    "mart_lineage": ("from_name", "to_name"),
    "mart_movie": ("movie_id",),
    "mart_movie_genome_tag": ("movie_id", "rank"),
    "mart_movie_genre": ("movie_id", "genre"),
    "mart_movie_liked_together": ("movie_id", "rank"),
    "mart_movie_similar": ("movie_id", "rank"),
    "mart_movie_tag": ("movie_id", "rank"),
    "mart_movie_year": ("movie_id", "rating_year"),
    "mart_previous_top_film": ("movie_id",),
    "mart_previous_version": ("data_version",),
    "mart_quality": ("test_name", "model_name"),
    "mart_rating_month": ("month",),
    "mart_rating_value_year": ("rating_year", "rating"),
    "mart_refused_file": ("path",),
    "mart_release_check": ("check_name",),
    "mart_release_year": ("release_year",),
    "mart_source_file": ("path",),
    "mart_tag": ("tag",),
    "mart_tested_table": ("test_name", "model_name", "table_name"),
    "mart_user_activity": ("bucket",),
    "mart_user_cohort": ("cohort_year", "years_since"),
    "mart_weekday_hour": ("weekday", "hour"),
}
# Marts whose rows are in no order.
UNORDERED = frozenset(
    {
        *("mart_column_lineage", "mart_dictionary", "mart_lineage", "mart_quality"),
        *("mart_refused_file", "mart_release_check", "mart_tested_table"),
    }
)


@dataclass(frozen=True)
class Difference:
    """A cell that is not what it must be.

    Attributes:
        mart: The mart.
        key: What tells its row from others.
        column: Its column; all of them, if a row is missing or surplus.
        expected: What must be there.
        found: What is there.
    """

    mart: str
    key: tuple[Any, ...]
    column: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        named = ", ".join(
            f"{name} {value!r}" for name, value in zip(KEYS[self.mart], self.key, strict=False)
        )
        where = f"{self.mart}, {named or 'its row'}, {self.column}"
        return f"{where}: expected {self.expected!r}, found {self.found!r}"


def differences(mart: str, expected: Rows, found: Rows, at_most: int = 5) -> list[Difference]:
    """The first differences of a mart from what it must hold.

    Values with a fraction may differ by one in 10^9; anything else must be the same, and of the
    same type. Where the model promises an order, the rows must be in it.

    Args:
        mart: Its name.
        expected: The rows that it must have, in their order if it has one.
        found: The rows that it has.
        at_most: How many differences to look for.
    """
    return list(islice(_differences(mart, expected, found), at_most))


def _differences(mart: str, expected: Rows, found: Rows) -> Iterator[Difference]:
    wanted, there = _by_key(mart, expected), _by_key(mart, found)
    for key in [*wanted, *(key for key in there if key not in wanted)]:
        yield from _of_key(mart, key, wanted.get(key, []), there.get(key, []))
    if mart not in UNORDERED and wanted.keys() == there.keys():
        for one, other in zip(expected, found, strict=False):
            if _key(mart, one) != _key(mart, other):
                yield Difference(mart, _key(mart, one), ORDER, _key(mart, one), _key(mart, other))
                return


def _of_key(mart: str, key: tuple[Any, ...], wanted: Rows, there: Rows) -> Iterator[Difference]:
    for one, other in zip(wanted, there, strict=False):
        for column in [*one, *(name for name in other if name not in one)]:
            expected, found = one.get(column, MISSING), other.get(column, MISSING)
            if not same(expected, found):
                yield Difference(mart, key, column, expected, found)
    for row in wanted[len(there) :]:
        yield Difference(mart, key, "(all columns)", row, MISSING)
    for row in there[len(wanted) :]:
        yield Difference(mart, key, "(all columns)", MISSING, row)


def _key(mart: str, row: Row) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in KEYS[mart])


def _by_key(mart: str, rows: Sequence[Row]) -> dict[tuple[Any, ...], Rows]:
    found: dict[tuple[Any, ...], Rows] = defaultdict(list)
    for row in rows:
        found[_key(mart, row)].append(row)
    return dict(found)


def same(expected: Any, found: Any) -> bool:
    """Whether two cells are the same."""
    if isinstance(expected, float) and isinstance(found, float):
        return math.isclose(expected, found, rel_tol=TOLERANCE)
    return type(expected) is type(found) and bool(expected == found)
