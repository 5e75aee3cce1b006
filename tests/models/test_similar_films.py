"""Ties between equally strong films are broken by id, not by rounding errors."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb
import jinja2
import pytest

MODEL = Path(__file__).resolve().parents[2] / "models" / "mart" / "mart_movie_similar.sql"
# A tag pairs no more than 300 films.
FILMS, PAIRED = 330, 300
SHARED, OWN = (0.45, 0.4), (0.1, 0.15, 0.2, 0.25, 0.3, 0.35)
Score = tuple[int, int, float]


def scores(chance: random.Random) -> list[Score]:
    """Films with two tags in common and some of their own, all in the same proportions.

    Films without anything that sets them apart keep the mean of each tag at a half.
    """
    found = []
    for film in range(1, FILMS + 1):
        scale = chance.uniform(0.3, 1)
        for number, share in enumerate((*SHARED, *OWN)):
            tag = number if number < len(SHARED) else film * 10 + number
            found += [(film, tag, 0.5 + scale * share), (film + FILMS, tag, 0.5 - scale * share)]
    return found


def films_with_neighbours(rows: list[Score]) -> set[int]:
    with duckdb.connect() as connection:
        connection.execute(
            "create table fct_genome_scores as"
            " select unnest(?) as movie_id, unnest(?) as tag_id, unnest(?) as relevance",
            [list(column) for column in zip(*rows, strict=True)],
        )
        sql = jinja2.Template(MODEL.read_text(), autoescape=True).render(ref=str)
        return {film for film, *_ in connection.execute(sql).fetchall()}


@pytest.mark.parametrize("seed", range(3))
def test_of_equally_strong_films_those_with_the_smallest_ids_are_paired(seed: int) -> None:
    rows = scores(random.Random(seed))
    assert films_with_neighbours(rows) == set(range(1, PAIRED + 1))
