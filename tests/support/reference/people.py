"""The marts about people, which never count a group small enough to single anybody out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

from tests.support.reference.files import Current
from tests.support.reference.landing import Rows

FEW = 5


def first_ratings(current: Current) -> dict[int, datetime]:
    """When each person first rated."""
    first: dict[int, datetime] = {}
    for rating in current.ratings:
        first[rating.user] = min(rating.at, first.get(rating.user, rating.at))
    return first


def merged(people: Mapping[int, int]) -> dict[int, int]:
    """Maps each value to the one it is published under, given how many people have it.

    That is the value itself if enough people have it; else the next lower one that enough have, or
    the lowest that enough have. If there is none, all go under the lowest value.
    """
    enough = [value for value, n in people.items() if n >= FEW]
    if not enough:
        return dict.fromkeys(people, min(people, default=0))
    return {value: max((e for e in enough if e <= value), default=min(enough)) for value in people}


def mart_user_activity(current: Current) -> Rows:
    """One row per power of two of ratings that someone gave."""
    counts = Counter(rating.user for rating in current.ratings)
    powers = {user: n.bit_length() - 1 for user, n in counts.items()}
    bucket_of = merged(Counter(powers.values()))
    buckets = sorted(set(bucket_of.values()))
    lows = [
        1 if min(p for p, b in bucket_of.items() if b == bucket) < bucket else 2**bucket
        for bucket in buckets
    ]
    members = {b: [u for u, power in powers.items() if bucket_of[power] == b] for b in buckets}
    return [
        {
            "bucket": bucket,
            "lo": low,
            "hi": following - 1 if following else None,
            "n_users": len(members[bucket]),
            "n_ratings": sum(counts[user] for user in members[bucket]),
        }
        for bucket, low, following in zip(buckets, lows, [*lows[1:], None], strict=True)
    ]


def mart_user_cohort(current: Current) -> Rows:
    """One row per years of first ratings, and years since then."""
    first_year = {user: at.year for user, at in first_ratings(current).items()}
    rows: Rows = []
    for years in cohorts(current):
        told = {"cohort_year": years[0], "last_cohort_year": years[-1]}
        since = _since(current, first_year, years)
        rows += [{**told, **activity} for activity in _activity(since)]
    return rows


def cohorts(current: Current) -> list[list[int]]:
    """The first years that make up each cohort, in order.

    They are 1, 3 or 5 years from the first; the fewest at which at most a third of the counts of
    people who rated again, so many years later, are too small to be told on their own.
    """
    first_year = {user: at.year for user, at in first_ratings(current).items()}
    pooled: list[list[int]] = []
    for width in (1, 3, 5):
        pooled = _pooled(merged(Counter(first_year.values())), width)
        later = [
            len(active)
            for years in pooled
            for since, active in _since(current, first_year, years).items()
            if since
        ]
        if sum(people < FEW for people in later) <= len(later) / 3:
            break
    return pooled


def _pooled(group_of: Mapping[int, int], width: int) -> list[list[int]]:
    """Puts groups of years together that begin in the same so many years."""
    begins = {
        group: min(y for y, g in group_of.items() if g == group) for group in group_of.values()
    }
    pools: dict[int, list[int]] = defaultdict(list)
    for year in sorted(group_of):
        pools[(begins[group_of[year]] - min(group_of)) // width].append(year)
    return list(pools.values())


def _since(
    current: Current, first_year: Mapping[int, int], years: Collection[int]
) -> dict[int, Counter[int]]:
    """Who of those who first rated in these years rated how often, by years since."""
    since: dict[int, Counter[int]] = defaultdict(Counter)
    for rating in current.ratings:
        if first_year[rating.user] in years:
            since[rating.at.year - first_year[rating.user]][rating.user] += 1
    return since


def _activity(since: Mapping[int, Counter[int]]) -> Rows:
    """Of one cohort, given who rated how often so many years since."""
    told_as = merged({years: len(active) for years, active in since.items()})
    values = sorted(set(told_as.values()))
    rows: Rows = []
    for value, following in zip(values, [*values[1:], None], strict=True):
        ratings: Counter[int] = Counter()
        for years, active in since.items():
            if told_as[years] == value:
                ratings += active
        rows.append(
            {
                "years_since": value,
                "last_years_since": None if following is None else following - 1,
                "n_users_active": len(ratings),
                "n_ratings": ratings.total(),
            }
        )
    return rows
