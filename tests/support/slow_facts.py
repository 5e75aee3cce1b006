"""The facts that a landing zone must give after each drop, in plain Python: slow and obvious."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.histories import Step
from tests.support.reference.files import content_of, dataset_of, read

Row = tuple[Any, ...]
Order = tuple[float, str]


def _by_file(since: Order, row: Row) -> Any:
    """Nothing but the file says which is later; in one file, the larger values win."""
    return since, [(value is not None, value) for value in row]


@dataclass(frozen=True)
class _Relation:
    query: str
    dataset: str
    n_key: int
    rank: Callable[[Order, Row], Any]


RELATIONS = {
    "analytics.fct_ratings": _Relation(
        "select user_id, movie_id, rating, cast(epoch(rated_at) as bigint)",
        "ratings",
        2,
        lambda since, row: (row[3], since, row[2]),
    ),
    "analytics.fct_tags": _Relation(
        "select user_id, movie_id, tag, cast(epoch(tagged_at) as bigint)",
        "tags",
        3,
        lambda since, row: row[3],
    ),
    "analytics.fct_genome_scores": _Relation(
        "select movie_id, tag_id, relevance", "genome-scores", 2, _by_file
    ),
    "analytics.src_movies": _Relation("select movie_id, title, genres", "movies", 1, _by_file),
    "analytics.src_links": _Relation("select movie_id, imdb_id, tmdb_id", "links", 1, _by_file),
    "analytics.src_genome_tags": _Relation("select tag_id, tag", "genome-tags", 1, _by_file),
}


@dataclass
class _Content:
    content: bytes
    since: Order


class SlowFacts:
    """What counts after each drop of a history: the present content of each path.

    A path that is not there keeps counting until the history has it recorded as removed, and so
    does what a path held before something that cannot be read. Content that is the same has not
    come again.
    """

    def __init__(self, zone: Path) -> None:
        self._zone = zone
        self._contents: dict[str, _Content] = {}

    def read(self, step: Step) -> None:
        """Reads the landing zone after a drop."""
        found = {
            file.relative_to(self._zone).as_posix(): file
            for file in self._zone.rglob("*")
            if file.is_file()
        }
        for path, file in found.items():
            content = content_of(file)
            before = self._contents.get(path)
            if path not in step.refused and (before is None or before.content != content):
                self._contents[path] = _Content(content, (file.stat().st_mtime, path))
        if step.remove_missing:
            self._contents = {p: c for p, c in self._contents.items() if p in found}

    def expected(self, relation: str) -> list[Row]:
        """The rows that one of `RELATIONS` must have."""
        wanted = RELATIONS[relation]
        latest: dict[Row, tuple[Any, Row]] = {}
        for path, content in self._contents.items():
            if dataset_of(path) == wanted.dataset:
                for row in read(content.content, wanted.dataset).rows:
                    ranked = wanted.rank(content.since, row), row
                    key = row[: wanted.n_key]
                    latest[key] = max(latest.get(key, ranked), ranked, key=lambda pair: pair[0])
        return [row for _, row in latest.values()]
