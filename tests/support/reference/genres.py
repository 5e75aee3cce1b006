"""The marts of genres."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from itertools import combinations
from typing import TypeVar

from tests.support.reference.films import Films, share, spread, totals
from tests.support.reference.landing import Rows

Group = TypeVar("Group", bound=Hashable)


def _grouped(pairs: Iterable[tuple[Group, int]]) -> dict[Group, list[int]]:
    """The films of each group."""
    found: dict[Group, list[int]] = defaultdict(list)
    for group, film in pairs:
        found[group].append(film)
    return found


def _stars(films: Films, members: Iterable[int]) -> list[float]:
    return [stars for film in members for stars in films.stars(film)]


def mart_movie_genre(films: Films) -> Rows:
    """One row per film and genre."""
    return [
        {"movie_id": film, "genre": genre}
        for film in sorted(films.genres)
        for genre in films.genres[film]
    ]


def mart_genre(films: Films) -> Rows:
    """One row per genre."""
    members = _grouped((genre, film) for film, genres in films.genres.items() for genre in genres)
    rows = []
    for genre in sorted(members):
        stars = _stars(films, members[genre])
        rows.append(
            {
                "genre": genre,
                "n_movies": len(members[genre]),
                **totals(stars),
                "sd_rating": spread(stars),
                "share_high": share((s for s in stars if s >= 4), len(stars)),
                "share_low": share((s for s in stars if s <= 2), len(stars)),
            }
        )
    return rows


def mart_genre_year(films: Films) -> Rows:
    """One row per genre and year in which its films were rated."""
    stars: dict[tuple[str, int], list[float]] = defaultdict(list)
    for rating in films.current.ratings:
        for genre in films.genres.get(rating.film, ()):
            stars[genre, rating.at.year].append(rating.stars)
    return [
        {"genre": genre, "rating_year": year, **totals(stars[genre, year])}
        for genre, year in sorted(stars)
    ]


def mart_genre_decade(films: Films) -> Rows:
    """One row per genre and decade of release."""
    members = _grouped(
        ((genre, year // 10 * 10), film)
        for film, year in films.years.items()
        for genre in films.genres[film]
    )
    return [
        {
            "genre": genre,
            "release_decade": decade,
            "n_movies": len(members[genre, decade]),
            **totals(_stars(films, members[genre, decade])),
        }
        for genre, decade in sorted(members)
    ]


def mart_genre_pair(films: Films) -> Rows:
    """One row per two genres that a film has."""
    members = _grouped(
        (pair, film) for film, genres in films.genres.items() for pair in combinations(genres, 2)
    )
    return [
        {
            "genre_a": one,
            "genre_b": other,
            "n_movies": len(members[one, other]),
            **totals(_stars(films, members[one, other])),
        }
        for one, other in sorted(members)
    ]
