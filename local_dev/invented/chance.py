"""Chance that can be repeated, and the curves that make few things popular and many rare."""

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
    """A stream of random numbers of its own.

    Each purpose and each part of the work has one, so that what one of them draws never depends
    on how much another drew, nor on the order or the threads in which they ran.

    Args:
        seed: The seed of the whole data set.
        purpose: What the numbers are for.
        part: The number of the chunk of work.

    Returns:
        A generator at its start.
    """
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(purpose.encode()), part]))


def popularity_curve(ratings: int) -> Floats:
    """Where, along a catalogue sorted by popularity, each share of all ratings has been given.

    The weight of the film at share x of the catalogue is exp(-c x^0.36). This is what the real
    releases follow; c grows with the number of ratings (100,000: 5.8; 25 million: 11.3), since
    the least known film has about one rating in each.

    Args:
        ratings: The number of ratings of the data set.

    Returns:
        65,537 rising numbers from 0 to 1: entry i is the share of the catalogue that gets the
        share i / 65,536 of the ratings.
    """
    steepness = max(3.0, 5.8 + math.log(ratings / 1e5))
    # Finer steps where the curve is steep: the first film of 60,000 has a step of its own.
    place = np.linspace(0.0, 1.0, 400_001) ** 3
    weight = np.exp(-steepness * place**_POPULARITY_EXPONENT)
    mass = np.concatenate([[0.0], np.cumsum((weight[1:] + weight[:-1]) / 2 * np.diff(place))])
    shares = np.linspace(0.0, 1.0, _CURVE_STEPS + 1)
    return np.interp(shares, mass / mass[-1], place)


def along(curve: Floats, share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Look shares up in a curve, with straight lines between its points.

    Args:
        curve: Rising numbers over the shares from 0 to 1.
        share: Shares in [0, 1].

    Returns:
        The curve at these shares.
    """
    points = curve.astype(np.float32)
    steps = len(points) - 1
    scaled = share * np.float32(steps)
    cell = np.minimum(scaled.astype(np.int32), steps - 1)
    rise = np.diff(points)
    return points[cell] + (scaled - cell.astype(np.float32)) * rise[cell]


def allocate(weights: Floats, total: int, least: Integers, most: Integers) -> Integers:
    """Share out whole things by weight, exactly, between a least and a most for each.

    Args:
        weights: How much each would like beyond its least.
        total: How many there are to share out.
        least: What each gets in any case.
        most: What each can get; raised for all alike where the total would not fit.

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
    """One step of `allocate`: it always gives at least one thing, and never too many."""
    wanted = np.floor(weights / weights.sum() * left).astype(np.int64)
    given: Integers = np.minimum(wanted, room)
    if not given.any():
        eager = np.argsort(-weights, kind="stable")[:left]
        given[eager] = np.minimum(1, room[eager])
    return given
