"""Generates data in the shape of a MovieLens release, at any scale, reproducible by seed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from ingestion.errors import is_no_room
from local_dev.errors import InvalidRequest, disk_full
from local_dev.invented.people import LEAST_RATINGS
from local_dev.invented.population import Population
from local_dev.staging import Workspace, absolute, prepared_folder, require_space, write_marker

if TYPE_CHECKING:
    import pyarrow as pa

EDITION = "generated"
GENERATOR = 1
"""Incremented with every change after which the same seed gives different bytes."""
FILES = (
    "movies.csv",
    "ratings.csv",
    "tags.csv",
    "links.csv",
    "genome-scores.csv",
    "genome-tags.csv",
)
_README = "README.txt"
_MEMORY = "512MB"
_README_TEXT = """Invented data in the shape of a MovieLens release
=================================================

This is not MovieLens data. Every film, person, rating and tag in this folder was made up by the
generator of MovieLens Warehouse. The files have the names, the columns and the shape of a
MovieLens release (https://grouplens.org/datasets/movielens/), and nothing of its content.

Seed {seed}, {ratings} ratings, generator {generator}. The same three give the same files again.
UTF-8, commas, line ends LF.
"""

Progress = Callable[[str, float], None]
"""Called with what is being done, and the share done, from 0 to 1, never falling.

Called from whichever thread does the work, one call at a time.
"""


@dataclass(frozen=True)
class GeneratedFile:
    """One generated file.

    Attributes:
        name: Its name.
        rows: Its rows, without the header.
        bytes: Its size.
    """

    name: str
    rows: int
    bytes: int


@dataclass(frozen=True)
class GenerateReport:
    """What was generated.

    Attributes:
        folder: The folder that now holds it.
        files: The data files, in the order of `FILES`.
        seconds: How long it took.
    """

    folder: Path
    files: tuple[GeneratedFile, ...]
    seconds: float


def generate(
    folder: Path | str,
    ratings: int = 100_000,
    seed: int = 42,
    *,
    genome: bool = True,
    threads: int | None = None,
    progress: Progress | None = None,
) -> GenerateReport:
    """Generate a folder of data in the shape of a MovieLens release.

    People, films, tags and the tag genome grow with the number of ratings as they do from
    ml-latest-small to ml-25m. The folder appears atomically. The same seed and sizes give the same
    bytes, on any number of threads, as long as the versions of Python, numpy and DuckDB and the
    processor architecture stay the same.

    Args:
        folder: The folder to create; one from an earlier call is replaced.
        ratings: Exact number of ratings, at least 20.
        seed: Any number from 0.
        genome: Whether to generate genome-scores.csv and genome-tags.csv as well.
        threads: Number of writing threads; by default one per processor.
        progress: Called now and then with a file name and the share of it done.

    Returns:
        The folder, its files and the time it took.

    Raises:
        InvalidRequest: The number of ratings or the seed is out of range.
        FolderOccupied: The folder holds anything no earlier call wrote.
        FolderBusy: Another process is writing the same folder.
        FolderNotWritable: The folder cannot be written.
        DiskFull: The disk has no room.
    """
    started = time.perf_counter()
    _require_valid(ratings, seed)
    target = absolute(Path(folder))
    require_space(target, _expected_bytes(ratings, genome))
    with prepared_folder(target, EDITION, (*FILES, _README)) as work:
        files = _write_all(work, ratings, seed, genome, threads, progress)
        marker = {"edition": EDITION, "seed": seed, "ratings": ratings, "generator": GENERATOR}
        write_marker(work.data, marker)
        _write_readme(work.data, ratings, seed)
    return GenerateReport(target, files, time.perf_counter() - started)


def _require_valid(ratings: int, seed: int) -> None:
    if ratings < LEAST_RATINGS:
        raise InvalidRequest(
            f"{ratings} ratings are too few: everyone in MovieLens has rated at least 20 films.",
            f"Ask for at least {LEAST_RATINGS} ratings.",
        )
    if seed < 0:
        raise InvalidRequest(f"{seed} is not a valid seed.", "Give a whole number from 0.")


def _expected_bytes(ratings: int, genome: bool) -> int:
    """Estimated size of the files: 24 to 28 bytes per rating, the genome two thirds more."""
    return ratings * (45 if genome else 30)


def _write_readme(folder: Path, ratings: int, seed: int) -> None:
    text = _README_TEXT.format(seed=seed, ratings=f"{ratings:,}", generator=GENERATOR)
    (folder / _README).write_text(text, encoding="utf-8", newline="\n")


def _write_all(
    work: Workspace,
    ratings: int,
    seed: int,
    genome: bool,
    threads: int | None,
    progress: Progress | None,
) -> tuple[GeneratedFile, ...]:
    names = [name for name in FILES if genome or not name.startswith("genome")]
    population = Population(seed, ratings)
    with _engine(work, threads) as engine:
        return tuple(_write(engine, work, population, name, progress) for name in names)


@contextmanager
def _engine(work: Workspace, threads: int | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB as CSV writer, with bounded memory and its files inside the workspace."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": _MEMORY,
        "temp_directory": str(work.root / "spill"),
    }
    if threads is not None:
        config["threads"] = threads
    try:
        with duckdb.connect(":memory:", config=config) as engine:
            yield engine
    except duckdb.IOException as error:
        if is_no_room(error):
            raise disk_full(work.target) from error
        raise


def _write(
    engine: duckdb.DuckDBPyConnection,
    work: Workspace,
    population: Population,
    name: str,
    progress: Progress | None,
) -> GeneratedFile:
    """Write one file: DuckDB formats on all threads, in order, while the next rows are made."""
    import pyarrow as pa

    counter = _Counter(name, population.expected_rows(name), progress)
    batches = population.batches(name)
    first = next(batches)
    reader = pa.RecordBatchReader.from_batches(
        first.schema, counter.counted(chain([first], batches))
    )
    path = work.data / name
    engine.from_arrow(reader).write_csv(str(path), header=True)
    return GeneratedFile(name, counter.rows, path.stat().st_size)


class _Counter:
    """Counts rows as they pass, and reports progress."""

    def __init__(self, name: str, expected: int, progress: Progress | None) -> None:
        self._name = name
        self._expected = max(1, expected)
        self._progress = progress
        self.rows = 0

    def counted(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch
            self.rows += batch.num_rows
            if self._progress:
                self._progress(self._name, min(1.0, self.rows / self._expected))
        if self._progress and self.rows < self._expected:
            self._progress(self._name, 1.0)
