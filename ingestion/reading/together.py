"""Reads many small files into few Parquet files, with the outcome that each has on its own.

Starting DuckDB takes longer than reading a small file, and so does appending one to RAW. Files of
one dataset with the same header are therefore read by one statement. The proof stays that of each
file: its bytes are inspected, and its records counted. A file that fails it is reread with care,
and its rows take the place of what the statement made of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from ingestion.landing.listing import LandingFile, LandingZone
from ingestion.reading.bulk import is_proved, merge, out_of_range, read_in_bulk
from ingestion.reading.careful import Reading, read_with_care
from ingestion.reading.file import (
    Outcome,
    as_plain_text,
    check_version,
    header_of,
    in_either_encoding,
    judging,
    read_file,
    read_typed,
    stored_copy,
)
from ingestion.reading.header import Header
from ingestion.reading.inspection import Bytes
from ingestion.reading.rules import Describe, Rules

# A larger file is inspected while DuckDB reads it, which takes longer than starting DuckDB.
SMALL_BYTES = 16_000_000
# Bounds what lies on the local disk, and the memory of one statement.
TOGETHER_BYTES, TOGETHER_FILES = 128_000_000, 1_000
# Compressed CSV unpacks to about this many times its size.
UNPACKED = 5
# S3 answers each request slowly, but many at a time.
REQUESTS = 16


@dataclass(frozen=True)
class ToRead:
    """A file version to read.

    Attributes:
        file: The file as it was listed.
        file_id: The file id for its rows.
        known_hash: Content hash of the current version, if any.
    """

    file: LandingFile
    file_id: int
    known_hash: str | None = None


# By file id, what was read, and the Parquet file that holds it, perhaps beside rows of others.
_Readings: TypeAlias = dict[int, tuple[Reading, Path]]


@dataclass
class _Plain:
    """A file that is plain text, and its findings.

    Attributes:
        outcome: What became of it so far.
        path: The plain text.
        content: The findings of its inspection.
        contract: Its header, with ranges.
        describe: Makes its rejected records.
    """

    outcome: Outcome
    path: Path
    content: Bytes
    contract: Header
    describe: Describe


@dataclass
class _Typed:
    """A Parquet file that was read.

    Attributes:
        outcome: What became of it so far.
        contract: Its header, with ranges.
        reading: What was read.
        parquet: The file with its rows.
    """

    outcome: Outcome
    contract: Header
    reading: Reading
    parquet: Path


def batches(files: Iterable[ToRead]) -> list[list[ToRead]]:
    """Groups files to read together: small ones of one dataset; a large one is on its own.

    Args:
        files: The files, in the order of their file ids.

    Returns:
        The groups, in the order of their first file ids.
    """
    found: list[list[ToRead]] = []
    open_: dict[str, tuple[list[ToRead], int]] = {}
    for one in files:
        weight = one.file.bytes * (UNPACKED if one.file.compression else 1)
        group, total = open_.get(one.file.dataset, ([], 0))
        if weight > SMALL_BYTES:
            found.append([one])
            continue
        if not group or len(group) == TOGETHER_FILES or total + weight > TOGETHER_BYTES:
            group, total = [], 0
            found.append(group)
        group.append(one)
        open_[one.file.dataset] = group, total + weight
    return found


def read_batch(
    zone: LandingZone, files: Sequence[ToRead], folder: Path, rules: Rules
) -> list[Outcome]:
    """Reads files of one dataset, as `read_file` reads each.

    Args:
        zone: The landing zone.
        files: The files.
        folder: Where to write Parquet files and temporary files.
        rules: How strict to be.

    Returns:
        What became of each.
    """
    if len(files) == 1:
        (one,) = files
        return [read_file(zone, one.file, one.file_id, folder, rules, one.known_hash)]
    outcomes = [Outcome(one.file, one.file_id) for one in files]
    with (
        TemporaryDirectory(dir=folder) as scratch,
        ThreadPoolExecutor(REQUESTS if "s3" in zone.fs.protocol else 1) as pool,
    ):

        def prepare(one: ToRead, outcome: Outcome) -> _Plain | _Typed | None:
            return _prepared(zone, one, outcome, Path(scratch), rules)

        prepared = [one for one in pool.map(prepare, files, outcomes) if one]
        groups = [(group, _readings(group, Path(scratch), rules)) for group in _alike(prepared)]
        list(pool.map(lambda outcome: check_version(zone, outcome), outcomes))
        for group, readings in groups:
            _keep(group, readings, folder, rules)
    return outcomes


def _prepared(
    zone: LandingZone, one: ToRead, outcome: Outcome, scratch: Path, rules: Rules
) -> _Plain | _Typed | None:
    with judging(outcome):
        stored = stored_copy(zone, one.file, one.file_id, scratch)
        if one.file.format == "parquet":
            return _typed(stored, one, outcome, scratch, rules)
        path, content, describe = in_either_encoding(
            outcome, rules, lambda encoding: as_plain_text(encoding, stored, outcome, scratch)
        )
        outcome.content_hash = content.content_hash
        if content.content_hash == one.known_hash:
            outcome.status = "unchanged"
            return None
        contract = header_of(path, one.file, lambda: content)
        return _Plain(outcome, path, content, contract, describe)
    return None


def _typed(
    stored: Path, one: ToRead, outcome: Outcome, scratch: Path, rules: Rules
) -> _Typed | None:
    found = read_typed(stored, outcome, scratch, scratch, rules, one.known_hash)
    return _Typed(outcome, found[2], found[0], found[1]) if found else None


def _alike(prepared: Iterable[_Plain | _Typed]) -> Iterator[list[_Plain] | list[_Typed]]:
    """Groups files that one statement can read, and Parquet files with the same columns."""
    plain: dict[tuple[Header, bool], list[_Plain]] = {}
    typed: dict[Header, list[_Typed]] = {}
    for one in prepared:
        if isinstance(one, _Typed):
            typed.setdefault(one.contract, []).append(one)
        else:
            plain.setdefault((one.contract, one.content.uniform), []).append(one)
    yield from plain.values()
    yield from typed.values()


def _readings(group: list[_Plain] | list[_Typed], scratch: Path, rules: Rules) -> _Readings:
    found: _Readings = {}
    plain = []
    for one in group:
        if isinstance(one, _Typed):
            found[one.outcome.file_id] = one.reading, one.parquet
        else:
            plain.append(one)
    return _read(plain, scratch, rules) if plain else found


def _read(group: list[_Plain], scratch: Path, rules: Rules) -> _Readings:
    """Reads files with the same header, in bulk where that is provably right."""
    header = rules.applied_to(group[0].contract)
    found = _read_in_bulk(group, header, scratch)
    for one in group:
        outcome, to = one.outcome, scratch / f"{one.outcome.file_id}.parquet"
        if outcome.file_id in found:
            continue
        with judging(outcome):
            lines = one.content.lines
            reading = read_with_care(
                one.path, header, outcome.file_id, rules, lines, to, one.describe
            )
            found[outcome.file_id] = reading, to
    return found


def _read_in_bulk(group: list[_Plain], header: Header, scratch: Path) -> _Readings:
    """Reads files with one statement; returns those that it provably read."""
    paths = {one.outcome.file_id: one.path for one in group}
    to = scratch / f"{len(group)}-from-{min(paths)}.parquet"
    written = read_in_bulk(paths, header, group[0].content.uniform, to)
    if written is None and len(group) > 1:
        # One of them stops DuckDB; halving finds it.
        half = len(group) // 2
        halves = group[:half], group[half:]
        return {k: v for part in halves for k, v in _read_in_bulk(part, header, scratch).items()}
    return {
        one.outcome.file_id: (Reading(one.content.records), to)
        for one in group
        if is_proved((written or {}).get(one.outcome.file_id), one.content, header)
    }


def _keep(
    group: list[_Plain] | list[_Typed], readings: _Readings, folder: Path, rules: Rules
) -> None:
    """Gathers the rows of the files that are loaded in one Parquet file."""
    loaded = [one for one in group if one.outcome.status == "loaded"]
    if not loaded:
        return
    to = folder / f"{loaded[0].outcome.file_id}.parquet"
    parquets = {one.outcome.file_id: readings[one.outcome.file_id][1] for one in loaded}
    if len(loaded) == len(group) and len(set(parquets.values())) == 1:
        parquets[loaded[0].outcome.file_id].rename(to)
    else:
        merge(parquets, to)
    contract = group[0].contract
    outside = out_of_range(to, contract) if rules.range_checks == "warn" else {}
    for one in loaded:
        one.outcome.take(readings[one.outcome.file_id][0], to, contract, outside)
