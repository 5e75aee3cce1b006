"""The README next to the files: what the release itself says it holds.

GroupLens writes one sentence of one form into the README of each edition, such as: "It contains
100836 ratings and 3683 tag applications across 9742 movies. These data were created by 610 users".
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
    """What a release says of itself.

    Attributes:
        path: Path of the README, relative to the landing zone.
        edition: The edition that it names, such as `ml-25m`; None if it names none.
        ratings: Number of ratings.
        users: Number of people who rated or gave tags.
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
    """Tells whether a file is called as a release's README is."""
    return _NAME.fullmatch(name) is not None


def parse(path: str, text: str) -> Readme | None:
    """Reads the counts that a README states.

    Args:
        path: Its path in the landing zone.
        text: Its text, or the beginning of it.

    Returns:
        The counts; None if it states none in the form that GroupLens uses.
    """
    words = " ".join(text.split())
    found = _COUNTS.search(words)
    if found is None:
        return None
    edition = _EDITION.search(words[: found.start()])
    counts = {name: int(number.replace(",", "")) for name, number in found.groupdict().items()}
    return Readme(path, edition[1] if edition else None, **counts)
