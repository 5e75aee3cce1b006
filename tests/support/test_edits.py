"""Random edits are those that their kinds name."""

from __future__ import annotations

import random

import duckdb
import pytest

from tests.support import edits

QUERY = """
    select
        extract(year from rated_at) as rating_year,
        films.genre,
        count(distinct user_id) as n_users
    from ratings
    inner join films on ratings.movie_id = films.movie_id
    where rating >= 4
    group by extract(year from rated_at), films.genre
"""


@pytest.mark.parametrize(
    ("kind", "some"),
    [
        ("boundary", ["rating > 4"]),
        ("distinct", ["COUNT(user_id)"]),
        ("key", ["ANY_VALUE(films.genre)", "ANY_VALUE(EXTRACT(YEAR FROM rated_at))"]),
        ("time", ["EXTRACT(MONTH FROM rated_at)", "EXTRACT(YEAR FROM (rated_at + INTERVAL"]),
    ],
)
def test_an_edit_makes_one_mistake_and_runs(kind: str, some: list[str]) -> None:
    found = {edits.edited(QUERY, kind, random.Random(seed)) for seed in range(60)} - {None}
    for text in some:
        assert any(text in str(sql) for sql in found), found
    with duckdb.connect() as connection:
        connection.execute(
            "create table films (movie_id int, genre text);"
            " create table ratings (user_id int, movie_id int, rating double, rated_at timestamp)"
        )
        for sql in found:
            connection.execute(str(sql))
