"""Classifies files by name: which dataset, how compressed, in what format."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from ingestion.datasets import DATASETS
from ingestion.landing.layouts import Layout, layouts_of
from ingestion.landing.parts import is_no_data

COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".zip": "zip"}
Format = Literal["csv", "tsv", "parquet"]
_FORMATS: dict[str, Format] = {".csv": "csv", ".tsv": "tsv", ".parquet": "parquet"}


class Kind(NamedTuple):
    """What a file is, by its name.

    Attributes:
        dataset: The RAW table its rows belong to.
        compression: How it is compressed; None: not at all.
        layout: How its rows are written; None: as its format says.
        format: The format of its rows.
    """

    dataset: str
    compression: str | None
    layout: Layout | None = None
    format: Format = "csv"


def kinds(path: str, within: str = "") -> list[Kind]:
    """Finds the datasets that a file has rows of, those that no model reads included.

    Args:
        path: Path relative to the landing zone, or in a zip.
        within: Name of the landing zone's folder, or of the zip without its suffix.

    Returns:
        One entry for each dataset; none for any other file.
    """
    pure = PurePosixPath(path)
    if is_hidden(pure):
        return []
    compression = COMPRESSIONS.get(pure.suffix.lower())
    layouts = layouts_of(pure.with_suffix("") if compression else pure, within)
    if layouts:
        return [Kind(layout.table, compression, layout) for layout in layouts]
    found = _named(pure)
    return [found] if found else []


def classify(path: str) -> Kind | None:
    """Finds the dataset a file belongs to, if models read it.

    That is the dataset its file name starts with, else the one the nearest folder is named after;
    `ratings.csv` may also be a folder, as Spark writes it; in such a folder, what begins with `_`
    is no data. Files of releases without CSV have the names in `layouts.LAYOUTS`.

    Args:
        path: Path relative to the landing zone.
    """
    return next((kind for kind in kinds(path) if kind.dataset in DATASETS), None)


def is_hidden(path: PurePosixPath) -> bool:
    """Checks whether a path is hidden, or is what macOS adds to a zip."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def table_of_folder(folders: Sequence[str]) -> str | None:
    """Finds the RAW table that the nearest of some folders is named after.

    Args:
        folders: Their names, outermost first.
    """
    for folder in reversed(folders):
        name = PurePosixPath(folder.lower().replace("_", "-"))
        stem = name.stem if name.suffix in _FORMATS else name.name
        for dataset in DATASETS.values():
            if stem == dataset.file_name:
                return dataset.table
        if is_no_data(folder):
            return None
    return None


def _named(pure: PurePosixPath) -> Kind | None:
    readable = _stem_and_kind(pure.name)
    if readable is None:
        return None
    stem, compression, format_ = readable
    for dataset in DATASETS.values():
        if _names(dataset.file_name, stem):
            return Kind(dataset.table, compression, format=format_)
    table = None if is_no_data(pure.name) else table_of_folder(pure.parts[:-1])
    return Kind(table, compression, format=format_) if table else None


def _names(dataset_file_name: str, name: str) -> bool:
    normalised = name.lower().replace("_", "-")
    pattern = rf"{re.escape(dataset_file_name)}(?![a-z])"
    return re.match(pattern, normalised) is not None


def _stem_and_kind(name: str) -> tuple[str, str | None, Format] | None:
    suffix = PurePosixPath(name).suffix.lower()
    compression = COMPRESSIONS.get(suffix)
    stem = name[: -len(suffix)] if compression else name
    suffix = PurePosixPath(stem).suffix.lower()
    if suffix in _FORMATS:
        return stem[: -len(suffix)], compression, _FORMATS[suffix]
    # `ratings.zip` holds one CSV file, under any name.
    return (stem, compression, "csv") if compression == "zip" else None
