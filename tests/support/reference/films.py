"""The marts of films."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

from tests.support.reference.files import Current, Link, Rating
from tests.support.reference.landing import Row, Rows
from tests.support.reference.titles import as_spoken, without_accents, year_of

_OFTEN = 100  # ratings
_LEAST_WEIGHT = 25
_NO_GENRE = ("", "(no genres listed)")


def spread(stars: Iterable[float]) -> float | None:
    """The sample standard deviation, from whole numbers of half stars."""
    halves = [round(2 * each) for each in stars]
    n = len(halves)
    if n < 2:
        return None
    return math.sqrt((n * sum(h * h for h in halves) - sum(halves) ** 2) / (n * (n - 1))) / 2


def share(some: Iterable[float], of: int) -> float | None:
    """How many there are, of how many; nothing of nothing."""
    return len(list(some)) / of if of else None


class Films:
    """All films, listed or not, with their ratings and genres.

    Args:
        current: The rows that count.
    """

    def __init__(self, current: Current) -> None:
        self.current = current

    @cached_property
    def ratings(self) -> dict[int, list[Rating]]:
        """The ratings of each film that has any."""
        found: dict[int, list[Rating]] = defaultdict(list)
        for rating in self.current.ratings:
            found[rating.film].append(rating)
        return dict(found)

    def stars(self, film: int) -> list[float]:
        """The stars of all ratings of a film."""
        return [rating.stars for rating in self.ratings.get(film, ())]

    @cached_property
    def ids(self) -> list[int]:
        """Every film that anything refers to."""
        current = self.current
        tagged = {tag.film for tag in current.tags}
        scored = {film for film, _ in current.relevance}
        listed = current.films.keys() | current.links.keys()
        return sorted(listed | self.ratings.keys() | tagged | scored)

    @cached_property
    def genres(self) -> dict[int, list[str]]:
        """The genres of each film of the movies files, in alphabetical order."""
        return {
            film: sorted(
                {genre.strip(" ") for genre in (described.genres or "").split("|")} - {*_NO_GENRE}
            )
            for film, described in self.current.films.items()
        }

    @cached_property
    def years(self) -> dict[int, int]:
        """The release year of each film that has one."""
        found = {film: year_of(film_.title) for film, film_ in self.current.films.items()}
        return {film: year for film, year in found.items() if year is not None}

    @cached_property
    def prior_mean(self) -> float | None:
        """The mean of all ratings."""
        ratings = self.current.ratings
        return sum(rating.stars for rating in ratings) / len(ratings) if ratings else None

    @cached_property
    def prior_weight(self) -> int:
        """Ratings per rated film, rounded half up, but at least 25."""
        n, films = len(self.current.ratings), len(self.ratings)
        return max(_LEAST_WEIGHT, (2 * n + films) // (2 * films)) if films else _LEAST_WEIGHT

    @cached_property
    def scores(self) -> dict[int, float]:
        """The weighted score of each rated film."""
        weight, mean = self.prior_weight, self.prior_mean
        if mean is None:
            return {}
        return {
            film: (weight * mean + sum(self.stars(film))) / (weight + len(ratings))
            for film, ratings in self.ratings.items()
        }

    @cached_property
    def ranks(self) -> dict[int, int]:
        """The rank of each rated film, from 1."""
        ranked = sorted(self.scores, key=lambda f: (-self.scores[f], -len(self.ratings[f]), f))
        return {film: rank for rank, film in enumerate(ranked, start=1)}

    def title(self, film: int) -> str:
        """The title as one would say it, as it is given, or the id."""
        if film not in self.current.films:
            return f"Movie {film}"
        given = self.current.films[film].title
        return as_spoken(given) or given.strip(" ") or f"Movie {film}"

    def mart_movie(self) -> Rows:
        """One row per film."""
        return [self._film(film) for film in self.ids]

    def _film(self, film: int) -> Row:
        stars = self.stars(film)
        n, title = len(stars), self.title(film)
        times = [rating.at for rating in self.ratings.get(film, ())]
        link = self.current.links.get(film, Link(None, None))
        return {
            "movie_id": film,
            "title": title,
            "title_search": without_accents(title),
            "release_year": self.years.get(film),
            "genres_text": ", ".join(self.genres.get(film, ())) or None,
            "is_inferred": film not in self.current.films,
            "n_ratings": n,
            "sum_rating": float(sum(stars)),
            "sd_rating": spread(stars),
            "weighted_score": self.scores.get(film),
            "share_high": share((s for s in stars if s >= 4), n),
            "share_low": share((s for s in stars if s <= 2), n),
            **{f"h{half * 5:02}": stars.count(half / 2) for half in range(1, 11)},
            "first_rated_at": min(times, default=None),
            "last_rated_at": max(times, default=None),
            "imdb_url": _imdb_url(link.imdb),
            "tmdb_url": None if link.tmdb is None else f"{_TMDB}/{link.tmdb}",
            "rank_weighted": self.ranks.get(film),
        }

    def mart_movie_year(self) -> Rows:
        """One row per film with a hundred ratings and year in which it was rated."""
        return [
            {"movie_id": film, "rating_year": year, **totals(by_year[year])}
            for film in sorted(self.ratings)
            if len(self.ratings[film]) >= _OFTEN
            for by_year in (_by_year(self.ratings[film]),)
            for year in sorted(by_year)
        ]

    def mart_release_year(self) -> Rows:
        """One row per release year."""
        films: dict[int, list[int]] = defaultdict(list)
        for film, year in self.years.items():
            films[year].append(film)
        return [
            {
                "release_year": year,
                "n_movies": len(films[year]),
                **totals(
                    s for film, y in self.years.items() if y == year for s in self.stars(film)
                ),
            }
            for year in sorted(films)
        ]


_TMDB = "https://www.themoviedb.org/movie"


def _imdb_url(imdb: str | None) -> str | None:
    is_number = imdb is not None and imdb.isascii() and imdb.isdigit()
    return f"https://www.imdb.com/title/tt{imdb:0>7}/" if is_number else None


def _by_year(ratings: Iterable[Rating]) -> dict[int, list[float]]:
    found: dict[int, list[float]] = defaultdict(list)
    for rating in ratings:
        found[rating.at.year].append(rating.stars)
    return found


def totals(stars: Iterable[float]) -> Row:
    """How many ratings there are, and their sum."""
    given = list(stars)
    return {"n_ratings": len(given), "sum_rating": float(sum(given))}
