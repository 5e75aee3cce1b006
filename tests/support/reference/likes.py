"""The mart of films that the same people like."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations

from tests.support.reference.files import Current, Rating
from tests.support.reference.landing import Rows

_LIKED, _BASKET, _PEOPLE, _SHRINKAGE, _SHOWN = 4, 50, 20, 50, 10


def _baskets(current: Current) -> list[set[int]]:
    """The favourites of each person who has any."""
    liked = [rating for rating in current.ratings if rating.stars >= _LIKED]
    people = Counter(rating.film for rating in liked)
    of: dict[int, list[Rating]] = defaultdict(list)
    for rating in liked:
        if people[rating.film] >= _PEOPLE:
            of[rating.user].append(rating)
    for ratings in of.values():
        ratings.sort(key=lambda rating: rating.film)
        ratings.sort(key=lambda rating: (rating.stars, rating.at), reverse=True)
    return [{rating.film for rating in ratings[:_BASKET]} for ratings in of.values()]


def mart_movie_liked_together(current: Current) -> Rows:
    """One row per film and each of up to ten films that the same people like."""
    baskets = _baskets(current)
    people = Counter(film for basket in baskets for film in basket)
    pairs = Counter(pair for basket in baskets for pair in combinations(sorted(basket), 2))
    liked_with: dict[int, dict[int, int]] = defaultdict(dict)
    for (one, other), both in pairs.items():
        if both >= _PEOPLE:
            liked_with[one][other] = liked_with[other][one] = both
    rows = []
    for film in sorted(liked_with):
        lift = {
            other: both * len(baskets) / (people[film] * people[other])
            for other, both in liked_with[film].items()
            if both * len(baskets) > people[film] * people[other]
        }
        score = {
            other: both * both * len(baskets) / (people[film] * people[other] * (both + _SHRINKAGE))
            for other, both in liked_with[film].items()
            if other in lift
        }
        best = sorted(score, key=lambda other: (-score[other], other))[:_SHOWN]
        for rank, other in enumerate(best, start=1):
            rows.append(
                {
                    "movie_id": film,
                    "other_movie_id": other,
                    "n_people": liked_with[film][other],
                    "lift": lift[other],
                    "score": score[other],
                    "rank": rank,
                }
            )
    return rows
