"""When people rate: the service's history, with yearly, monthly, daily and hourly waves."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from local_dev.invented.chance import Floats, Integers

SECONDS_PER_DAY = 86_400
FIRST_DAY = int(datetime(1996, 1, 29, tzinfo=UTC).timestamp())
"""The first day with ratings, epoch seconds."""
LAST_DAY = int(datetime(2018, 9, 24, tzinfo=UTC).timestamp())
"""The last day on which anybody starts rating, epoch seconds."""
END = LAST_DAY + 2 * SECONDS_PER_DAY
"""All ratings and tags are before this moment, epoch seconds."""
HALF_STARS_SINCE = int(datetime(2003, 3, 1, tzinfo=UTC).timestamp())
"""Ratings before this moment are whole stars, epoch seconds."""
TAGS_SINCE = int(datetime(2005, 12, 20, tzinfo=UTC).timestamp())
"""No tags exist before this moment, epoch seconds."""

# How busy each year was, from 1996 to 2018.
_YEARS = (10, 4, 2, 8, 14, 8, 6, 7, 8, 11, 8, 8, 9, 7, 6, 6, 6, 5, 5, 12, 14, 13, 13)
_MONTHS = (1.25, 1.05, 1.0, 0.95, 0.9, 0.95, 1.05, 1.0, 0.9, 0.95, 1.15, 1.3)
_WEEKDAYS = (1.0, 0.95, 0.92, 0.92, 0.95, 1.1, 1.2)  # Monday first
_HOURS = (45, 48, 50, 43, 33, 26, 22, 30, 30, 24, 24, 27, 30, 31, 38, 42, 51, 60, 58, 62, 65, 62)
_LATE_HOURS = (54, 46)


def year_start(year: Integers) -> Integers:
    """The first second of calendar years, as epoch seconds in UTC."""
    moment: Integers = (
        (year - 1970).astype("datetime64[Y]").astype("datetime64[s]").astype(np.int64)
    )
    return moment


class Calendar:
    """Maps uniform numbers to moments that follow the waves of real activity."""

    def __init__(self) -> None:
        days = np.arange(FIRST_DAY, LAST_DAY, SECONDS_PER_DAY).astype("datetime64[s]")
        year = days.astype("datetime64[Y]").astype(np.int64) - 26
        month = days.astype("datetime64[M]").astype(np.int64) % 12
        weekday = (days.astype("datetime64[D]").astype(np.int64) + 3) % 7
        # A wave with no simple period makes months differ from their seasonal average.
        wave = 1 + 0.3 * np.sin(np.arange(len(days)) / 47.0) * np.sin(np.arange(len(days)) / 131.0)
        weight = np.array(_YEARS)[year] * np.array(_MONTHS)[month] * np.array(_WEEKDAYS)[weekday]
        self._days = _rising(weight * wave)
        self._hours = _rising(np.array(_HOURS + _LATE_HOURS, dtype=np.float64))

    def moment(self, share: Floats, hour_share: Floats) -> Integers:
        """Moments of activity.

        Args:
            share: Positions in the whole history, as shares of all activity, in [0, 1).
            hour_share: Positions in the day, likewise.

        Returns:
            Epoch seconds.
        """
        day = np.searchsorted(self._days, share, side="right") - 1
        hours = np.interp(hour_share, self._hours, np.arange(25.0))
        moment: Integers = FIRST_DAY + day * SECONDS_PER_DAY + (hours * 3600).astype(np.int64)
        return moment

    def share(self, moment: Integers) -> Floats:
        """The share in [0, 1] of all activity before each moment, in epoch seconds."""
        day = (moment - FIRST_DAY) / SECONDS_PER_DAY
        return np.interp(day, np.arange(len(self._days), dtype=np.float64), self._days)


def _rising(weight: Floats) -> Floats:
    """The cumulative share of the weight before each place, from 0 to 1."""
    mass = np.cumsum(weight)
    return np.concatenate([[0.0], mass / mass[-1]])
