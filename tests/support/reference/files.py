"""Reads CSV files in plain Python: which of their rows can be loaded, and which of those count."""

from __future__ import annotations

import bz2
import csv
import gzip
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from tests.support.contract import CONTRACT, MAY_BE_EMPTY, table_of
from tests.support.reference.landing import File, Landing

Values = tuple[Any, ...]
_TIMES = 788_918_400, 4_133_980_799  # 1995-01-01 00:00:00 to 2100-12-31 23:59:59 UTC


def dataset_of(path: str) -> str:
    """The dataset of a file: by its name, else by the folder that it is in."""
    pure = PurePosixPath(path)
    for name in (pure.name, pure.parent.name):
        for dataset in CONTRACT:
            if name.lower().replace("_", "-").startswith(dataset):
                return dataset
    raise ValueError(path)


def content_of(path: Path) -> bytes:
    """The content of a file, unpacked."""
    content = path.read_bytes()
    match path.suffix.lower():
        case ".gz":
            return gzip.decompress(content)
        case ".bz2":
            return bz2.decompress(content)
        case ".zip":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return archive.read(archive.namelist()[0])
        case _:
            return content


def _text(text: str) -> str:
    if not text:
        raise ValueError("a required text is empty")
    return text


def _id(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**63:
        raise ValueError(f"{number} is out of range")
    return number


def _seconds(text: str) -> int:
    seconds = int(text)
    if not _TIMES[0] <= seconds <= _TIMES[1]:
        raise ValueError(f"{seconds} is out of range")
    return seconds


def _stars(text: str) -> float:
    stars = float(text)
    if stars not in [half / 2 for half in range(1, 11)]:
        raise ValueError(f"{stars} is no rating")
    return stars


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise ValueError(f"{share} is out of range")
    return share


def _converter(name: str, kind: type) -> Callable[[str], Any]:
    own: dict[str, Callable[[str], Any]] = {
        "timestamp": _seconds,
        "rating": _stars,
        "relevance": _share,
    }
    convert = own.get(name, _id if kind is int else _text)
    if name in MAY_BE_EMPTY:
        return lambda text: convert(text) if text else None
    return convert


_COLUMNS = {
    dataset: {name: _converter(name, kind) for name, kind in columns.items()}
    for dataset, columns in CONTRACT.items()
}


class Content(NamedTuple):
    """What a file holds.

    Attributes:
        rows: The rows that can be loaded, their values in the order of the contract.
        rejected: How many rows cannot.
    """

    rows: list[Values]
    rejected: int


def read(content: bytes, dataset: str) -> Content:
    """Reads the rows of an unpacked file."""
    records = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    header = next(records)
    rows: list[Values] = []
    rejected = 0
    for record in records:
        try:
            fields = dict(zip(header, record, strict=True))
            converters = _COLUMNS[dataset].items()
            rows.append(tuple(convert(fields.get(name, "")) for name, convert in converters))
        except ValueError:
            rejected += bool(record)
    return Content(rows, rejected)


@dataclass(frozen=True)
class ReadFile:
    """A file that counts, read.

    Attributes:
        file: The file.
        dataset: The name of the table that its rows are in.
        bytes: Its size as it is stored.
        content_hash: SHA-256 of its content, unpacked.
        content: What it holds.
    """

    file: File
    dataset: str
    bytes: int
    content_hash: str
    content: Content


def _read_file(zone: Path, file: File) -> ReadFile:
    path = zone / file.path
    content, dataset = content_of(path), dataset_of(file.path)
    return ReadFile(
        file=file,
        dataset=table_of(dataset),
        bytes=path.stat().st_size,
        content_hash=hashlib.sha256(content).hexdigest(),
        content=read(content, dataset),
    )


class Rating(NamedTuple):
    """The rating that counts of those which someone gave a film."""

    user: int
    film: int
    stars: float
    at: datetime


class Tag(NamedTuple):
    """A tag, as someone wrote it, on a film."""

    user: int
    film: int
    written: str
    at: datetime


class Film(NamedTuple):
    """What the movies files say of a film."""

    title: str
    genres: str | None


class Link(NamedTuple):
    """What the links files say of a film."""

    imdb: str | None
    tmdb: int | None


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


class Current:
    """The rows that count: of those with one key, the latest.

    Of ratings and tags, the latest is the one with the latest time. At the same time, and of
    everything else, it is the one in the file that was loaded last, and in one file that with the
    larger values; nothing is smaller than any value.

    Args:
        landing: The files that count.
    """

    def __init__(self, landing: Landing) -> None:
        self.files = [_read_file(landing.zone, file) for file in landing.files]

    def _rows(self, dataset: str) -> Iterator[tuple[int, Values]]:
        for number, file in enumerate(self.files):
            if file.dataset == dataset:
                for row in file.content.rows:
                    yield number, row

    def _latest(self, dataset: str, n_key: int) -> dict[Any, Values]:
        """The values of each key in the file loaded last; there, the largest."""
        latest: dict[Any, tuple[Any, Values]] = {}
        for number, row in self._rows(dataset):
            key, values = row[:n_key], row[n_key:]
            ranked = (number, [(value is not None, value) for value in values]), values
            if key not in latest or ranked[0] > latest[key][0]:
                latest[key] = ranked
        return {key: values for key, (_, values) in latest.items()}

    @cached_property
    def ratings(self) -> list[Rating]:
        """One for each person and film."""
        latest: dict[tuple[int, int], tuple[int, int, float]] = {}
        for number, (user, film, stars, seconds) in self._rows("ratings"):
            ranked = seconds, number, stars
            if ranked > latest.get((user, film), (0, 0, 0.0)):
                latest[user, film] = ranked
        return [
            Rating(user, film, stars, _moment(seconds))
            for (user, film), (seconds, _, stars) in latest.items()
        ]

    @cached_property
    def tags(self) -> list[Tag]:
        """One for each person, film and tag as it is written."""
        latest: dict[tuple[int, int, str], int] = {}
        for _, (user, film, tag, seconds) in self._rows("tags"):
            latest[user, film, tag] = max(seconds, latest.get((user, film, tag), seconds))
        return [Tag(*key, _moment(seconds)) for key, seconds in latest.items()]

    @cached_property
    def films(self) -> dict[int, Film]:
        """By id, those that a movies file lists."""
        return {film: Film(*values) for (film,), values in self._latest("movies", 1).items()}

    @cached_property
    def links(self) -> dict[int, Link]:
        """By id of the film."""
        return {film: Link(*values) for (film,), values in self._latest("links", 1).items()}

    @cached_property
    def relevance(self) -> dict[tuple[int, int], float]:
        """By film and genome tag."""
        latest = self._latest("genome_scores", 2)
        return {(film, tag): relevance for (film, tag), (relevance,) in latest.items()}

    @cached_property
    def genome_tags(self) -> dict[int, str]:
        """The names of genome tags, by id."""
        return {tag: name for (tag,), (name,) in self._latest("genome_tags", 1).items()}
