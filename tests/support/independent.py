"""The published figures, computed from the CSV files in plain Python, the slow obvious way."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path


def rows(folder: Path, name: str) -> Iterator[dict[str, str]]:
    """Reads one CSV file, if it is there."""
    path = folder / name
    if path.exists():
        with path.open(encoding="utf-8-sig", newline="") as stream:
            yield from csv.DictReader(stream)


@dataclass
class Figures:
    """What the marts must say about one landing zone."""

    n_movies: int = 0
    n_ratings: int = 0
    n_users: int = 0
    n_rated_movies: int = 0
    n_tag_applications: int = 0
    n_tag_users: int = 0
    sum_rating: float = 0.0
    prior_mean: float = 0.0
    prior_weight: int = 0
    months: dict[str, tuple[int, float]] = field(default_factory=dict)
    genres: dict[str, tuple[int, int, float]] = field(default_factory=dict)
    stars: dict[tuple[int, float], int] = field(default_factory=dict)
    histograms: dict[int, list[int]] = field(default_factory=dict)
    weighted_scores: dict[int, float] = field(default_factory=dict)
    best: list[int] = field(default_factory=list)
    hours: dict[tuple[int, int], int] = field(default_factory=dict)
    ratings_per_user: dict[int, int] = field(default_factory=dict)
    # By user: years in which there is a rating, and how many.
    years_of_users: dict[int, Counter[int]] = field(default_factory=dict)
    users_per_month: dict[str, set[int]] = field(default_factory=dict)
    pairs: dict[tuple[str, str], int] = field(default_factory=dict)


def _current_ratings(folder: Path) -> dict[tuple[int, int], tuple[int, float]]:
    current: dict[tuple[int, int], tuple[int, float]] = {}
    for row in rows(folder, "ratings.csv"):
        key = int(row["userId"]), int(row["movieId"])
        value = int(row["timestamp"]), float(row["rating"])
        current[key] = max(value, current.get(key, value))
    return current


def figures(folder: Path) -> Figures:
    """Computes the figures of a folder with one plain file per dataset."""
    ratings = _current_ratings(folder)
    movies = {int(row["movieId"]): row for row in rows(folder, "movies.csv")}
    tags = [(row["userId"], row["movieId"], row["tag"]) for row in rows(folder, "tags.csv")]
    by_movie: dict[int, list[float]] = defaultdict(list)
    months: dict[str, list[float]] = defaultdict(list)
    stars: Counter[tuple[int, float]] = Counter()
    hours: Counter[tuple[int, int]] = Counter()
    years: dict[int, Counter[int]] = defaultdict(Counter)
    people: dict[str, set[int]] = defaultdict(set)
    for (user, movie), (timestamp, rating) in ratings.items():
        at = datetime.fromtimestamp(timestamp, UTC)
        hours[at.isoweekday(), at.hour] += 1
        years[user][at.year] += 1
        people[f"{at:%Y-%m}"].add(user)
        by_movie[movie].append(rating)
        months[f"{at:%Y-%m}"].append(rating)
        stars[at.year, rating] += 1
    total = sum(sum(values) for values in by_movie.values())
    found = Figures(
        len(movies),
        len(ratings),
        len({user for user, _ in ratings}),
        len(by_movie),
        len(set(tags)),
        len({user for user, _, _ in tags}),
        total,
        total / len(ratings),
        max(25, round(len(ratings) / len(by_movie))),
    )
    found.months = {month: (len(values), sum(values)) for month, values in months.items()}
    found.stars = dict(stars)
    found.hours, found.years_of_users, found.users_per_month = dict(hours), years, people
    found.ratings_per_user = {user: sum(counts.values()) for user, counts in years.items()}
    found.pairs = _pairs(movies)
    found.genres = _genres(movies, by_movie)
    _score(found, by_movie)
    return found


def _pairs(movies: dict[int, dict[str, str]]) -> dict[tuple[str, str], int]:
    counts: Counter[tuple[str, str]] = Counter()
    for row in movies.values():
        genres = sorted(set(row["genres"].split("|")) - {"(no genres listed)", ""})
        counts.update(combinations(genres, 2))
    return dict(counts)


def _genres(
    movies: dict[int, dict[str, str]], by_movie: dict[int, list[float]]
) -> dict[str, tuple[int, int, float]]:
    genres: dict[str, list[int]] = defaultdict(list)
    for movie, row in movies.items():
        for genre in set(row["genres"].split("|")) - {"(no genres listed)", ""}:
            genres[genre].append(movie)
    return {
        genre: (
            len(members),
            sum(len(by_movie[movie]) for movie in members),
            sum(sum(by_movie[movie]) for movie in members),
        )
        for genre, members in genres.items()
    }


def _score(found: Figures, by_movie: dict[int, list[float]]) -> None:
    rated = {movie: values for movie, values in by_movie.items() if values}
    prior = found.prior_weight * found.prior_mean
    for movie, values in rated.items():
        found.histograms[movie] = [values.count(half / 2) for half in range(1, 11)]
        score = (prior + sum(values)) / (found.prior_weight + len(values))
        found.weighted_scores[movie] = score
    found.best = sorted(
        rated, key=lambda m: (-round(found.weighted_scores[m], 9), -len(rated[m]), m)
    )
