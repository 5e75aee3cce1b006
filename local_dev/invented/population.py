"""A complete invented data set: how its parts scale, and the rows of its six files."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from local_dev.invented.chance import popularity_curve
from local_dev.invented.films import invent_films
from local_dev.invented.people import LEAST_RATINGS, catalogues, invent_people
from local_dev.invented.ratings import RatingsInventor
from local_dev.invented.tags import MOST_RELEVANT, genome_scores, genome_tags, invent_tags

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

# Sizes at ml-latest-small, and the exponents of growth towards ml-25m and below. At smaller scales,
# people rate fewer films each, so that there are still several people.
_SMALL = 100_836
_FILMS = (9_742, 0.337, 0.6)
_PEOPLE = (610, 1.013, 0.7)
_TAGS = (3_683, 1.033, 1.0)
_GENOME_TAGS = (102, 0.436, 0.436)
_LEAST_FILMS = 200
_STARS = tuple(str(number / 2) for number in range(11))
_RELEVANCES = tuple(str(number / MOST_RELEVANT) for number in range(MOST_RELEVANT + 1))
_MOST_GENOME_TAGS = 1_128
_LEAST_GENOME_TAGS = 10


def _scaled(ratings: int, size: tuple[int, float, float]) -> int:
    at_small, power_above, power_below = size
    scale = ratings / _SMALL
    growth = math.pow(scale, power_above if scale > 1 else power_below)
    return round(at_small * growth)


class Population:
    """The films, people, ratings, tags and tag genome of one data set.

    Args:
        seed: Any number from 0.
        ratings: The number of ratings, at least 20.
    """

    def __init__(self, seed: int, ratings: int) -> None:
        self._seed = seed
        self._ratings = ratings
        n_people = max(1, min(_scaled(ratings, _PEOPLE), ratings // LEAST_RATINGS))
        self._n_tags = max(10, _scaled(ratings, _TAGS))
        self._n_genome_tags = min(
            _MOST_GENOME_TAGS, max(_LEAST_GENOME_TAGS, _scaled(ratings, _GENOME_TAGS))
        )
        self._films = invent_films(seed, max(_LEAST_FILMS, _scaled(ratings, _FILMS)))
        self._choice = catalogues(self._films)
        self._people = invent_people(seed, n_people, ratings, self._choice)
        self._curve = popularity_curve(ratings)

    def expected_rows(self, name: str) -> int:
        """The number of rows a file will have; approximate for tags.csv."""
        return {
            "movies.csv": len(self._films),
            "ratings.csv": self._ratings,
            "tags.csv": self._n_tags,
            "links.csv": len(self._films),
            "genome-scores.csv": int(self._films.in_genome.sum()) * self._n_genome_tags,
            "genome-tags.csv": self._n_genome_tags,
        }[name]

    def batches(self, name: str) -> Iterator[pa.RecordBatch]:
        """The rows of a file, in one or more batches with the same columns."""
        return {
            "movies.csv": self._movies,
            "ratings.csv": self._rating_rows,
            "tags.csv": self._tags,
            "links.csv": self._links,
            "genome-scores.csv": self._genome_scores,
            "genome-tags.csv": self._genome_tags,
        }[name]()

    def _movies(self) -> Iterator[pa.RecordBatch]:
        films = self._films
        yield _batch(movieId=films.movie_id, title=films.title, genres=films.genre_text())

    def _links(self) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        films = self._films
        tmdb_id = pa.array(films.tmdb_id, mask=films.tmdb_id == 0)
        yield _batch(movieId=films.movie_id, imdbId=films.imdb_id, tmdbId=tmdb_id)

    def _rating_rows(self) -> Iterator[pa.RecordBatch]:
        inventor = RatingsInventor(self._seed, self._films, self._people, self._choice, self._curve)
        for rows in inventor.chunks():
            yield _batch(
                userId=rows.user_id,
                movieId=rows.movie_id,
                rating=_named(rows.half_stars, _STARS),
                timestamp=rows.timestamp,
            )

    def _tags(self) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        rows = invent_tags(
            self._seed, self._n_tags, self._films, self._people, self._choice, self._curve
        )
        tag = pa.array(rows.spellings).take(pa.array(rows.spelling))
        yield _batch(userId=rows.user_id, movieId=rows.movie_id, tag=tag, timestamp=rows.timestamp)

    def _genome_tags(self) -> Iterator[pa.RecordBatch]:
        tags = self._genome_tag_names
        yield _batch(tagId=range(1, len(tags) + 1), tag=tags)

    def _genome_scores(self) -> Iterator[pa.RecordBatch]:
        for rows in genome_scores(self._seed, self._films, len(self._genome_tag_names)):
            yield _batch(
                movieId=rows.movie_id,
                tagId=rows.tag_id,
                relevance=_named(rows.relevance, _RELEVANCES),
            )

    @cached_property
    def _genome_tag_names(self) -> list[str]:
        return genome_tags(self._seed, self._n_genome_tags)


def _named(numbers: NDArray[np.int16], names: Sequence[str]) -> pa.DictionaryArray:
    """Formats each of a few distinct numbers once, which halves the time to write the file."""
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(numbers), pa.array(names))


def _batch(**columns: Any) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.record_batch({name: pa.array(values) for name, values in columns.items()})
