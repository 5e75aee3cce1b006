"""Invented people: how much they rate, when they visit, how they judge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from local_dev.invented.calendar import END, FIRST_DAY, LAST_DAY, SECONDS_PER_DAY, Calendar
from local_dev.invented.chance import Floats, Integers, allocate, stream
from local_dev.invented.films import Films

LEAST_RATINGS = 20
"""Everyone in MovieLens has rated at least this many films."""
_CATALOGUE_DAYS = 91
_SHARE_RATED_AGAIN = 0.006


@dataclass(frozen=True)
class Catalogues:
    """What could be rated at the start of each quarter, best known first.

    Attributes:
        films: Indexes into `Films`, one catalogue after the other.
        start: Where in `films` each quarter's catalogue starts.
        size: The number of films in each catalogue.
    """

    films: NDArray[np.int32]
    start: Integers
    size: Integers

    @staticmethod
    def at(moment: Integers) -> Integers:
        """The number of the latest catalogue at or before each moment, in epoch seconds."""
        return (moment - FIRST_DAY) // (_CATALOGUE_DAYS * SECONDS_PER_DAY)


@dataclass(frozen=True)
class People:
    """All people, in the order of their ids, which start at 1.

    Attributes:
        ratings: Each person's number of rating rows.
        again: How many of these rows re-rate a film.
        catalogue: The number of the catalogue each person chooses from.
        first_visit: Where in `visits` each person's visits start.
        n_visits: Each person's number of visits.
        visits: When each visit starts, epoch seconds.
        last_visit_at: The start of the last visit, epoch seconds.
        visit_seconds: How long each of a person's visits takes.
        breadth: In (-1, 1): whether a person watches unknown films less (-) or more (+).
        kindness: Stars a person gives beyond others.
        moodiness: The spread of a person's ratings, in stars.
        whole_stars: Whether a person never gives half stars.
    """

    ratings: Integers
    again: Integers
    catalogue: Integers
    first_visit: Integers
    n_visits: Integers
    visits: Integers
    last_visit_at: Integers
    visit_seconds: NDArray[np.float32]
    breadth: NDArray[np.float32]
    kindness: NDArray[np.float32]
    moodiness: NDArray[np.float32]
    whole_stars: NDArray[np.bool_]

    def __len__(self) -> int:
        """The number of people."""
        return len(self.ratings)


def catalogues(films: Films) -> Catalogues:
    """For each quarter, sort the films that can be rated by their popularity at the time.

    Films that nobody rates are in no catalogue.
    """
    quarters = np.arange(FIRST_DAY, END, _CATALOGUE_DAYS * SECONDS_PER_DAY)
    found = []
    for moment in quarters:
        there = np.flatnonzero((films.available_at <= moment) & np.isfinite(films.popularity))
        age = (moment - films.available_at[there]) / (365 * SECONDS_PER_DAY)
        now = films.popularity[there] - 0.06 * np.minimum(age, 12.0)
        found.append(there[np.argsort(-now, kind="stable")].astype(np.int32))
    size = np.array([len(films_then) for films_then in found])
    return Catalogues(np.concatenate(found), np.cumsum(size) - size, size)


def invent_people(seed: int, count: int, ratings: int, choice: Catalogues) -> People:
    """Invent people, and divide the ratings among them.

    Args:
        seed: The seed of the data set.
        count: The number of people.
        ratings: The total number of rating rows.
        choice: What they can rate.
    """
    chance = stream(seed, "people")
    wish = np.exp(1.45 * chance.standard_normal(count))
    n_visits, visits = _visits(chance, wish)
    first_visit = np.cumsum(n_visits) - n_visits
    last_visit_at = np.maximum.reduceat(visits, first_visit)
    catalogue = Catalogues.at(last_visit_at)
    rows = _rows(wish, ratings, choice.size[catalogue])
    return People(
        ratings=rows,
        again=_rated_again(chance, rows, choice.size[catalogue]),
        catalogue=catalogue,
        first_visit=first_visit,
        n_visits=n_visits,
        visits=visits,
        last_visit_at=last_visit_at,
        visit_seconds=_visit_seconds(chance, rows / n_visits),
        breadth=np.tanh(0.4 * chance.standard_normal(count)).astype(np.float32),
        kindness=(0.4 * chance.standard_normal(count)).astype(np.float32),
        moodiness=(0.82 * np.exp(0.22 * chance.standard_normal(count))).astype(np.float32),
        whole_stars=chance.random(count) < 0.3,
    )


def _visits(chance: np.random.Generator, wish: Floats) -> tuple[Integers, Integers]:
    """Most people visit once; the others return for months or years, in the same waves."""
    calendar = Calendar()
    count = len(wish)
    joined = np.sort(calendar.moment(chance.random(count), chance.random(count)))
    days = np.exp(np.log(150) + 1.8 * chance.standard_normal(count))
    days = np.where(chance.random(count) < 0.7, 0.0, days)
    left = np.minimum(joined + (days * SECONDS_PER_DAY).astype(np.int64), LAST_DAY - 1)
    again = np.minimum(1 + days / 20 * chance.random(count), 1 + 12 * wish).astype(np.int64)
    n_visits = 1 + np.where(days > 0, again, 0)
    begin, end = (np.repeat(calendar.share(moment), n_visits) for moment in (joined, left))
    share = begin + (end - begin) * chance.random(len(begin))
    visits = calendar.moment(np.minimum(share, np.nextafter(1.0, 0.0)), chance.random(len(begin)))
    visits = np.maximum(visits, np.repeat(joined, n_visits))
    visits[np.cumsum(n_visits) - n_visits] = joined
    return n_visits, visits


def _rows(wish: Floats, ratings: int, choice: Integers) -> Integers:
    """Rows per person: at most half of the catalogue, unless there are too many rows."""
    least = np.full(len(wish), LEAST_RATINGS)
    return allocate(wish, ratings, least, np.maximum(choice // 2, LEAST_RATINGS))


def _rated_again(chance: np.random.Generator, rows: Integers, choice: Integers) -> Integers:
    """A few of the rows; never so many that a film would be rated a third time."""
    wanted = np.floor(rows * _SHARE_RATED_AGAIN + chance.random(len(rows))).astype(np.int64)
    again: Integers = np.maximum(np.minimum(wanted, rows - LEAST_RATINGS), rows - choice)
    return again


def _visit_seconds(chance: np.random.Generator, per_visit: Floats) -> NDArray[np.float32]:
    pace = 14 + 20 * chance.random(len(per_visit))
    return np.minimum(60 + pace * per_visit, SECONDS_PER_DAY).astype(np.float32)
