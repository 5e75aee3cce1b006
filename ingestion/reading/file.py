"""Reads one file version from the landing zone into a Parquet file, or refuses it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ingestion.datasets import DATASETS, EDITION_BY_SHA256, Dataset
from ingestion.errors import RefusedFile, is_no_room
from ingestion.landing.fetch import fetch
from ingestion.landing.listing import LandingFile, LandingZone, listed_version
from ingestion.reading.bulk import out_of_range, read_csv
from ingestion.reading.encoding import NotText
from ingestion.reading.header import Header, first_line_of, match_header
from ingestion.reading.inspection import Bytes, inspect, stage
from ingestion.reading.rules import Reject, Rules

Status = Literal["loaded", "unchanged", "refused", "put off"]


@dataclass
class Outcome:
    """What became of one file version.

    Attributes:
        file: The file as it was listed.
        file_id: Its file id, if it is loaded.
        status: `loaded`; `unchanged` (touched, but with the same content); `refused`; or `put off`
            to the next run, because it changed while it was read.
        rows: Rows that are loaded.
        rejects: Records that are not.
        content_hash: SHA-256 of its decompressed content.
        new_columns: RAW columns that are not in its dataset's contract.
        warnings: Anything odd about what was loaded.
        reason: Why it was refused or put off.
        refused_for_good: Whether it was refused for its content, and so would be again.
        seconds: Time spent reading it.
        parquet: The file with its rows, until they are loaded.
    """

    file: LandingFile
    file_id: int
    status: Status = "loaded"
    rows: int = 0
    rejects: list[Reject] = field(default_factory=list)
    content_hash: str = ""
    new_columns: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)
    reason: str = ""
    refused_for_good: bool = False
    seconds: float = 0.0
    parquet: Path | None = None

    def edition(self, zone: LandingZone) -> str:
        """Returns the file's edition: recognised by its content, else the landing zone's."""
        return EDITION_BY_SHA256.get(self.content_hash, zone.edition)


def read_file(
    zone: LandingZone,
    file: LandingFile,
    file_id: int,
    folder: Path,
    rules: Rules,
    known_hash: str | None = None,
) -> Outcome:
    """Reads one file version into a Parquet file; a bad file is an outcome, never an exception.

    Args:
        zone: The landing zone.
        file: One of its files.
        file_id: The file id for its rows.
        folder: Where to write the Parquet file and temporary files.
        rules: How strict to be.
        known_hash: Content hash of the current version, if any.
    """
    outcome = Outcome(file, file_id)
    started = time.perf_counter()
    try:
        try:
            _check_name(file)
            _read(zone, outcome, folder, rules, known_hash)
        except RefusedFile as refusal:
            outcome.status, outcome.reason = "refused", refusal.reason
            outcome.refused_for_good = True
        if listed_version(zone.fs, file.key) != file.version:
            raise FileNotFoundError
    except FileNotFoundError:
        outcome.status = "put off"
        outcome.reason = "it was changed or deleted while it was read; the next run reads it"
    except PermissionError as error:
        outcome.status, outcome.reason = "refused", f"no permission to read it: {error}"
    except OSError as error:
        if is_no_room(error):
            raise
        outcome.status, outcome.reason = "refused", f"it could not be read: {error}"
    outcome.refused_for_good &= outcome.status == "refused"
    if outcome.status != "loaded":
        outcome.rows, outcome.rejects = 0, []
    outcome.seconds = time.perf_counter() - started
    return outcome


def _check_name(file: LandingFile) -> None:
    try:
        file.key.encode()
    except UnicodeEncodeError:
        raise RefusedFile("its name is not UTF-8; rename it") from None


def _read(
    zone: LandingZone, outcome: Outcome, folder: Path, rules: Rules, known_hash: str | None
) -> None:
    stored = fetch(zone.fs, outcome.file, folder)
    try:
        _read_as(None, stored, outcome, folder, rules, known_hash)
    except NotText as problem:
        if rules.encoding == "utf-8":
            raise
        try:
            _read_as(rules.encoding, stored, outcome, folder, rules, known_hash)
        except NotText as second:
            raise RefusedFile(f"{problem}. It is not {rules.encoding} either: {second}") from None
        outcome.warnings.append(f"read as {rules.encoding} (MOVIELENS_ENCODING): {problem}")


def _read_as(
    encoding: str | None,
    stored: Path,
    outcome: Outcome,
    folder: Path,
    rules: Rules,
    known_hash: str | None,
) -> None:
    dataset = DATASETS[outcome.file.dataset]
    path, is_plain = stored, encoding is None and outcome.file.compression is None
    if is_plain and known_hash is None:
        with ThreadPoolExecutor(1) as beside:
            inspected = beside.submit(inspect, path, dataset)
            _read_plain(path, dataset, outcome, folder, rules, inspected.result, None)
        return
    if is_plain:
        content = inspect(path, dataset)
    else:
        path = folder / f"{outcome.file_id}.csv"
        content = stage(stored, outcome.file, dataset, path, encoding)
    outcome.content_hash = content.content_hash
    if content.content_hash == known_hash:
        outcome.status = "unchanged"
        return
    _read_plain(path, dataset, outcome, folder, rules, lambda: content, content.uniform)


def _read_plain(
    path: Path,
    dataset: Dataset,
    outcome: Outcome,
    folder: Path,
    rules: Rules,
    inspected: Callable[[], Bytes],
    uniform: bool | None,
) -> None:
    contract = _header(path, dataset, inspected)
    header = contract if rules.range_checks == "reject" else contract.without_ranges()
    to = folder / f"{outcome.file_id}.parquet"
    reading = read_csv(
        path,
        header,
        outcome.file_id,
        to,
        rules,
        inspected,
        header.shape is not None if uniform is None else uniform,
    )
    outcome.rows, outcome.rejects, outcome.parquet = reading.rows, reading.rejects, to
    outcome.content_hash = inspected().content_hash
    outcome.new_columns = tuple(column.name for column, _ in header.extra)
    outcome.warnings = _warnings(contract, rules, to)


def _warnings(header: Header, rules: Rules, parquet: Path) -> list[str]:
    found = header.missing
    if rules.range_checks == "warn":
        found += [
            f"{what}; loaded (MOVIELENS_RANGE_CHECKS=warn), but the audit may block publishing"
            for what in out_of_range(parquet, header)
        ]
    return found


def _header(path: Path, dataset: Dataset, inspected: Callable[[], Bytes]) -> Header:
    try:
        return match_header(first_line_of(path).text, dataset)
    except (RefusedFile, UnicodeDecodeError) as problem:
        # That the file is not text, or is empty, says more than that its header is wrong.
        inspected()
        raise RefusedFile(str(problem)) from None
