"""Cohorts pool as many years as plain Python says, and are made of groups of enough people."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import duckdb
import jinja2
import pytest

from tests.support.reference import differences
from tests.support.reference.files import Current, Rating
from tests.support.reference.landing import Rows, rows_in
from tests.support.reference.people import FEW, first_ratings, mart_user_cohort

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = ("macros/privacy.sql", "models/mart/mart_user_cohort.sql")
START = datetime(1999, 1, 1)


def people(seed: int, count: int, years: int, returning: float) -> Current:
    """People who join on any day of so many years, and rate again each year with some chance."""
    chance = random.Random(seed)
    ratings = []
    for user in range(count):
        joined = START + timedelta(days=chance.randrange(365 * years))
        again = [n for n in range(1, years) if chance.random() < returning]
        for film, after in enumerate([0, *again]):
            at = joined + timedelta(days=365 * after)
            ratings.append(Rating(user, film, 4.0, at))
    return cast(Current, SimpleNamespace(ratings=ratings))


def of_the_model(current: Current) -> Rows:
    """The rows of the model, run on DuckDB."""
    text = "".join((PROJECT / source).read_text() for source in SOURCES)
    template = jinja2.Template(text, autoescape=False)
    sql = template.render(ref=str, var={"fewest_people": FEW}.get)
    with duckdb.connect() as connection:
        connection.execute(
            "create table fct_ratings as select unnest(?) as user_id, unnest(?) as rated_at",
            [[r.user for r in current.ratings], [r.at for r in current.ratings]],
        )
        connection.execute(
            "create table dim_users as select user_id, min(rated_at) as first_rated_at"
            " from fct_ratings group by user_id"
        )
        return rows_in(connection, f"from ({sql}) order by cohort_year, years_since")


def check(current: Current) -> Rows:
    """Compares both, and returns the rows."""
    expected = mart_user_cohort(current)
    told = differences("mart_user_cohort", expected, of_the_model(current))
    assert not told, "\n".join(map(str, told))
    return expected


def bounds(rows: Rows) -> list[tuple[int, int]]:
    """The first and the last year of each cohort."""
    return sorted({(row["cohort_year"], row["last_cohort_year"]) for row in rows})


@pytest.mark.parametrize(
    ("current", "cohorts"),
    [
        (people(1, 300, 5, 0.9), [(year, year) for year in range(1999, 2004)]),
        (people(2, 260, 9, 0.08), [(1999, 2001), (2002, 2004), (2005, 2007)]),
        (people(3, 150, 11, 0.03), [(1999, 2003), (2004, 2008), (2009, 2009)]),
        (people(5, 60, 3, 0.0), [(1999, 1999), (2000, 2000), (2001, 2001)]),
        (people(6, 4, 9, 0.5), [(2002, 2007)]),
    ],
    ids=["most return", "some return", "hardly any returns", "nobody returns", "a handful"],
)
def test_no_more_years_are_pooled_than_counts_need(
    current: Current, cohorts: list[tuple[int, int]]
) -> None:
    assert bounds(check(current)) == cohorts


@pytest.mark.parametrize("seed", range(20))
def test_cohorts_are_those_of_plain_python(seed: int) -> None:
    chance = random.Random(seed)
    current = people(seed, chance.randrange(5, 200), chance.randrange(2, 16), chance.random() ** 3)
    rows = check(current)
    newcomers = Counter(at.year for at in first_ratings(current).values())
    enough = {year for year, n in newcomers.items() if n >= FEW}
    whole = [row for row in rows if row["years_since"] == 0]
    assert sum(row["n_users_active"] for row in whole) == newcomers.total()
    for row in whole:
        assert row["n_users_active"] >= FEW
        years = range(row["cohort_year"], row["last_cohort_year"] + 1)
        assert not enough or enough & set(years)
