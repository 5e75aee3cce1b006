"""What a load would do to each file and each RAW table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ingestion.datasets import EVERY_DATASET, RAW
from ingestion.errors import RefusedFile
from ingestion.landing.listing import LandingFile
from ingestion.raw.plan import LoadPlan
from ingestion.reading.header import Header
from ingestion.reading.peek import peek
from ingestion.reading.rules import Rules
from ingestion.warehouse.base import Warehouse


@dataclass(frozen=True)
class PlannedFile:
    """What a load would do with one file.

    Attributes:
        path: Path relative to the landing zone.
        dataset: The RAW table of its rows.
        change: `new`, `changed`, `unchanged`, `missing`, `removed`, `refused`; or `left out`: it
            was loaded, may still be there, and is not read any more.
        rows: Its rows; an estimate if it has yet to be read.
        bytes: Its size as stored; 0 if it is not there.
        new_columns: RAW columns that would be created, or that no contract names.
        missing_columns: Optional columns that it lacks; their values would be null.
        reason: Why it would be refused, or is left out.
    """

    path: str
    dataset: str
    change: str
    rows: int | None = None
    bytes: int = 0
    new_columns: tuple[str, ...] = ()
    missing_columns: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class PlannedColumn:
    """A RAW column that the planned load would create or leave null.

    Attributes:
        dataset: The RAW table.
        column: Its name in RAW.
        change: `appears` if RAW does not have it yet; `unmodelled` if RAW has it, but no model
            uses it; `missing` if files lack it.
        paths: The files that say so.
    """

    dataset: str
    column: str
    change: str
    paths: tuple[str, ...]


def plan_files(load: LoadPlan, rules: Rules) -> list[PlannedFile]:
    """Tells what a load would do with each file; reads the beginnings of new and changed ones.

    Args:
        load: The plan of the load.
        rules: How files are read.

    Returns:
        All files of the landing zone and of the manifest, by path.
    """
    comparison, gone = load.comparison, {file.path for file in load.gone}
    rows = {path: file.rows for path, file in load.known.items()}
    new = {file.path for file in comparison.new}
    planned = [
        *(_peeked(load, file, rules, is_new=file.path in new) for file in load.to_read),
        *(
            PlannedFile(f.path, f.dataset, "unchanged", rows.get(f.path), f.bytes)
            for f in comparison.unchanged
        ),
        *(
            PlannedFile(f.path, f.dataset, "removed" if f.path in gone else "missing", f.rows)
            for f in comparison.missing
        ),
        *(
            PlannedFile(f.path, f.dataset, "left out", f.rows, reason=reason)
            for f, reason in comparison.left_out
        ),
        *(
            PlannedFile(r.path, r.dataset, "refused", bytes=r.bytes, reason=r.reason)
            for r in load.refused.values()
        ),
    ]
    return sorted(planned, key=lambda file: file.path)


def _peeked(load: LoadPlan, file: LandingFile, rules: Rules, *, is_new: bool) -> PlannedFile:
    try:
        found = peek(load.zone.fs, file, rules)
    except (RefusedFile, OSError) as problem:
        reason = str(problem)
        return PlannedFile(file.path, file.dataset, "refused", bytes=file.bytes, reason=reason)
    return PlannedFile(
        path=file.path,
        dataset=file.dataset,
        change="new" if is_new else "changed",
        rows=found.rows,
        bytes=file.bytes,
        new_columns=tuple(column.name for column, _ in found.header.extra),
        missing_columns=_missing(found.header),
    )


def _missing(header: Header) -> tuple[str, ...]:
    return tuple(column.name for column, at in header.positions if at is None)


def plan_columns(
    files: Iterable[PlannedFile], raw: Mapping[str, Iterable[str]]
) -> list[PlannedColumn]:
    """Tells which RAW columns the planned files would create, or leave null.

    Args:
        files: The planned files.
        raw: The columns that RAW has, by table.
    """
    found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for file in files:
        there = set(raw.get(file.dataset, ()))
        for column in file.new_columns:
            change = "unmodelled" if column in there else "appears"
            found[file.dataset, column, change].append(file.path)
        for column in file.missing_columns:
            found[file.dataset, column, "missing"].append(file.path)
    return [PlannedColumn(*key, tuple(paths)) for key, paths in sorted(found.items())]


def raw_columns(target: Warehouse) -> dict[str, list[str]]:
    """Reads the columns of each RAW table that holds rows of files, in their order."""
    rows = target.fetch(
        "select lower(table_name), lower(column_name) from information_schema.columns "
        f"where lower(table_schema) = {target.literal(RAW)} "
        "order by table_name, ordinal_position"
    )
    found: dict[str, list[str]] = defaultdict(list)
    for table, column in rows:
        if table in EVERY_DATASET:
            found[table].append(column)
    return dict(found)
