"""Odd values that are no fault of the models: an audit that minded them would stop a release."""

from __future__ import annotations

import pytest

from tests.support.raw_by_hand import Row, Warehouse

MOVIES: list[Row] = [
    (1, "Night, The (1999) (1999)", "(No Genres Listed)|Drama"),
    (2, "  ", "Drama||drama| Drama "),
    (3, "(1999)", None),
    (4, "(500) Days of Summer (2009) ", "100%_pure"),
    (5, "Show (2006– )", "Comedy"),
    (6, None, "Comedy"),
]
RATINGS: list[Row] = [(1, movie, 4.5, 946684799 + movie) for movie in range(1, 7)]
TAGS: list[Row] = [
    *((1, 1, "tab \t", 951868801), (1, 2, "\t", 951868802), (1, 3, " ", 951868803)),
    *((1, 4, "two\t words", 951868804), (2, 5, "TWO  WORDS", 951868805)),
    *((2, 6, "no\u00a0break", 951868806), (2, 4, "İstanbul ß", 951868807)),
]
LINKS: list[Row] = [
    *((1, "0000000", 0), (2, "tt0133093", -5), (3, "12345678", 603), (4, "", None)),
    *((5, None, 2**40), (6, "000000000012", 1)),
]


@pytest.mark.slow
def test_odd_values_pass_the_audit(warehouse: Warehouse) -> None:
    warehouse.load("movies.csv", "movies", MOVIES)
    warehouse.load("ratings.csv", "ratings", RATINGS)
    warehouse.load("tags.csv", "tags", TAGS)
    warehouse.load("links.csv", "links", LINKS)
    warehouse.build()
    assert warehouse.query("select count(*)::int from marts_candidate.mart_movie") == [(6,)]
