"""The marts of ratings over time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date

from tests.support.reference.files import Current, Rating
from tests.support.reference.films import totals
from tests.support.reference.landing import Rows
from tests.support.reference.people import FEW, first_ratings, merged


def _months(first: date, last: date) -> Iterator[date]:
    """The first days of all months from one to another."""
    for number in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        yield date(number // 12, number % 12 + 1, 1)


def _unless_few(people: int) -> int | None:
    return None if 0 < people < FEW else people


def _years_told_by_subtraction(new: Counter[date]) -> set[int]:
    """The years whose months of few newcomers follow from the other months and the cohort."""
    per_year: Counter[int] = Counter()
    for month, people in new.items():
        per_year[month.year] += people
    group_of = merged(per_year)
    told = set()
    for group in set(group_of.values()):
        few = [n for month, n in new.items() if group_of[month.year] == group and n < FEW]
        all_alike = {sum(few)} & {len(few), len(few) * (FEW - 1)}
        if few and (sum(few) < FEW or all_alike):
            told |= {year for year, of in group_of.items() if of == group}
    return told


def mart_rating_month(current: Current) -> Rows:
    """One row per month from the first rating to the last."""
    ratings: dict[date, list[Rating]] = defaultdict(list)
    for rating in current.ratings:
        ratings[rating.at.date().replace(day=1)].append(rating)
    if not ratings:
        return []
    first, last = min(ratings), max(ratings)
    new = Counter(at.date().replace(day=1) for at in first_ratings(current).values())
    told = _years_told_by_subtraction(new)
    return [
        {
            "month": month,
            **totals(rating.stars for rating in ratings.get(month, ())),
            "n_users": _unless_few(len({rating.user for rating in ratings.get(month, ())})),
            "n_new_users": None if new[month] and month.year in told else _unless_few(new[month]),
            "is_partial": month in (first, last),
        }
        for month in _months(first, last)
    ]


def mart_rating_value_year(current: Current) -> Rows:
    """One row per year and number of stars."""
    counts = Counter((rating.at.year, rating.stars) for rating in current.ratings)
    return [
        {"rating_year": year, "rating": stars, "n_ratings": counts[year, stars]}
        for year, stars in sorted(counts)
    ]


def mart_weekday_hour(current: Current) -> Rows:
    """One row per hour of the week."""
    counts = Counter((rating.at.isoweekday(), rating.at.hour) for rating in current.ratings)
    return [
        {"weekday": day, "hour": hour, "n_ratings": counts[day, hour]}
        for day in range(1, 8)
        for hour in range(24)
    ]
