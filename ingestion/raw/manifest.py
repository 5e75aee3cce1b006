"""The manifest `raw._files`: the committed file versions, and how a listing differs from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ingestion.datasets import (
    DATASETS,
    EVERY_DATASET,
    FILE_ID,
    MANIFEST,
    MANIFEST_COLUMNS,
    RAW,
    UNMODELLED,
)
from ingestion.landing.listing import LandingFile, LandingZone, by_time
from ingestion.landing.parts import folder_among
from ingestion.warehouse.base import Warehouse

SCHEMA, TABLE = RAW, MANIFEST
FILES = f"{SCHEMA}.{TABLE}"
REJECTED_ROWS = "_rejected_rows"
# The tables with rows of files, and the column that holds the file id.
TABLES_OF_ROWS = {**dict.fromkeys(EVERY_DATASET, FILE_ID), REJECTED_ROWS: "file_id"}
# Of these and the manifest, those that any load creates.
ALWAYS_THERE = frozenset((*DATASETS, REJECTED_ROWS, TABLE))
COLUMNS = MANIFEST_COLUMNS


@dataclass(frozen=True)
class CurrentFile:
    """The current version of one path in the manifest.

    Attributes:
        path: Path relative to the landing zone.
        dataset: The RAW table of its rows.
        version: Its `LandingFile.version` when it was listed.
        content_hash: SHA-256 of its decompressed content.
        source: URL of the landing zone it came from.
        rows: Rows that were loaded.
        rejected: Rows that were rejected.
        file_id: Its file id.
    """

    path: str
    dataset: str
    version: str
    content_hash: str
    source: str
    rows: int
    rejected: int
    file_id: int


@dataclass(frozen=True)
class Load:
    """One committed load.

    Attributes:
        load_id: dlt's load id.
        loaded_at: When it was committed, UTC.
        files: File versions it loaded.
        removed: Paths it recorded as removed.
        rows: Rows it loaded.
        last_file_id: Its last manifest entry.
    """

    load_id: str
    loaded_at: datetime
    files: int
    removed: int
    rows: int
    last_file_id: int


@dataclass(frozen=True)
class Comparison:
    """The difference between a listing and the manifest.

    Attributes:
        new: Files whose path is not in the manifest.
        changed: Files whose version differs from the manifest's.
        unchanged: Files in the manifest's version.
        missing: Paths in the manifest that are not in the landing zone.
        left_out: Paths in the manifest that are still there, or may be, and are not read any more;
            each with the reason.
    """

    new: list[LandingFile] = field(default_factory=list)
    changed: list[LandingFile] = field(default_factory=list)
    unchanged: list[LandingFile] = field(default_factory=list)
    missing: list[CurrentFile] = field(default_factory=list)
    left_out: list[tuple[CurrentFile, str]] = field(default_factory=list)

    @property
    def to_read(self) -> list[LandingFile]:
        """The new and changed files, earliest first."""
        return sorted([*self.new, *self.changed], key=by_time)


def counting(as_of: int | None = None) -> str:
    """Returns the SQL condition on `raw._files` that selects the current file versions.

    These are the last entries of their paths, unless the path was removed.

    Args:
        as_of: The last entry to consider; None for all.
    """
    earlier = "" if as_of is None else f" where file_id <= {as_of}"
    last = f"select max(file_id) from {FILES}{earlier} group by path"
    return f"version is not null and file_id in ({last})"


def entry(
    zone: LandingZone, load_id: str, file_id: int, path: str, dataset: str, **loaded: Any
) -> dict[str, Any]:
    """Makes a manifest entry, with a value for each column.

    Args:
        zone: The landing zone of the load.
        load_id: dlt's load id.
        file_id: The entry's id, which its rows carry.
        path: Path relative to the landing zone.
        dataset: The RAW table of its rows.
        **loaded: The columns that describe the file version; none for a removed path.
    """
    return {
        "file_id": file_id,
        "path": path,
        "dataset": dataset,
        "version": None,
        "bytes": 0,
        "rows_loaded": 0,
        "rows_rejected": 0,
        "load_id": load_id,
        "loaded_at": datetime.now(UTC),
        "content_hash": None,
        "source": zone.url,
        "edition": zone.edition,
        **loaded,
    }


def current_files(warehouse: Warehouse) -> dict[str, CurrentFile]:
    """Reads the current version of each path that is not recorded as removed."""
    if not warehouse.has_table(SCHEMA, TABLE):
        return {}
    rows = warehouse.fetch(
        f"""
        select path, dataset, version, content_hash, source, rows_loaded, rows_rejected, file_id
        from {FILES}
        where {counting()}
        order by path
        """
    )
    return {row[0]: CurrentFile(*row) for row in rows}


def last_file_ids(target: Warehouse) -> dict[str, int]:
    """Finds the last entry of each dataset that models read.

    The entry may be of a file that was added, changed or removed.
    """
    if not target.has_table(SCHEMA, TABLE):
        return {}
    found = target.fetch(f"select dataset, max(file_id) from {FILES} group by dataset")
    return {dataset: last for dataset, last in found if dataset in DATASETS}


def loads(target: Warehouse) -> list[Load]:
    """Lists the committed loads, newest first."""
    if not target.has_table(SCHEMA, TABLE):
        return []
    rows = target.fetch(
        f"""
        select load_id, cast(max(loaded_at) as timestamp), count(version),
            count(*) - count(version), cast(sum(rows_loaded) as bigint), max(file_id)
        from {FILES}
        group by load_id
        order by max(file_id) desc
        """
    )
    return [Load(*row) for row in rows]


def compare(zone: LandingZone, known: dict[str, CurrentFile]) -> Comparison:
    """Compares a listing with the manifest's current files."""
    comparison = Comparison()
    for path, file in zone.files.items():
        if path not in known:
            comparison.new.append(file)
        elif (known[path].version, known[path].source) == (file.version, zone.url):
            comparison.unchanged.append(file)
        else:
            comparison.changed.append(file)
    ignored = set(zone.ignored)
    for path, entry in known.items():
        if path in zone.files:
            continue
        if entry.source == zone.url and (folder := folder_among(path, zone.closed)):
            comparison.left_out.append((entry, f"nothing in {folder} can be read for now"))
        elif entry.dataset in UNMODELLED and path in ignored:
            comparison.left_out.append((entry, "MOVIELENS_LOAD_UNMODELLED is off"))
        else:
            comparison.missing.append(entry)
    return comparison
