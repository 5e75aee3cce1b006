"""What looks like MovieLens data and is not read, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from ingestion.datasets import DATASETS, Dataset

_RELEASE = re.compile(r"ml-(latest-small|latest|\d+[km])[\w.-]*\.(zip|7z|rar|tar|tgz|tar\.\w+)")
# Releases from before 2014, and the files in them.
_OLD_RELEASES = ("100k", "1m", "10m")
_OLD_FILES = re.compile(r"u\.(data|item|user|genre|info)|(ratings|movies|users|tags)\.dat")
_CSV = re.compile(r"\.csv(\.(gz|bz2|zst|zip))?$")
_PACKED = frozenset(
    {"7z", "br", "bz2", "gz", "lz4", "rar", "snappy", "tar", "tgz", "xz", "z", "zst"}
)
_FORMATS = frozenset(
    {"arrow", "avro", "feather", "json", "jsonl", "ndjson", "orc", "parquet", "pkl", "psv", "sql"}
    | {"tab", "tsv", "txt", "xls", "xlsx"}
)
_OLD = (
    "is of a release from before 2014, whose format is not read; take one with CSV files, as in "
    "movielens data download ml-latest-small"
)
SHOWN = 3


@dataclass(frozen=True)
class Lookalike:
    """One path that looks like MovieLens data and is not read.

    Attributes:
        path: Path relative to the landing zone.
        advice: Why not, and what to do to have it read.
    """

    path: str
    advice: str


def lookalike(path: str) -> Lookalike | None:
    """Tells whether a path that belongs to no dataset looks like MovieLens data all the same.

    Args:
        path: Path relative to the landing zone.

    Returns:
        It with what to do about it, or None for any other file.
    """
    pure = PurePosixPath(path)
    if any(part.startswith((".", "__")) for part in pure.parts):
        return None
    advice = _of_a_release(pure.name.lower()) or _of_a_dataset(pure)
    return Lookalike(path, advice) if advice else None


def _of_a_release(name: str) -> str | None:
    if _OLD_FILES.fullmatch(name):
        return _OLD
    release = _RELEASE.fullmatch(name)
    if release is None:
        return None
    if release[1] in _OLD_RELEASES:
        return _OLD
    return "is a whole release; unpack it there, then delete it"


def _of_a_dataset(path: PurePosixPath) -> str | None:
    dataset = next(filter(None, map(_dataset, reversed(path.parts))), None)
    if dataset is None:
        return None
    name, suffix = path.name.lower(), path.suffix.lower().removeprefix(".")
    if _CSV.search(name):
        # Any CSV file in a folder of the dataset's name is read; it is the file's own name then.
        return f"is read if its name begins with {dataset.file_name}, as in {dataset.file_name}.csv"
    if suffix in _PACKED:
        return f"is packed in a way that is not read; pack it as {dataset.file_name}.csv.gz"
    if suffix in _FORMATS:
        return f"is no CSV file; save its rows as {dataset.file_name}.csv, with a header"
    if not suffix and name == dataset.file_name:
        return f"is read if it is CSV and its name is {dataset.file_name}.csv"
    return None


def _dataset(part: str) -> Dataset | None:
    """The dataset that a file's or folder's name has as a word: `my-ratings`, `rating`."""
    normalised = part.lower().replace("_", "-").replace(" ", "-")
    # The longer names first: genome-tags are no tags.
    for dataset in sorted(DATASETS.values(), key=lambda each: -len(each.file_name)):
        word = re.escape(dataset.file_name.removesuffix("s"))
        if re.search(rf"(?<![a-z]){word}s?(?![a-z])", normalised):
            return dataset
    return None


def by_advice(found: Iterable[Lookalike]) -> list[tuple[str, str]]:
    """Puts those with the same advice together: a folder may hold hundreds of them.

    Args:
        found: What looks like MovieLens data.

    Returns:
        For each advice the first paths and how many more there are, and the advice.
    """
    paths: dict[str, list[str]] = {}
    for each in found:
        paths.setdefault(each.advice, []).append(each.path)
    return [(_listed(those), advice) for advice, those in paths.items()]


def in_words(found: Iterable[Lookalike]) -> list[str]:
    """The same as lines of text.

    Args:
        found: What looks like MovieLens data.

    Returns:
        One line for each advice.
    """
    return [f"{paths} {advice}" for paths, advice in by_advice(found)]


def _listed(paths: list[str]) -> str:
    more = len(paths) - SHOWN
    return ", ".join(paths[:SHOWN]) + (f" and {more:,} more: each" if more > 0 else "")
