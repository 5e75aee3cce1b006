"""Reads one file version from the landing zone into a Parquet file, or refuses it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple, TypeVar

from ingestion.datasets import EDITION_BY_SHA256, EVERY_DATASET
from ingestion.errors import RefusedFile, is_no_room
from ingestion.landing.fetch import fetch
from ingestion.landing.listing import LandingFile, LandingZone, listed_version
from ingestion.reading.bulk import out_of_range, read_csv
from ingestion.reading.careful import Reading
from ingestion.reading.encoding import OLD_ENCODING, LooksLatin, NotText
from ingestion.reading.header import Header, first_line_of, match_header
from ingestion.reading.inspection import (
    Bytes,
    check_listed,
    inspect,
    original_lines,
    stage,
    unpack,
)
from ingestion.reading.parquet import read_parquet
from ingestion.reading.rules import Describe, Reject, Rules
from ingestion.reading.translation import Originals

T = TypeVar("T")
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
        parquet: The file with its rows, until they are loaded; several outcomes may share one.
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

    def take(
        self, reading: Reading, parquet: Path, contract: Header, outside: Mapping[int, list[str]]
    ) -> None:
        """Takes what a reader made of the file.

        Args:
            reading: Its rows and rejects.
            parquet: The file with its rows, perhaps among those of other files.
            contract: Its header, with ranges.
            outside: What is out of range and loaded all the same, by file id.
        """
        self.rows, self.rejects, self.parquet = reading.rows, reading.rejects, parquet
        self.new_columns = tuple(column.name for column, _ in contract.extra)
        self.warnings += contract.missing
        self.warnings += [
            f"{what}; loaded (MOVIELENS_RANGE_CHECKS=warn), but the audit may block publishing"
            for what in outside.get(self.file_id, [])
        ]


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
    with judging(outcome), TemporaryDirectory(dir=folder) as scratch:
        stored = stored_copy(zone, file, file_id, Path(scratch))

        def read(encoding: str | None) -> None:
            _read_as(encoding, stored, outcome, folder, Path(scratch), rules, known_hash)

        if file.format == "parquet":
            if found := read_typed(stored, outcome, folder, Path(scratch), rules, known_hash):
                outcome.take(*found)
        else:
            in_either_encoding(outcome, rules, read)
    check_version(zone, outcome)
    return outcome


@contextmanager
def judging(outcome: Outcome) -> Iterator[None]:
    """Adds to an outcome how long a block took, and what in it refuses or puts off the file."""
    started = time.perf_counter()
    try:
        yield
    except RefusedFile as refusal:
        outcome.status, outcome.reason, outcome.refused_for_good = "refused", refusal.reason, True
    except FileNotFoundError:
        outcome.status, outcome.refused_for_good = "put off", False
        outcome.reason = "it was changed or deleted while it was read; the next run reads it"
    except OSError as error:
        if is_no_room(error):
            raise
        denied = isinstance(error, PermissionError)
        what = "no permission to read it" if denied else "it could not be read"
        outcome.status, outcome.reason = "refused", f"{what}: {error}"
        outcome.refused_for_good = False
    if outcome.status != "loaded":
        outcome.rows, outcome.rejects = 0, []
    outcome.seconds += time.perf_counter() - started


def check_version(zone: LandingZone, outcome: Outcome) -> None:
    """Puts off a file that is no longer the version that was listed, whatever was read of it."""
    if outcome.status == "refused" and not outcome.refused_for_good:
        return  # Nothing was read.
    with judging(outcome):
        if listed_version(zone.fs, outcome.file.key) != outcome.file.version:
            raise FileNotFoundError


def stored_copy(zone: LandingZone, file: LandingFile, file_id: int, folder: Path) -> Path:
    """Returns the local path of a file, copied to a folder if it is remote or in a zip.

    Raises:
        RefusedFile: If its name is not UTF-8, or its listing shows that it cannot be read.
        OSError: If it cannot be read.
    """
    try:
        file.key.encode()
    except UnicodeEncodeError:
        raise RefusedFile("its name is not UTF-8; rename it") from None
    check_listed(zone.fs, file)
    return fetch(zone.fs, file, folder / f"{file_id}.stored")


def in_either_encoding(outcome: Outcome, rules: Rules, read: Callable[[str | None], T]) -> T:
    """Reads a file as UTF-8, or else in the other encoding that is set; warns of the latter.

    If none is set, files of releases without CSV may also be in Latin-1, as GroupLens wrote some.

    Args:
        outcome: Receives the warning.
        rules: Names the other encoding.
        read: Reads the file in an encoding; None is UTF-8.

    Raises:
        RefusedFile: If it is text in neither.
    """
    try:
        return read(None)
    except NotText as problem:
        if rules.encoding == "utf-8":
            if outcome.file.layout and isinstance(problem, LooksLatin):
                return read(OLD_ENCODING)
            raise
        try:
            result = read(rules.encoding)
        except NotText as second:
            raise RefusedFile(f"{problem}. It is not {rules.encoding} either: {second}") from None
        outcome.warnings.append(f"read as {rules.encoding} (MOVIELENS_ENCODING): {problem}")
        return result


def _read_as(
    encoding: str | None,
    stored: Path,
    outcome: Outcome,
    folder: Path,
    scratch: Path,
    rules: Rules,
    known_hash: str | None,
) -> None:
    dataset = EVERY_DATASET[outcome.file.dataset]
    if is_plain(outcome.file, encoding) and known_hash is None:
        with ThreadPoolExecutor(1) as beside:
            inspected = beside.submit(inspect, stored, dataset, outcome.file.separator)
            _read_plain(stored, outcome, folder, rules, inspected.result, None)
        return
    plain = as_plain_text(encoding, stored, outcome, scratch)
    outcome.content_hash = plain.content.content_hash
    if plain.content.content_hash == known_hash:
        outcome.status = "unchanged"
        return
    _read_plain(
        plain.path,
        outcome,
        folder,
        rules,
        lambda: plain.content,
        plain.content.uniform,
        plain.describe,
    )


class PlainText(NamedTuple):
    """A file as plain CSV or TSV in UTF-8.

    Attributes:
        path: The plain file.
        content: What its bytes say.
        describe: Makes its rejected records.
    """

    path: Path
    content: Bytes
    describe: Describe


def is_plain(file: LandingFile, encoding: str | None) -> bool:
    """Whether a file in an encoding, None for UTF-8, is plain CSV or TSV as it is stored."""
    is_text = file.format != "parquet" and file.layout is None
    return encoding is None and file.compression is None and is_text


def read_typed(
    stored: Path,
    outcome: Outcome,
    folder: Path,
    scratch: Path,
    rules: Rules,
    known_hash: str | None,
) -> tuple[Reading, Path, Header, dict[int, list[str]]] | None:
    """Reads a file whose columns have types: Parquet.

    Args:
        stored: The file as it is stored.
        outcome: Receives the hash of its content.
        folder: Where to write what was read.
        scratch: Where to unpack the file, if it is compressed as a whole.
        rules: How strict to be.
        known_hash: Content hash of the current version, if any.

    Returns:
        What `Outcome.take` takes; None if its content is that of the current version.

    Raises:
        RefusedFile: If it is damaged, or does not fit its dataset.
    """
    file, dataset = outcome.file, EVERY_DATASET[outcome.file.dataset]
    path = scratch / f"{outcome.file_id}.unpacked" if file.compression else stored
    outcome.content_hash = unpack(stored, file, path)
    if outcome.content_hash == known_hash:
        outcome.status = "unchanged"
        return None
    to = folder / f"{outcome.file_id}.parquet"
    reading, contract = read_parquet(path, dataset, outcome.file_id, to, rules)
    outside = out_of_range(to, contract) if rules.range_checks == "warn" else {}
    return reading, to, contract, outside


def as_plain_text(encoding: str | None, stored: Path, outcome: Outcome, folder: Path) -> PlainText:
    """Returns a file as plain CSV or TSV in UTF-8, in a folder if it was anything else.

    Raises:
        RefusedFile: If it is no text, or not what its name says.
    """
    file = outcome.file
    dataset = EVERY_DATASET[file.dataset]
    if is_plain(file, encoding):
        return PlainText(stored, inspect(stored, dataset, file.separator), Reject)
    path = folder / f"{outcome.file_id}.csv"
    content = stage(stored, file, dataset, path, encoding)
    if file.layout is None:
        return PlainText(path, content, Reject)
    lines = original_lines(stored, file, encoding)
    return PlainText(path, content, Originals(lines, file.layout).reject)


def _read_plain(
    path: Path,
    outcome: Outcome,
    folder: Path,
    rules: Rules,
    inspected: Callable[[], Bytes],
    uniform: bool | None,
    describe: Describe = Reject,
) -> None:
    contract = header_of(path, outcome.file, inspected)
    header = rules.applied_to(contract)
    to = folder / f"{outcome.file_id}.parquet"
    reading = read_csv(
        path,
        header,
        outcome.file_id,
        to,
        rules,
        inspected,
        header.shape is not None if uniform is None else uniform,
        describe,
    )
    outcome.content_hash = inspected().content_hash
    outside = out_of_range(to, contract) if rules.range_checks == "warn" else {}
    outcome.take(reading, to, contract, outside)


def header_of(path: Path, file: LandingFile, inspected: Callable[[], Bytes]) -> Header:
    """Returns the header of a landing zone file that lies plain at a path.

    Raises:
        RefusedFile: If it does not fit its dataset.
    """
    try:
        line = first_line_of(path).text
        return match_header(line, EVERY_DATASET[file.dataset], file.separator)
    except (RefusedFile, UnicodeDecodeError) as problem:
        # That the file is not text, or is empty, says more than that its header is wrong.
        inspected()
        raise RefusedFile(str(problem)) from None
