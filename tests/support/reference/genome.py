"""The marts of the tag genome."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from itertools import combinations

from tests.support.reference.files import Current
from tests.support.reference.landing import Rows

_SHOWN = 10
# How much of a film tells which are near it.
_PROFILE_TAGS, _STRONG_TAGS, _FILMS_PER_TAG = 50, 15, 300
_SHARED_TAGS, _CANDIDATES = 2, 50

Profile = dict[int, float]
"""The weights of a film's tags, the strongest first."""


def _by_film(current: Current) -> dict[int, Profile]:
    found: dict[int, Profile] = defaultdict(dict)
    for (film, tag), relevance in current.relevance.items():
        found[film][tag] = relevance
    return dict(found)


def _highest(values: Mapping[int, float], at_most: int) -> list[int]:
    """The ids with the highest values; of equal ones, the smaller id is first."""
    return sorted(values, key=lambda each: (-values[each], each))[:at_most]


def mart_movie_genome_tag(current: Current) -> Rows:
    """One row per film and each of its ten most relevant tags."""
    films = _by_film(current)
    return [
        {
            "movie_id": film,
            "tag": current.genome_tags.get(tag, f"Genome tag {tag}"),
            "relevance": films[film][tag],
            "rank": rank,
        }
        for film in sorted(films)
        for rank, tag in enumerate(_highest(films[film], _SHOWN), start=1)
    ]


def _means(films: Mapping[int, Profile]) -> dict[int, float]:
    """The mean relevance of each tag."""
    relevance: dict[int, list[float]] = defaultdict(list)
    for tags in films.values():
        for tag, value in tags.items():
            relevance[tag].append(value)
    return {tag: round(math.fsum(values) / len(values), 9) for tag, values in relevance.items()}


def _profiles(films: Mapping[int, Profile]) -> dict[int, Profile]:
    """Of each film, its most distinctive tags, weighted by how much so, as a vector of length 1."""
    means = _means(films)
    profiles = {}
    for film, tags in films.items():
        above = {tag: value - means[tag] for tag, value in tags.items() if value > means[tag]}
        kept = _highest(above, _PROFILE_TAGS)
        length = math.sqrt(math.fsum(above[tag] ** 2 for tag in kept))
        profiles[film] = {tag: round(above[tag] / length, 9) for tag in kept}
    return profiles


def _strong(profiles: Mapping[int, Profile]) -> dict[int, Profile]:
    """Of each tag that is among a film's strongest, the films for which it is strongest."""
    films: dict[int, Profile] = defaultdict(dict)
    for film, profile in profiles.items():
        for tag in list(profile)[:_STRONG_TAGS]:
            films[tag][film] = profile[tag]
    return {
        tag: {film: weights[film] for film in _highest(weights, _FILMS_PER_TAG)}
        for tag, weights in films.items()
    }


def _candidates(profiles: Mapping[int, Profile]) -> dict[int, list[int]]:
    """For each film, those that match its strongest tags best and share some of them."""
    products: dict[tuple[int, int], list[float]] = defaultdict(list)
    for weights in _strong(profiles).values():
        for one, other in combinations(sorted(weights), 2):
            products[one, other].append(weights[one] * weights[other])
    likeness: dict[int, Profile] = defaultdict(dict)
    for (one, other), shared in products.items():
        if len(shared) >= _SHARED_TAGS:
            likeness[one][other] = likeness[other][one] = round(math.fsum(shared), 6)
    return {film: _highest(others, _CANDIDATES) for film, others in likeness.items()}


def _cosine(one: Profile, other: Profile) -> float:
    return round(math.fsum(one[tag] * other[tag] for tag in one.keys() & other.keys()), 6)


def mart_movie_similar(current: Current) -> Rows:
    """One row per film and each of the ten films nearest to it."""
    profiles = _profiles(_by_film(current))
    candidates = _candidates(profiles)
    rows = []
    for film in sorted(candidates):
        scores = {other: _cosine(profiles[film], profiles[other]) for other in candidates[film]}
        for rank, other in enumerate(_highest(scores, _SHOWN), start=1):
            rows.append(
                {
                    "movie_id": film,
                    "similar_movie_id": other,
                    "score": scores[other],
                    "rank": rank,
                }
            )
    return rows
