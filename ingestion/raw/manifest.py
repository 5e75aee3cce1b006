"""The manifest `raw._files`: which file versions count, and what a listing changes about that."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ingestion.datasets import DATASETS, FILE_ID, MANIFEST, RAW
from ingestion.landing.listing import LandingFile, LandingZone, by_time
from ingestion.warehouse.base import Warehouse

SCHEMA, TABLE = RAW, MANIFEST
FILES = f"{SCHEMA}.{TABLE}"
REJECTED_ROWS = "_rejected_rows"
# The tables whose rows count by their file id, and the column that has it.
TABLES_OF_ROWS = {**dict.fromkeys(DATASETS, FILE_ID), REJECTED_ROWS: "file_id"}

# In the order of the table; dlt's type names.
COLUMNS: dict[str, str] = {
    "file_id": "bigint",
    "path": "text",
    "dataset": "text",
    "version": "text",
    "bytes": "bigint",
    "rows_loaded": "bigint",
    "rows_rejected": "bigint",
    "load_id": "text",
    "loaded_at": "timestamp",
    "content_hash": "text",
    "source": "text",
    "edition": "text",
}


@dataclass(frozen=True)
class Known:
    """The current version of one path, as the manifest has it.

    Attributes:
        path: Path relative to the landing zone.
        dataset: The RAW table of its rows.
        version: What identified its content when it was listed.
        content_hash: SHA-256 of its decompressed content.
        source: URL of the landing zone it came from.
        rows: Rows that count.
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
    """One load that was committed.

    Attributes:
        load_id: dlt's load id.
        loaded_at: When it was committed, UTC.
        files: File versions that it brought.
        removed: Paths that it recorded as removed.
        rows: Rows that it brought.
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
    """What a listing changes about the manifest.

    Attributes:
        new: Files whose path is not known.
        changed: Files listed in another version than the known one.
        unchanged: Files listed in the known version.
        missing: Known paths that are not listed.
    """

    new: list[LandingFile] = field(default_factory=list)
    changed: list[LandingFile] = field(default_factory=list)
    unchanged: list[LandingFile] = field(default_factory=list)
    missing: list[Known] = field(default_factory=list)

    @property
    def to_read(self) -> list[LandingFile]:
        """The files whose content is not known, the earliest first."""
        return sorted([*self.new, *self.changed], key=by_time)


def counting(as_of: int | None = None) -> str:
    """Says in SQL which entries of the manifest have rows that count.

    Args:
        as_of: The last entry that is taken into account; None for all of them.

    Returns:
        A condition on `raw._files`: the last entry of its path, and no removal.
    """
    earlier = "" if as_of is None else f" where file_id <= {as_of}"
    last = f"select max(file_id) from {FILES}{earlier} group by path"
    return f"version is not null and file_id in ({last})"


def entry(
    zone: LandingZone, load_id: str, file_id: int, path: str, dataset: str, **loaded: Any
) -> dict[str, Any]:
    """Makes an entry of the manifest.

    Args:
        zone: The landing zone of the load.
        load_id: dlt's id of the load.
        file_id: The entry's id, under which the rows are.
        path: Path relative to the landing zone.
        dataset: The RAW table of its rows.
        **loaded: The columns that tell of the file version; none for a path that is gone.

    Returns:
        A value for each column.
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


def current_files(warehouse: Warehouse) -> dict[str, Known]:
    """Reads which file versions count now.

    Args:
        warehouse: The warehouse.

    Returns:
        The current version of each path; paths recorded as removed are not among them.
    """
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
    return {row[0]: Known(*row) for row in rows}


def loads(target: Warehouse) -> list[Load]:
    """Lists the loads that were committed.

    Args:
        target: The warehouse.

    Returns:
        All of them, newest first.
    """
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


def compare(zone: LandingZone, known: dict[str, Known]) -> Comparison:
    """Compares a listing with the manifest.

    Args:
        zone: The listing.
        known: The current files.

    Returns:
        Which files are new, changed, unchanged and missing.
    """
    comparison = Comparison()
    for path, file in zone.files.items():
        if path not in known:
            comparison.new.append(file)
        elif (known[path].version, known[path].source) == (file.version, zone.url):
            comparison.unchanged.append(file)
        else:
            comparison.changed.append(file)
    comparison.missing.extend(entry for path, entry in known.items() if path not in zone.files)
    return comparison
