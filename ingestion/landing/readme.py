"""Reads the counts that a release states in its README.

The README of every edition since ml-10m has the same sentence: "It contains 100836 ratings and
3683 tag applications across 9742 movies. These data were created by 610 users". Those of ml-1m and
ml-100k have others, which name no tags; that of ml-1m counts its films only approximately.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST = 1 << 16
_NAME = re.compile(r"readme(\.(txt|md|html?))?", re.IGNORECASE)
_EDITION = re.compile(r"\((ml-[a-z0-9-]+)\)")
_COUNTS = (
    r"contains (?P<ratings>[\d,]+) ratings and (?P<tags>[\d,]+) tag(?: application)?s "
    r"(?:across|applied to) (?P<movies>[\d,]+) movies"
    r"(?:\. These data were created)? by (?P<users>[\d,]+) users",
    r"contain (?P<ratings>[\d,]+) anonymous ratings of approximately [\d,]+ movies made by "
    r"(?P<users>[\d,]+) MovieLens users",
    r"consists of: \W*(?P<ratings>[\d,]+) ratings \(1-5\) from (?P<users>[\d,]+) users on "
    r"(?P<movies>[\d,]+) movies",
)


@dataclass(frozen=True)
class Readme:
    """What a release says about itself.

    Attributes:
        path: Path of the README, relative to the landing zone.
        edition: The edition it names, such as `ml-25m`, if any.
        ratings: Number of ratings.
        users: Number of users who rated or tagged.
        movies: Number of films that the movies file lists, if it is stated.
        tags: Number of tag applications, if it is stated.
    """

    path: str
    edition: str | None
    ratings: int
    users: int
    movies: int | None = None
    tags: int | None = None


def is_readme(name: str) -> bool:
    """Checks whether a file is named like a release's README."""
    return _NAME.fullmatch(name) is not None


def parse(path: str, text: str) -> Readme | None:
    """Parses the counts in a README, or in the beginning of one.

    Returns:
        The counts; None if it states none in GroupLens's form.
    """
    words = " ".join(text.split())
    found = next(filter(None, (re.search(counts, words) for counts in _COUNTS)), None)
    if found is None:
        return None
    edition = _EDITION.search(words[: found.start()])
    counts = {name: int(number.replace(",", "")) for name, number in found.groupdict().items()}
    return Readme(path, edition[1] if edition else None, **counts)
