"""Reproducible randomness, and curves that make few things popular and many rare."""

from __future__ import annotations

import math
import zlib

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_POPULARITY_EXPONENT = 0.36
_CURVE_STEPS = 1 << 16


def stream(seed: int, purpose: str, part: int = 0) -> np.random.Generator:
    """An independent stream of random numbers.

    Each purpose and each part of the work has its own, so that its draws never depend on other
    draws, or on order or threads.

    Args:
        seed: The seed of the whole data set.
        purpose: What the numbers are for.
        part: The number of the chunk of work.
    """
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(purpose.encode()), part]))


def popularity_curve(ratings: int) -> Floats:
    """Maps shares of all ratings to positions in a catalogue sorted by popularity.

    The weight of the film at share x of the catalogue is exp(-c x^0.36), as in the real releases; c
    grows with the number of ratings (100,000: 5.8; 25 million: 11.3), since the least known film
    has about one rating in each.

    Args:
        ratings: The number of ratings of the data set.

    Returns:
        65,537 rising numbers from 0 to 1: entry i is the share of the catalogue that gets the
        share i / 65,536 of the ratings.
    """
    steepness = max(3.0, 5.8 + math.log(ratings / 1e5))
    # Finer steps where the curve is steep: the first of 60,000 films gets its own step.
    place = np.linspace(0.0, 1.0, 400_001) ** 3
    weight = np.exp(-steepness * place**_POPULARITY_EXPONENT)
    mass = np.concatenate([[0.0], np.cumsum((weight[1:] + weight[:-1]) / 2 * np.diff(place))])
    shares = np.linspace(0.0, 1.0, _CURVE_STEPS + 1)
    return np.interp(shares, mass / mass[-1], place)


def along(curve: Floats, share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Evaluate a curve at shares in [0, 1], by linear interpolation."""
    points = curve.astype(np.float32)
    steps = len(points) - 1
    scaled = share * np.float32(steps)
    cell = np.minimum(scaled.astype(np.int32), steps - 1)
    rise = np.diff(points)
    return points[cell] + (scaled - cell.astype(np.float32)) * rise[cell]


def allocate(weights: Floats, total: int, least: Integers, most: Integers) -> Integers:
    """Allocate a total by weight in whole numbers, within bounds.

    Args:
        weights: How much each wants beyond its minimum.
        total: The total to allocate.
        least: The minimum of each.
        most: The maximum of each; raised for all equally if the total would not fit.

    Returns:
        The number for each; they sum to the total.
    """
    free = total - int(least.sum())
    room = np.maximum(most - least, 0)
    if int(room.sum()) < free:
        room = room + math.ceil((free - int(room.sum())) / len(room))
    given = np.zeros(len(weights), dtype=np.int64)
    while (left := free - int(given.sum())) > 0:
        given += _one_round(np.where(given < room, weights, 0.0), left, room - given)
    shares: Integers = least + given
    return shares


def _one_round(weights: Floats, left: int, room: Integers) -> Integers:
    """One step of `allocate`: allocates at least one, and never too many."""
    wanted = np.floor(weights / weights.sum() * left).astype(np.int64)
    given: Integers = np.minimum(wanted, room)
    if not given.any():
        eager = np.argsort(-weights, kind="stable")[:left]
        given[eager] = np.minimum(1, room[eager])
    return given
