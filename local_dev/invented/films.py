"""Invented films: what they are, when they can first be rated, how popular and how good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from local_dev.invented.calendar import FIRST_DAY, LAST_DAY, SECONDS_PER_DAY, year_start
from local_dev.invented.chance import Floats, Integers, stream
from local_dev.invented.titles import invent_titles

NO_GENRES = "(no genres listed)"
# Name, share of films, and how much better known and liked its films are than others.
_GENRES: Sequence[tuple[str, float, float, float]] = (
    ("Action", 1828, 0.45, -0.10),
    ("Adventure", 1263, 0.50, 0.00),
    ("Animation", 611, 0.20, 0.12),
    ("Children", 664, 0.15, -0.12),
    ("Comedy", 3756, 0.00, -0.12),
    ("Crime", 1199, 0.20, 0.15),
    ("Documentary", 440, -0.90, 0.30),
    ("Drama", 4361, -0.15, 0.18),
    ("Fantasy", 779, 0.25, 0.00),
    ("Film-Noir", 87, -0.10, 0.30),
    ("Horror", 978, -0.15, -0.30),
    ("IMAX", 158, 0.80, 0.08),
    ("Musical", 334, 0.05, 0.05),
    ("Mystery", 573, 0.20, 0.14),
    ("Romance", 1596, 0.00, -0.02),
    ("Sci-Fi", 980, 0.40, -0.06),
    ("Thriller", 1894, 0.20, 0.00),
    ("War", 382, 0.05, 0.28),
    ("Western", 167, -0.10, 0.06),
)
GENRES = tuple(name for name, *_ in _GENRES)
_TOGETHER = (
    ("Action", "Adventure", "Crime", "Sci-Fi", "Thriller", "War", "Western"),
    ("Animation", "Adventure", "Children", "Comedy", "Fantasy", "Musical"),
    ("Comedy", "Drama", "Musical", "Romance"),
    ("Crime", "Film-Noir", "Mystery", "Thriller"),
    ("Drama", "Romance", "War"),
    ("Horror", "Mystery", "Sci-Fi", "Thriller"),
)
_HOW_MANY_GENRES = (0.295, 0.33, 0.24, 0.10, 0.03, 0.005)
# Films released per year; years in between are interpolated.
_OUTPUT_YEARS = (1902, 1915, 1925, 1935, 1945, 1955, 1965, 1975, 1983, 1990, 1996, 2006, 2014, 2018)
_OUTPUT = (0.3, 1, 4, 14, 20, 28, 40, 50, 100, 150, 260, 300, 260, 90)
_LAST_MOVIE_ID = 200_000
_SHARE_NEVER_RATED = 0.002
_SHARE_WITHOUT_YEAR = 0.0014
_SHARE_WITHOUT_TMDB = 0.0009
_SHARE_WITH_GENOME = 0.22


@dataclass(frozen=True)
class Films:
    """All films, in the order of their ids.

    Attributes:
        movie_id: The ids, rising, with gaps.
        title: The titles, as in movies.csv.
        year: The years of release.
        genres: One row per film, one column per genre of `GENRES`.
        available_at: When the film could first be rated, epoch seconds.
        popularity: How well known it is; only the order matters. Minus infinity: never rated.
        quality: The mean rating of an unbiased person, in stars.
        imdb_id: Seven digits.
        tmdb_id: The ids; 0 for none.
        in_genome: Whether the film has genome scores.
    """

    movie_id: NDArray[np.int32]
    title: list[str]
    year: Integers
    genres: NDArray[np.bool_]
    available_at: Integers
    popularity: Floats
    quality: NDArray[np.float32]
    imdb_id: list[str]
    tmdb_id: Integers
    in_genome: NDArray[np.bool_]

    def __len__(self) -> int:
        """The number of films."""
        return len(self.movie_id)

    def genre_text(self) -> list[str]:
        """The genres of each film as in movies.csv, separated by bars."""
        names = np.array(GENRES)
        return ["|".join(names[row]) or NO_GENRES for row in self.genres]


def invent_films(seed: int, count: int) -> Films:
    """Invent a number of films."""
    chance = stream(seed, "films")
    year, available_at = _dates(chance, count)
    genres = _genres(chance, year)
    taste = chance.standard_normal(count)
    popularity = _popularity(chance, year, genres, taste)
    never_rated = _some(chance, popularity < np.median(popularity), _SHARE_NEVER_RATED)
    popularity = np.where(never_rated, -np.inf, popularity)
    tmdb_id = np.where(
        _some(chance, np.ones(count, dtype=bool), _SHARE_WITHOUT_TMDB), 0, _tmdb_ids(chance, count)
    )
    plain_year = ~_some(chance, np.ones(count, dtype=bool), _SHARE_WITHOUT_YEAR)
    return Films(
        movie_id=_movie_ids(chance, count),
        title=invent_titles(seed, year.tolist(), plain_year.tolist()),
        year=year,
        genres=genres,
        available_at=available_at,
        popularity=popularity,
        quality=_quality(chance, year, genres, taste),
        imdb_id=_imdb_ids(chance, year),
        tmdb_id=tmdb_id,
        in_genome=popularity >= np.quantile(popularity, 1 - _SHARE_WITH_GENOME),
    )


def _some(chance: np.random.Generator, among: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """Mark a share of all films, at least one, among the given ones."""
    places = np.flatnonzero(among)
    marked = np.zeros(len(among), dtype=bool)
    marked[chance.choice(places, max(1, round(len(among) * share)), replace=False)] = True
    return marked


def _dates(chance: np.random.Generator, count: int) -> tuple[Integers, Integers]:
    """Years of release, and when films can first be rated, sorted by the latter.

    Most films released before the service opened are there from its first day; the rest are added
    over the following years.
    """
    years = np.arange(_OUTPUT_YEARS[0], _OUTPUT_YEARS[-1] + 1)
    output = np.interp(years, _OUTPUT_YEARS, _OUTPUT)
    year = chance.choice(years, count, p=output / output.sum())
    released = year_start(year) + chance.integers(0, 365 * SECONDS_PER_DAY, count)
    delay = chance.exponential(3 * 365.0, count) * (chance.random(count) < 0.4)
    entered = FIRST_DAY + (delay * SECONDS_PER_DAY).astype(np.int64)
    old = released < FIRST_DAY
    available = np.where(old, entered, released)
    available = np.minimum(available, LAST_DAY - 30 * SECONDS_PER_DAY)
    order = np.argsort(available, kind="stable")
    return year[order].astype(np.int64), available[order].astype(np.int64)


def _genres(chance: np.random.Generator, year: Integers) -> NDArray[np.bool_]:
    """One to six genres per film, favouring those that go together."""
    count = len(year)
    liking = np.log(np.array([share for _, share, *_ in _GENRES])) + np.zeros((count, 1))
    noir, imax = GENRES.index("Film-Noir"), GENRES.index("IMAX")
    liking[:, noir] += np.where((year >= 1940) & (year < 1960), 2.8, -3.0)
    liking[:, imax] = -np.inf
    first = np.argmax(liking + chance.gumbel(size=liking.shape), axis=1)
    liking += _affinity()[first]
    liking[np.arange(count), first] = np.inf
    order = np.argsort(-(liking + chance.gumbel(size=liking.shape)), axis=1, kind="stable")
    how_many = chance.choice(6, count, p=_HOW_MANY_GENRES) + 1
    how_many[_some(chance, np.ones(count, dtype=bool), 0.0035)] = 0
    genres = np.zeros(liking.shape, dtype=bool)
    np.put_along_axis(genres, order, np.arange(len(GENRES)) < how_many[:, None], axis=1)
    action = genres[:, GENRES.index("Action")] | genres[:, GENRES.index("Adventure")]
    genres[:, imax] = action & (year >= 1995) & (chance.random(count) < 0.08)
    return genres


def _affinity() -> Floats:
    affinity = np.zeros((len(GENRES), len(GENRES)))
    for group in _TOGETHER:
        members = [GENRES.index(name) for name in group]
        affinity[np.ix_(members, members)] = 1.4
    return affinity


def _popularity(
    chance: np.random.Generator, year: Integers, genres: NDArray[np.bool_], taste: Floats
) -> Floats:
    known = np.array([beyond for _, _, beyond, _ in _GENRES])
    age = np.maximum(0, 1995 - year) / 100
    own = chance.standard_normal(len(year)) + 0.35 * taste - 1.2 * age
    score: Floats = own + genres @ known
    return score


def _quality(
    chance: np.random.Generator, year: Integers, genres: NDArray[np.bool_], taste: Floats
) -> NDArray[np.float32]:
    """Unbiased stars; of old films, only the good ones are still watched."""
    liked = np.array([beyond for *_, beyond in _GENRES])
    survived = np.clip((1982 - year) / 30, 0.0, 1.0) * 0.35
    own = 0.33 * taste + 0.22 * chance.standard_normal(len(year))
    stars: Floats = 3.33 + genres @ liked + survived + own
    return np.clip(stars, 1.0, 4.6).astype(np.float32)


def _movie_ids(chance: np.random.Generator, count: int) -> NDArray[np.int32]:
    """Ids that are close together in the first half and far apart later, as in MovieLens."""
    half = count // 2
    late = max(1.3, (_LAST_MOVIE_ID - 1.4 * half) / max(1, count - half))
    mean = np.where(np.arange(count) < half, 1.4, late)
    gaps = 1 + np.floor(chance.exponential(mean - 1)).astype(np.int64)
    return np.cumsum(gaps).astype(np.int32)


def _imdb_ids(chance: np.random.Generator, year: Integers) -> list[str]:
    """Distinct numbers that grow with the years, most with leading zeros."""
    drawn = np.sort(200 + (9_000_000 * chance.random(len(year)) ** 8).astype(np.int64))
    place = np.arange(len(drawn))
    distinct = np.maximum.accumulate(drawn - place) + place
    order = np.argsort(year + chance.normal(0, 2, len(year)), kind="stable")
    numbers = np.empty_like(distinct)
    numbers[order] = distinct
    return [f"{number:07d}" for number in numbers]


def _tmdb_ids(chance: np.random.Generator, count: int) -> Integers:
    return 1 + chance.choice(max(550_000, 2 * count), count, replace=False)
