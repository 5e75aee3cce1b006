"""Reads the counts that a release states in its README.

The README of every edition has the same sentence: "It contains 100836 ratings and 3683 tag
applications across 9742 movies. These data were created by 610 users".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST = 1 << 16
_NAME = re.compile(r"readme(\.(txt|md|html?))?", re.IGNORECASE)
_EDITION = re.compile(r"\((ml-[a-z0-9-]+)\)")
_COUNTS = re.compile(
    r"contains (?P<ratings>[\d,]+) ratings and (?P<tags>[\d,]+) tag(?: application)?s "
    r"(?:across|applied to) (?P<movies>[\d,]+) movies"
    r"(?:\. These data were created)? by (?P<users>[\d,]+) users"
)


@dataclass(frozen=True)
class Readme:
    """What a release says about itself.

    Attributes:
        path: Path of the README, relative to the landing zone.
        edition: The edition it names, such as `ml-25m`, if any.
        ratings: Number of ratings.
        users: Number of users who rated or tagged.
        movies: Number of films that the movies file lists.
        tags: Number of tag applications.
    """

    path: str
    edition: str | None
    ratings: int
    users: int
    movies: int
    tags: int


def is_readme(name: str) -> bool:
    """Checks whether a file is named like a release's README."""
    return _NAME.fullmatch(name) is not None


def parse(path: str, text: str) -> Readme | None:
    """Parses the counts in a README, or in the beginning of one.

    Returns:
        The counts; None if it states none in GroupLens's form.
    """
    words = " ".join(text.split())
    found = _COUNTS.search(words)
    if found is None:
        return None
    edition = _EDITION.search(words[: found.start()])
    counts = {name: int(number.replace(",", "")) for name, number in found.groupdict().items()}
    return Readme(path, edition[1] if edition else None, **counts)
