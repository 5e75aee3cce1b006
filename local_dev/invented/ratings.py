"""Who rates which film, when and with how many stars, in chunks that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from local_dev.invented.calendar import END, HALF_STARS_SINCE
from local_dev.invented.chance import Floats, Integers, along, stream
from local_dev.invented.films import Films
from local_dev.invented.people import Catalogues, People

CHUNK_ROWS = 400_000
"""Approximate rows per chunk, as people are not split. Changing it changes a seed's bytes."""
_FILM_BITS = 32


@dataclass(frozen=True)
class RatingRows:
    """Some rows of ratings.csv, sorted by user, film and time.

    Attributes:
        user_id: From 1.
        movie_id: Ids of films.
        half_stars: The rating in half stars, 1 to 10.
        timestamp: Epoch seconds.
    """

    user_id: NDArray[np.int32]
    movie_id: NDArray[np.int32]
    half_stars: NDArray[np.int16]
    timestamp: Integers


class RatingsInventor:
    """Generates a population's ratings chunk by chunk, independent of order."""

    def __init__(
        self, seed: int, films: Films, people: People, choice: Catalogues, curve: Floats
    ) -> None:
        self._seed = seed
        self._films = films
        self._people = people
        self._choice = choice
        self._curve = curve

    def chunks(self) -> Iterator[RatingRows]:
        """All ratings, sorted by user, film and time.

        Yields:
            Chunks of about `CHUNK_ROWS` rows.
        """
        number = np.cumsum(self._people.ratings) // CHUNK_ROWS
        bounds = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(number)]
        for part, (first, end) in enumerate(pairwise(bounds)):
            yield self._chunk(stream(self._seed, "ratings", part), first, end)

    def _chunk(self, chance: np.random.Generator, first: int, end: int) -> RatingRows:
        person, film, again = self._who_what(chance, first, end)
        timestamp = self._when(chance, person, film, again)
        return RatingRows(
            user_id=(person + 1).astype(np.int32),
            movie_id=self._films.movie_id[film],
            half_stars=self._half_stars(chance, person, film, timestamp),
            timestamp=timestamp,
        )

    def _who_what(
        self, chance: np.random.Generator, first: int, end: int
    ) -> tuple[Integers, Integers, NDArray[np.bool_]]:
        """Person, film and whether it is a re-rating, which directly follows its first rating."""
        people = self._people
        once_more = people.again[first:end]
        films = people.ratings[first:end] - once_more
        who = np.repeat(np.arange(first, end), films)
        offset = self._choice.start[people.catalogue]
        size = self._choice.size[people.catalogue[first:end]]
        rank = distinct_ranks(chance, films, size, self._curve, people.breadth[first:end])
        key = (who << _FILM_BITS) | (self._choice.films[offset[who] + rank].astype(np.int64) << 1)
        even = np.linspace(0.0, 1.0, 2)
        place = distinct_ranks(chance, once_more, films, even, np.zeros_like(films, np.float32))
        place += np.repeat(np.cumsum(films) - films, once_more)
        key = np.sort(np.concatenate([key, key[place] | 1]))
        film = (key >> 1) & ((1 << (_FILM_BITS - 1)) - 1)
        return key >> _FILM_BITS, film, (key & 1).astype(bool)

    def _when(
        self,
        chance: np.random.Generator,
        person: Integers,
        film: Integers,
        again: NDArray[np.bool_],
    ) -> Integers:
        """A moment during one of the person's visits, once the film is available."""
        people = self._people
        draw = chance.random(len(person), dtype=np.float32)
        n_visits = people.n_visits[person]
        visit = np.minimum((draw * n_visits).astype(np.int64), n_visits - 1)
        within = chance.random(len(person), dtype=np.float32) * people.visit_seconds[person]
        moment = people.visits[people.first_visit[person] + visit] + within.astype(np.int64)
        early = np.flatnonzero(moment < self._films.available_at[film])
        moment[early] = _between(
            chance, self._films.available_at[film[early]], people.last_visit_at[person[early]]
        )
        later = np.flatnonzero(again)
        moment[later] = _between(chance, moment[later - 1], np.full(len(later), END - 1)) + 1
        return moment

    def _half_stars(
        self, chance: np.random.Generator, person: Integers, film: Integers, timestamp: Integers
    ) -> NDArray[np.int16]:
        people = self._people
        noise = chance.standard_normal(len(person), dtype=np.float32)
        opinion = self._films.quality[film] + people.kindness[person]
        opinion += noise * people.moodiness[person]
        whole = people.whole_stars[person] | (timestamp < HALF_STARS_SINCE)
        halves = np.where(whole, 2 * np.clip(np.rint(opinion), 1, 5), np.rint(2 * opinion))
        half_stars: NDArray[np.int16] = np.clip(halves, 1, 10).astype(np.int16)
        return half_stars


def distinct_ranks(
    chance: np.random.Generator,
    counts: Integers,
    sizes: Integers,
    curve: Floats,
    breadth: NDArray[np.float32],
) -> Integers:
    """Draw distinct positions of a list for many people, favouring the top.

    The j-th of n positions out of N is j + floor(c(q) (N - n)), where c is the curve and q is drawn
    from the j-th of n equal parts of [0, 1]. It rises with j, so no position repeats and nothing is
    redrawn.

    Args:
        chance: The source of the draws.
        counts: n of each person.
        sizes: N of each person, at least n.
        curve: Rising numbers from 0 to 1: how much of the list each share of the draws covers.
        breadth: For each person, in (-1, 1): above 0 favours later positions.

    Returns:
        Positions from 0, rising for each person, one person after the other.
    """
    total = int(counts.sum())
    number = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    width = np.repeat((1 / np.maximum(counts, 1)).astype(np.float32), counts)
    share = (number.astype(np.float32) + chance.random(total, dtype=np.float32)) * width
    share = np.minimum(share, np.float32(1.0))
    # Rises on [0, 1], in arithmetic that is the same on every processor, unlike a power.
    share += np.repeat(breadth, counts) * share * (np.float32(1.0) - share)
    spare = np.repeat(sizes - counts, counts)
    jump = (along(curve, share) * (spare + 1).astype(np.float32)).astype(np.int64)
    return number + _never_falling(np.clip(jump, 0, spare), counts)


def _never_falling(values: Integers, counts: Integers) -> Integers:
    """Undo drops below the predecessor caused by rounding, within each person's values."""
    step = np.repeat(np.arange(len(counts), dtype=np.int64) << _FILM_BITS, counts)
    lifted: Integers = np.maximum.accumulate(values + step) - step
    return lifted


def _between(chance: np.random.Generator, start: Integers, end: Integers) -> Integers:
    """Moments from start to before end, favouring earlier ones."""
    share = chance.random(len(start)) ** 2
    moment: Integers = start + (share * np.maximum(end - start, 0)).astype(np.int64)
    return moment
