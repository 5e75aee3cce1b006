"""One file version: from the landing zone to a Parquet file, or to the words why not."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ingestion.datasets import DATASETS, Dataset
from ingestion.errors import RefusedFile, is_no_room
from ingestion.header import Header, match_header
from ingestion.landing import LandingFile, LandingZone, listed_version
from ingestion.reading import Reading, Reject, Tolerance, first_line, read_csv
from ingestion.staging import Bytes, inspect, local_path, stage

Status = Literal["loaded", "unchanged", "refused", "put off"]


@dataclass
class Outcome:
    """What became of one file version.

    Attributes:
        file: The file as it was listed.
        file_id: Its file id, if it is loaded.
        status: `loaded`; `unchanged` (only touched: the content is the known one); `refused`; or
            `put off` to the next run, because it changed while it was read.
        rows: Rows that are loaded.
        rejects: Records that are not.
        content_hash: SHA-256 of its decompressed content.
        new_columns: RAW columns that its dataset's contract does not know.
        reason: Why it was refused or put off.
        seconds: Time that reading it took.
        parquet: Where its rows are, until they are loaded.
    """

    file: LandingFile
    file_id: int
    status: Status = "loaded"
    rows: int = 0
    rejects: list[Reject] = field(default_factory=list)
    content_hash: str = ""
    new_columns: tuple[str, ...] = ()
    reason: str = ""
    seconds: float = 0.0
    parquet: Path | None = None


def read_file(
    zone: LandingZone,
    file: LandingFile,
    file_id: int,
    folder: Path,
    tolerance: Tolerance,
    known_hash: str | None = None,
) -> Outcome:
    """Reads one file version into a Parquet file.

    Args:
        zone: The landing zone.
        file: One of its files.
        file_id: The file id that its rows get.
        folder: Where the Parquet file and temporary files are written.
        tolerance: How many rejected rows are allowed.
        known_hash: Content hash of the version that counts now, if any.

    Returns:
        What became of it; never raises for what is wrong with the file itself.
    """
    outcome = Outcome(file, file_id)
    started = time.perf_counter()
    try:
        _read(zone, outcome, folder, tolerance, known_hash)
        if listed_version(zone.fs, file.key) != file.version:
            raise FileNotFoundError
    except RefusedFile as refusal:
        outcome.status, outcome.reason = "refused", refusal.reason
    except FileNotFoundError:
        outcome.status = "put off"
        outcome.reason = "it was changed or deleted while it was read; the next run reads it"
    except PermissionError as error:
        outcome.status, outcome.reason = "refused", f"it may not be read: {error}"
    except OSError as error:
        if is_no_room(error):
            raise
        outcome.status, outcome.reason = "refused", f"it could not be read: {error}"
    if outcome.status != "loaded":
        outcome.rows, outcome.rejects = 0, []
    outcome.seconds = time.perf_counter() - started
    return outcome


def _read(
    zone: LandingZone, outcome: Outcome, folder: Path, tolerance: Tolerance, known_hash: str | None
) -> None:
    dataset = DATASETS[outcome.file.dataset]
    path = local_path(zone.fs, outcome.file)
    if path is not None and known_hash is None:
        with ThreadPoolExecutor(1) as beside:
            inspected = beside.submit(inspect, path, dataset)
            _read_plain(path, dataset, outcome, folder, tolerance, inspected.result, None)
        return
    if path is None:
        path = folder / f"{outcome.file_id}.csv"
        content = stage(zone.fs, outcome.file, dataset, path)
    else:
        content = inspect(path, dataset)
    outcome.content_hash = content.content_hash
    if content.content_hash == known_hash:
        outcome.status = "unchanged"
        return
    _read_plain(path, dataset, outcome, folder, tolerance, lambda: content, content.uniform)


def _read_plain(
    path: Path,
    dataset: Dataset,
    outcome: Outcome,
    folder: Path,
    tolerance: Tolerance,
    inspected: Callable[[], Bytes],
    uniform: bool | None,
) -> None:
    header = _header(path, dataset, inspected)
    to = folder / f"{outcome.file_id}.parquet"
    reading: Reading = read_csv(
        path,
        header,
        outcome.file_id,
        to,
        tolerance,
        inspected,
        header.shape is not None if uniform is None else uniform,
    )
    outcome.rows, outcome.rejects, outcome.parquet = reading.rows, reading.rejects, to
    outcome.content_hash = inspected().content_hash
    outcome.new_columns = tuple(column.name for column, _ in header.extra)


def _header(path: Path, dataset: Dataset, inspected: Callable[[], Bytes]) -> Header:
    try:
        return match_header(first_line(path), dataset)
    except (RefusedFile, UnicodeDecodeError) as problem:
        # That the bytes are no text, or none at all, says more than that the header is wrong.
        inspected()
        raise RefusedFile(str(problem)) from None
