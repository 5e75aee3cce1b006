"""Recognises files that look like MovieLens data but are not read, and advises what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from ingestion.datasets import DATASETS, Dataset

_RELEASE = re.compile(
    r"(ml-(latest-small|latest|\d+[km])|tag-genome)[\w.-]*\.(zip|7z|rar|tar|tgz|tar\.\w+)"
)
_READ = re.compile(r"\.(csv|tsv|parquet)(\.(gz|bz2|zst|zip))?$")
_PACKED = frozenset(
    {"7z", "br", "bz2", "gz", "lz4", "rar", "snappy", "tar", "tgz", "xz", "z", "zst"}
)
_FORMATS = frozenset(
    {"arrow", "avro", "feather", "json", "jsonl", "ndjson", "orc", "pkl", "pq", "psv", "sql"}
    | {"tab", "txt", "xls", "xlsx"}
)
SHOWN = 3


@dataclass(frozen=True)
class Lookalike:
    """One path that looks like MovieLens data but is not read.

    Attributes:
        path: Path relative to the landing zone.
        advice: Why not, and how to get it read.
    """

    path: str
    advice: str


def lookalike(path: str) -> Lookalike | None:
    """Checks whether a path that belongs to no dataset still looks like MovieLens data.

    Args:
        path: Path relative to the landing zone.

    Returns:
        The path with advice, or None for any other file.
    """
    pure = PurePosixPath(path)
    if any(part.startswith((".", "__")) for part in pure.parts):
        return None
    advice = _of_a_release(pure.name.lower()) or _of_a_dataset(pure)
    return Lookalike(path, advice) if advice else None


def is_release(name: str) -> bool:
    """Whether a file is named like the archive of a release."""
    return _RELEASE.fullmatch(name.lower()) is not None


def _of_a_release(name: str) -> str | None:
    if not is_release(name):
        return None
    if name.endswith(".zip"):
        return "is named like a release, but holds no MovieLens file"
    return "is a whole release in an unsupported archive format; unpack it there, then delete it"


def _of_a_dataset(path: PurePosixPath) -> str | None:
    dataset = next(filter(None, map(_dataset, reversed(path.parts))), None)
    if dataset is None:
        return None
    name, suffix = path.name.lower(), path.suffix.lower().removeprefix(".")
    if found := _READ.search(name):
        # Any such file in a folder named after a dataset is read: only its own name can be wrong.
        as_in = f"{dataset.file_name}{found[0]}"
        return f"is read if its name begins with {dataset.file_name}, as in {as_in}"
    if suffix in _PACKED:
        return f"is in an unsupported archive format; pack it as {dataset.file_name}.csv.gz"
    if suffix in _FORMATS:
        return (
            f"is not CSV, TSV or Parquet by its name; save its rows as {dataset.file_name}.csv, "
            "with a header"
        )
    if not suffix and name == dataset.file_name:
        return f"is read if it is CSV and its name is {dataset.file_name}.csv"
    if not suffix and name.startswith("part-"):
        return f"is read if its name ends in what it is, as in {name}.csv"
    return None


def _dataset(part: str) -> Dataset | None:
    """Finds the dataset whose name is a word of a file or folder name: `my-ratings`, `rating`."""
    normalised = part.lower().replace("_", "-").replace(" ", "-")
    # Longest names first: genome-tags are not tags.
    for dataset in sorted(DATASETS.values(), key=lambda each: -len(each.file_name)):
        word = re.escape(dataset.file_name.removesuffix("s"))
        if re.search(rf"(?<![a-z]){word}s?(?![a-z])", normalised):
            return dataset
    return None


def by_advice(found: Iterable[Lookalike]) -> list[tuple[str, str]]:
    """Groups paths by advice, as a folder may hold hundreds with the same.

    Returns:
        For each group, the first paths with the number of the others, and the advice.
    """
    paths: dict[str, list[str]] = {}
    for each in found:
        paths.setdefault(each.advice, []).append(each.path)
    return [(_listed(those), advice) for advice, those in paths.items()]


def in_words(found: Iterable[Lookalike]) -> list[str]:
    """Returns the groups of `by_advice` as lines of text."""
    return [f"{paths} {advice}" for paths, advice in by_advice(found)]


def _listed(paths: list[str]) -> str:
    more = len(paths) - SHOWN
    return ", ".join(paths[:SHOWN]) + (f" and {more:,} more: each" if more > 0 else "")
