"""The facts that a landing zone must give after each drop, in plain Python: slow and obvious."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tests.support.contract import CONTRACT, MAY_BE_EMPTY
from tests.support.histories import Step

Row = tuple[Any, ...]
Order = tuple[float, str]


def converter(name: str, kind: type) -> Callable[[str], Any]:
    if name in MAY_BE_EMPTY:
        return lambda text: kind(text) if text else None
    return lambda text: kind(text) if text else int(text)  # no number: a ValueError


COLUMNS = {
    dataset: {name: converter(name, kind) for name, kind in columns.items()}
    for dataset, columns in CONTRACT.items()
}


def dataset_of(path: str) -> str:
    """By the name of the file, else by the folder it is in."""
    pure = PurePosixPath(path)
    for name in (pure.name, pure.parent.name):
        for dataset in COLUMNS:
            if name.lower().replace("_", "-").startswith(dataset):
                return dataset
    raise ValueError(path)


def text_of(path: Path) -> str:
    content = path.read_bytes()
    match path.suffix:
        case ".gz":
            content = gzip.decompress(content)
        case ".bz2":
            content = bz2.decompress(content)
        case ".zip":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                content = archive.read(archive.namelist()[0])
    return content.decode()


def rows_of(text: str, dataset: str) -> Iterator[Row]:
    """The rows that can be loaded, in the order of the contract's columns."""
    records = csv.reader(io.StringIO(text, newline=""))
    header = next(records)
    for record in records:
        try:
            fields = dict(zip(header, record, strict=True))
            columns = COLUMNS[dataset].items()
            yield tuple(convert(fields.get(name, "")) for name, convert in columns)
        except ValueError:
            continue


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
    text: str
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
            text = text_of(file)
            before = self._contents.get(path)
            if path not in step.refused and (before is None or before.text != text):
                self._contents[path] = _Content(text, (file.stat().st_mtime, path))
        if step.remove_missing:
            self._contents = {p: c for p, c in self._contents.items() if p in found}

    def expected(self, relation: str) -> list[Row]:
        """The rows that one of `RELATIONS` must have."""
        wanted = RELATIONS[relation]
        latest: dict[Row, tuple[Any, Row]] = {}
        for path, content in self._contents.items():
            if dataset_of(path) == wanted.dataset:
                for row in rows_of(content.text, wanted.dataset):
                    ranked = wanted.rank(content.since, row), row
                    key = row[: wanted.n_key]
                    latest[key] = max(latest.get(key, ranked), ranked, key=lambda pair: pair[0])
        return [row for _, row in latest.values()]
