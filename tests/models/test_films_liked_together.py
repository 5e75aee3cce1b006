"""Films that the same people like: cut, counted and ranked as plain Python does it."""

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
from tests.support.reference.likes import mart_movie_liked_together

MODEL = Path(__file__).resolve().parents[2] / "models" / "mart" / "mart_movie_liked_together.sql"
START = datetime(2001, 1, 1)
STARS = (3.5, 4.0, 4.0, 4.5, 5.0)
Sample = list[Rating]


def ratings(seed: int, people: int, films: int, share: float) -> Sample:
    """Each person rates a share of the films, on a few days, so that stars and times are tied."""
    chance = random.Random(seed)
    return [
        Rating(user, film, chance.choice(STARS), START + timedelta(days=chance.randrange(4)))
        for user in range(people)
        for film in range(films)
        if chance.random() < share
    ]


def of_the_model(sample: Sample) -> Rows:
    """The rows of the model, run on DuckDB."""
    with duckdb.connect() as connection:
        connection.execute(
            "create table fct_ratings as select unnest(?) as user_id, unnest(?) as movie_id,"
            " unnest(?) as rating, unnest(?) as rated_at",
            [list(column) for column in zip(*sample, strict=True)],
        )
        sql = jinja2.Template(MODEL.read_text(), autoescape=True).render(ref=str)
        return rows_in(connection, f"from ({sql}) order by movie_id, rank")


def of_plain_python(sample: Sample) -> Rows:
    """The rows that they must be."""
    return mart_movie_liked_together(cast(Current, SimpleNamespace(ratings=sample)))


def check(sample: Sample) -> Rows:
    """Compares both, and returns the rows."""
    expected = of_plain_python(sample)
    told = differences("mart_movie_liked_together", expected, of_the_model(sample))
    assert not told, "\n".join(map(str, told))
    return expected


@pytest.mark.parametrize("seed", range(3))
def test_people_with_more_favourites_than_count(seed: int) -> None:
    sample = ratings(seed, people=60, films=90, share=0.9)
    favourites = Counter(rating.user for rating in sample if rating.stars >= 4)
    assert min(favourites.values()) > 50
    rows = check(sample)
    scores = Counter((row["movie_id"], row["score"]) for row in rows)
    assert max(scores.values()) > 1  # ties


@pytest.mark.parametrize("seed", range(3))
def test_pairs_around_the_least_number_of_people(seed: int) -> None:
    rows = check(ratings(seed, people=60, films=30, share=0.7))
    assert min(row["n_people"] for row in rows) == 20
    per_film = Counter(row["movie_id"] for row in rows)
    assert min(per_film.values()) < max(per_film.values()) == 10


def test_what_chance_would_give_is_not_shown() -> None:
    """Everybody likes films 1 and 2, and half of them 3: their lift is 1."""
    liked = [(1, 2, 3), (1, 2)]
    assert (
        check([Rating(user, film, 5.0, START) for user in range(60) for film in liked[user % 2]])
        == []
    )


def test_nothing_is_shown_of_fewer_than_twenty_people() -> None:
    assert check(ratings(1, people=19, films=20, share=1)) == []


def test_a_film_that_everybody_likes_is_not_the_nearest_of_all() -> None:
    """30 people like 1 and 2, 30 others 3 and 4, all of them 9: it is near none."""
    liked: dict[int, tuple[int, ...]] = {0: (1, 2, 9), 1: (3, 4, 9)}
    sample = [Rating(user, film, 4.0, START) for user in range(60) for film in liked[user % 2]]
    nearest = {row["movie_id"]: row["other_movie_id"] for row in check(sample) if row["rank"] == 1}
    assert nearest == {1: 2, 2: 1, 3: 4, 4: 3}
