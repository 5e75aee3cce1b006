"""`load`: brings what is new in a landing zone into RAW, exactly once.

The protocol is that of every engine: list and compare; append rows under fresh file ids; verify
that the rows which were read are there; commit all file versions in the manifest at once.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion import manifest
from ingestion.datasets import DATASETS, FILE_ID
from ingestion.errors import MovielensError, SettingsError
from ingestion.landing import LandingZone, list_landing_zone
from ingestion.lock import only_run
from ingestion.progress import Event, OnEvent, silent
from ingestion.settings import Settings, resolve
from ingestion.warehouse import Warehouse, warehouse

if TYPE_CHECKING:
    import dlt

    from ingestion.source import Outcome


@dataclass(frozen=True)
class FileReport:
    """What became of one file.

    Attributes:
        path: Path relative to the landing zone.
        dataset: The RAW table of its rows.
        status: `loaded`, `unchanged`, `refused`, `put off`, `missing` or `removed`.
        rows: Rows loaded by this load.
        rejected: Rows that were rejected and are in `raw._rejected_rows`.
        bytes: Size as stored.
        seconds: Time that reading it took.
        new_columns: RAW columns that nothing models yet.
        reason: Why it was refused or put off.
        examples: The first rejected rows, in words.
    """

    path: str
    dataset: str
    status: str
    rows: int = 0
    rejected: int = 0
    bytes: int = 0
    seconds: float = 0.0
    new_columns: tuple[str, ...] = ()
    reason: str = ""
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadReport:
    """What one load did.

    Attributes:
        source: URL of the landing zone.
        edition: The MovieLens edition its files are of, or `generated`.
        load_id: dlt's load id, or None if nothing changed.
        seconds: Wall time of the load.
        files: What became of each file.
        ignored: Paths in the landing zone that are no MovieLens files.
    """

    source: str
    edition: str
    load_id: str | None
    seconds: float
    files: list[FileReport] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def of_status(self, status: str) -> list[FileReport]:
        """The files of one status."""
        return [file for file in self.files if file.status == status]

    @property
    def rows(self) -> int:
        """Rows loaded."""
        return sum(file.rows for file in self.files)

    @property
    def rejected(self) -> int:
        """Rows rejected."""
        return sum(file.rejected for file in self.files)

    @property
    def changed(self) -> bool:
        """Whether anything was committed."""
        return self.load_id is not None

    @property
    def exit_code(self) -> int:
        """0, or 4 if a file was refused."""
        return 4 if self.of_status("refused") else 0


def load(
    source: str | None = None,
    *,
    settings: Settings | None = None,
    remove_missing: bool = False,
    switch_source: bool = False,
    on_event: OnEvent = silent,
) -> LoadReport:
    """Loads what is new or changed in a landing zone into RAW.

    Safe to repeat and to kill at any time: rows count only once their file versions are committed
    in the manifest, all of a load at once. Unchanged files are not read.

    Args:
        source: The landing zone; default: the setting MOVIELENS_SOURCE, else the one that the
            warehouse holds.
        settings: The settings; default: environment and `.env`.
        remove_missing: Record known paths that are no longer there as removed.
        switch_source: Allow a landing zone other than the one that the warehouse holds, whose
            files are recorded as removed.
        on_event: Told of each step forward.

    Returns:
        What became of each file.

    Raises:
        SettingsError: If no source is known, or the warehouse holds another landing zone.
        SourceError: If the landing zone cannot be listed or holds no MovieLens file.
        BusyError: If another run is at work.
        MovielensError: If the rows in RAW are not the rows that were read; nothing is committed.
    """
    settings = settings or resolve(source=source)
    started = time.perf_counter()
    with only_run(settings):
        target = warehouse(settings)
        known = manifest.current_files(target)
        zone = list_landing_zone(source or settings.source or _held_source(known))
        switched = _check_same_zone(zone, known, switch_source)
        comparison = manifest.compare(zone, known)
        gone = list(known.values()) if switched else comparison.missing if remove_missing else []
        outcomes, load_id = _load(settings, target, zone, comparison, known, gone, on_event)
    removed = bool(gone) and load_id is not None
    reports = [*map(_report, outcomes), *_reports_of_the_others(comparison, removed)]
    reports.sort(key=lambda file: file.path)
    seconds = time.perf_counter() - started
    return LoadReport(zone.url, zone.edition, load_id, seconds, reports, zone.ignored)


def _held_source(known: dict[str, manifest.Known]) -> str:
    for entry in known.values():
        return entry.source
    raise SettingsError(
        "No landing zone is set",
        "give one with --source or MOVIELENS_SOURCE; or try: movielens demo",
    )


def _check_same_zone(
    zone: LandingZone, known: dict[str, manifest.Known], switch_source: bool
) -> bool:
    sources = {entry.source for entry in known.values()} - {zone.url}
    if sources and not switch_source:
        raise SettingsError(
            f"The warehouse holds the landing zone {', '.join(sorted(sources))}, not {zone.url}; "
            "user and movie ids of two landing zones must not be mixed. Nothing was changed",
            "choose another MOVIELENS_HOME, or replace what is there: movielens load "
            "--switch-source",
        )
    return bool(sources)


def _load(
    settings: Settings,
    target: Warehouse,
    zone: LandingZone,
    comparison: manifest.Comparison,
    known: dict[str, manifest.Known],
    gone: list[manifest.Known],
    on_event: OnEvent,
) -> tuple[list[Outcome], str | None]:
    if not comparison.to_read and not gone:
        return [], None
    _empty(settings.work_dir)
    try:
        outcomes = _read_all(settings, target, zone, comparison, known, on_event)
        loaded = [outcome for outcome in outcomes if outcome.status == "loaded"]
        # Another landing zone replaces this one when some of it can be read, and then as a whole.
        switched = any(entry.source != zone.url for entry in gone)
        if not loaded and (switched or not gone):
            return outcomes, None
        replaced = {outcome.file.path for outcome in loaded}
        gone = [entry for entry in gone if entry.path not in replaced]
        on_event(Event("load", "writing RAW", len(outcomes), len(outcomes)))
        return outcomes, _write(settings, target, zone, loaded, gone)
    finally:
        shutil.rmtree(settings.work_dir, ignore_errors=True)


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _read_all(
    settings: Settings,
    target: Warehouse,
    zone: LandingZone,
    comparison: manifest.Comparison,
    known: dict[str, manifest.Known],
    on_event: OnEvent,
) -> list[Outcome]:
    from ingestion.reading import Tolerance
    from ingestion.source import read_file

    tolerance = Tolerance(settings.reject_rows, settings.reject_share)
    file_id = manifest.next_file_id(_taken_file_ids(target))
    outcomes: list[Outcome] = []
    files = comparison.to_read
    for file in files:
        on_event(Event("load", file.path, len(outcomes), len(files)))
        entry = known.get(file.path)
        known_hash = entry.content_hash if entry and entry.source == zone.url else None
        outcomes.append(read_file(zone, file, file_id, settings.work_dir, tolerance, known_hash))
        file_id += 1
    return outcomes


def _taken_file_ids(target: Warehouse) -> list[int]:
    if not target.has_table(manifest.SCHEMA, manifest.TABLE):
        return []
    rows = target.fetch(f"select max(file_id) from {manifest.SCHEMA}.{manifest.TABLE}")
    return [row[0] for row in rows if row[0] is not None]


def _write(
    settings: Settings,
    target: Warehouse,
    zone: LandingZone,
    loaded: list[Outcome],
    gone: list[manifest.Known],
) -> str:
    from ingestion.source import arrow_table, manifest_rows, rows_source

    _sweep(target)
    pipeline = _pipeline(settings)
    load_id = pipeline.run(rows_source(loaded), loader_file_format="parquet").loads_ids[-1]
    _verify(target, loaded)
    next_id = manifest.next_file_id([*_taken_file_ids(target), *(o.file_id for o in loaded)])
    entries = [
        *manifest_rows(zone, loaded, load_id),
        *_removals(zone, gone, load_id, next_id),
    ]
    pipeline.run(
        arrow_table(entries, manifest.COLUMNS),
        table_name=manifest.TABLE,
        write_disposition="append",
        loader_file_format="parquet",
    )
    return load_id


def _pipeline(settings: Settings) -> dlt.Pipeline:
    """A pipeline with a fresh working folder: what a crash left behind is never taken up again."""
    import dlt
    from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

    credentials = DuckDbCredentials(str(settings.warehouse_file))
    # Rows carry their file id, not their order; without it DuckDB writes with all its threads.
    credentials.global_config = {"preserve_insertion_order": False}
    pipeline = dlt.pipeline(
        pipeline_name="movielens",
        pipelines_dir=str(settings.work_dir / "dlt"),
        destination=dlt.destinations.duckdb(credentials),
        dataset_name=manifest.SCHEMA,
    )
    # The manifest is the state; dlt need not keep one of its own in the warehouse.
    pipeline.config.restore_from_destination = False
    return pipeline


def _sweep(target: Warehouse) -> None:
    """Removes rows that a crash left without a manifest entry."""
    if not target.has_table(manifest.SCHEMA, manifest.TABLE):
        return
    committed = f"select file_id from {manifest.SCHEMA}.{manifest.TABLE}"
    columns = {dataset.table: FILE_ID for dataset in DATASETS.values()}
    tables = {**columns, "_rejected_rows": "file_id"}
    target.execute(
        *(
            f"delete from {manifest.SCHEMA}.{table} where {column} not in ({committed})"
            for table, column in tables.items()
            if target.has_table(manifest.SCHEMA, table)
        )
    )


def _verify(target: Warehouse, loaded: Iterable[Outcome]) -> None:
    for outcome in loaded:
        table = f"{manifest.SCHEMA}.{outcome.file.dataset}"
        where = f"{FILE_ID} = {outcome.file_id}"
        rows = target.fetch(f"select count(*) from {table} where {where}")[0][0]
        if rows != outcome.rows:
            raise MovielensError(
                f"{outcome.file.path}: {outcome.rows} rows were read, but {rows} are in "
                f"{table}. Nothing of this load counts",
                "run it again; if it happens again, report it with the log",
            )


def _removals(
    zone: LandingZone, gone: list[manifest.Known], load_id: str, first_id: int
) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    return [
        {
            "file_id": first_id + index,
            "path": entry.path,
            "dataset": entry.dataset,
            "version": None,
            "bytes": 0,
            "rows_loaded": 0,
            "rows_rejected": 0,
            "load_id": load_id,
            "loaded_at": now,
            "content_hash": None,
            "source": zone.url,
            "edition": zone.edition,
        }
        for index, entry in enumerate(gone)
    ]


def _report(outcome: Outcome) -> FileReport:
    return FileReport(
        outcome.file.path,
        outcome.file.dataset,
        outcome.status,
        outcome.rows,
        len(outcome.rejects),
        outcome.file.bytes,
        round(outcome.seconds, 3),
        outcome.new_columns,
        outcome.reason,
        tuple(
            f"line {reject.line}: {reject.column_name or 'row'}: {reject.reason}"
            for reject in outcome.rejects[:3]
        ),
    )


def _reports_of_the_others(comparison: manifest.Comparison, removed: bool) -> list[FileReport]:
    unchanged = [FileReport(f.path, f.dataset, "unchanged") for f in comparison.unchanged]
    status = "removed" if removed else "missing"
    return [*unchanged, *(FileReport(e.path, e.dataset, status) for e in comparison.missing)]
