"""The marts of tags."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

from tests.support.reference.files import Tag
from tests.support.reference.films import Films, totals
from tests.support.reference.landing import Rows
from tests.support.reference.titles import without_accents

_MANY_TAG, _FEWEST = 1_000, 5
_SHOWN = 10


def normalised(written: str) -> str:
    """Lower case, trimmed, with single spaces inside."""
    return re.sub(r"[ \t\n\r\f\v]+", " ", written).lower().strip(" ")


def _people(tags: Iterable[Tag]) -> int:
    return len({tag.user for tag in tags})


class Tags:
    """What people wrote on films.

    Args:
        films: All films.
    """

    def __init__(self, films: Films) -> None:
        self._films = films
        self._given = films.current.tags

    @cached_property
    def _uses(self) -> dict[str, list[Tag]]:
        """All uses of each tag that says anything."""
        uses: dict[str, list[Tag]] = defaultdict(list)
        for tag in self._given:
            if normalised(tag.written):
                uses[normalised(tag.written)].append(tag)
        return dict(uses)

    def _spelling(self, tag: str) -> str:
        """How most people write it; of several, the first in order."""
        by_spelling: dict[str, list[Tag]] = defaultdict(list)
        for use in self._uses[tag]:
            by_spelling[use.written.strip(" ")].append(use)
        return min(by_spelling, key=lambda spelling: (-_people(by_spelling[spelling]), spelling))

    def mart_tag(self) -> Rows:
        """One row per tag that enough people use."""
        fewest = _FEWEST if _people(self._given) >= _MANY_TAG else 1
        rows: Rows = []
        for tag, uses in self._uses.items():
            if _people(uses) >= fewest:
                tagged = {use.film for use in uses}
                rows.append(
                    {
                        "tag": self._spelling(tag),
                        "tag_search": without_accents(tag),
                        "n_people": _people(uses),
                        "n_applications": len(uses),
                        "n_movies": len(tagged),
                        **totals(stars for film in tagged for stars in self._films.stars(film)),
                        "first_used_at": min(use.at for use in uses),
                        "last_used_at": max(use.at for use in uses),
                    }
                )
        return sorted(rows, key=lambda row: (-row["n_people"], row["tag"]))

    def mart_movie_tag(self) -> Rows:
        """One row per film and each of the ten tags that most people gave it."""
        people: dict[int, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        for tag, uses in self._uses.items():
            for use in uses:
                people[use.film][tag].add(use.user)
        return [
            {
                "movie_id": film,
                "tag": self._spelling(tag),
                "n_people": len(people[film][tag]),
                "rank": rank,
            }
            for film in sorted(people)
            for rank, tag in enumerate(_strongest(people[film]), start=1)
        ]


def _strongest(people: dict[str, set[int]]) -> list[str]:
    return sorted(people, key=lambda tag: (-len(people[tag]), tag))[:_SHOWN]
