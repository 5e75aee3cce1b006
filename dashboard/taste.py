"""From the stars of one visitor to films that people with the same favourites like."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

# As in mart_movie_liked_together, whose favourites have four stars or more.
LIKED_FROM = 4
MOST = 10


def liked(stars: Mapping[int, int]) -> list[int]:
    """The films that a visitor likes, in the order in which they were rated.

    Args:
        stars: The stars of each film.
    """
    return [movie_id for movie_id, given in stars.items() if given >= LIKED_FROM]


def neighbours(near: Mapping[int, pd.DataFrame], rated: Mapping[int, int]) -> pd.DataFrame:
    """Ranks the films that are liked together with those that a visitor likes.

    Args:
        near: For each film that the visitor likes, its rows of FILM_LIKED_TOGETHER.
        rated: The stars of each film that the visitor rated; none of these is among the answers.

    Returns:
        Columns movie_id, title, release_year, score and liked, a list of the visitor's films that
        the film is liked together with; the highest sum of scores first, at most MOST rows.
    """
    pairs = [rows.assign(liked=movie_id) for movie_id, rows in near.items() if not rows.empty]
    if not pairs:
        return pd.DataFrame()
    every = pd.concat(pairs, ignore_index=True)
    every = every[~every["movie_id"].isin(rated)]
    found = every.groupby("movie_id", as_index=False).agg(
        title=("title", "first"),
        release_year=("release_year", "first"),
        score=("score", "sum"),
        liked=("liked", list),
    )
    return found.sort_values(["score", "movie_id"], ascending=[False, True]).head(MOST)
