"""`load`: loads what is new in a landing zone into RAW, exactly once.

The protocol is the same on every engine: list and compare; append rows under new file ids; verify
that all rows that were read are there; commit all file versions to the manifest at once.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.engine import engine_of
from ingestion.errors import SettingsError
from ingestion.home import last_source
from ingestion.landing.listing import LandingFile, list_landing_zone
from ingestion.landing.lookalikes import Lookalike
from ingestion.landing.stores import configured_url
from ingestion.progress import Event, timed
from ingestion.raw import manifest, readme, refusals
from ingestion.raw.plan import LoadPlan, LoadRequest, if_replaced, plan_load
from ingestion.raw.pushdown import clean_up, push_down
from ingestion.reading.bulk import reading_duckdb
from ingestion.reading.file import Outcome
from ingestion.reading.rules import Rules
from ingestion.reading.together import ToRead, batches, read_batch
from ingestion.settings import Settings
from ingestion.warehouse.base import has_table
from ingestion.warehouse.lease import Lease
from ingestion.warehouse.run import Run

if TYPE_CHECKING:
    from dlt.extract import DltResource


@dataclass(frozen=True)
class FileReport:
    """What became of one file.

    Attributes:
        path: Path relative to the landing zone.
        dataset: The RAW table of its rows.
        status: `loaded`, `unchanged`, `refused`, `put off`, `missing`, `removed`; or `left out`: it
            was loaded, may still be there, and is not read any more.
        rows: Rows loaded by this load.
        rejected: Rows quarantined in `raw._rejected_rows`.
        bytes: Size as stored.
        seconds: Time spent reading it.
        new_columns: RAW columns that no model uses yet.
        reason: Why it was refused, put off or left out.
        examples: The first rejected rows, in words.
        warnings: Anything odd about the rows that were loaded.
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
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadReport:
    """What one load did.

    Attributes:
        source: URL of the landing zone.
        edition: The MovieLens edition of its files, or `generated`.
        load_id: dlt's load id, or None if nothing changed.
        seconds: Wall time of the load.
        files: What became of each file.
        ignored: Paths in the landing zone that are not MovieLens files.
        steps: Seconds spent in each step, by name.
        notes: Remarks for the user, such as that a lease was taken over.
        listing: Fingerprint of the landing zone as it was listed.
        unread: Ignored paths that look like MovieLens data, each with advice.
    """

    source: str
    edition: str
    load_id: str | None
    seconds: float
    files: list[FileReport] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    steps: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    listing: str = ""
    unread: list[Lookalike] = field(default_factory=list)

    def of_status(self, status: str) -> list[FileReport]:
        """Returns the files with a status."""
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


def load_landing_zone(run: Run, request: LoadRequest) -> LoadReport:
    """Loads what is new or changed in a landing zone into RAW.

    Raises:
        SettingsError: If no source is known, or the warehouse holds another landing zone.
        SourceError: If the landing zone cannot be listed or holds no MovieLens file.
        BusyError: If another run is in progress, or took over while this one was paused.
        MovielensError: If RAW does not have the rows that were read; nothing is committed.
    """
    started = time.perf_counter()
    steps: dict[str, float] = {}
    target = engine_of(run.settings).warehouse(loader=True)
    with timed(steps, "list"), target.looking():
        with target.kept_open():
            known = manifest.current_files(target)
        source = source_of(run.settings, request.source, known)
        zone = list_landing_zone(source, unmodelled=run.settings.load_unmodelled)
        with target.kept_open():
            plan = plan_load(target, request, zone, known)
    outcomes: list[Outcome] = []
    load_id = None
    if not plan.is_empty:
        lease = run.lease(target)
        # Another run may have committed meanwhile; from here on, none can.
        with target.kept_open():
            with target.looking():
                plan = plan_load(target, request, zone, manifest.current_files(target))
            first_id = None if plan.is_empty else _reserve(lease, plan)
        if first_id is not None:
            outcomes, load_id = _carry_out(run, lease, plan, first_id, request, steps)
    removed = {one.path for one in _gone(plan, outcomes, request)} if load_id else set()
    reports = [*map(_report, outcomes), *_reports_of_the_others(plan, removed)]
    reports.sort(key=lambda file: file.path)
    editions = {outcome.edition(zone) for outcome in outcomes if outcome.status == "loaded"}
    return LoadReport(
        source=zone.url,
        edition=", ".join(sorted(editions)) or zone.edition,
        load_id=load_id,
        seconds=time.perf_counter() - started,
        files=reports,
        ignored=zone.ignored,
        steps=steps,
        notes=list(run.notes),
        listing=zone.fingerprint,
        unread=zone.unread,
    )


def rules_of(settings: Settings) -> Rules:
    """Returns the settings that decide how files are read."""
    return Rules(
        reject_rows=settings.reject_rows,
        reject_share=settings.reject_share,
        encoding=settings.encoding,
        range_checks=settings.range_checks,
    )


def source_of(
    settings: Settings,
    asked: str | DltResource | None,
    known: Mapping[str, manifest.CurrentFile],
) -> str | DltResource:
    """Decides which landing zone to load.

    Args:
        settings: The settings.
        asked: The one that was asked for; None for the one configured for dlt, or else the one that
            the warehouse holds.
        known: The current file of each path.

    Raises:
        SettingsError: If none is known.
    """
    source = asked or configured_url()
    if source:
        return source
    for entry in known.values():
        return entry.source
    last = last_source(settings)
    if last is None:
        raise SettingsError(
            "No landing zone is set",
            "set --source or MOVIELENS_SOURCE; or try: movielens demo",
        )
    return last


def _carry_out(
    run: Run,
    lease: Lease,
    plan: LoadPlan,
    first_id: int,
    request: LoadRequest,
    steps: dict[str, float],
) -> tuple[list[Outcome], str | None]:
    zone, folder = plan.zone, run.settings.work_dir
    _empty(folder)
    try:
        to_read = plan.to_read
        with timed(steps, "push down"):
            pushed = push_down(run, lease, plan, first_id, request.rules)
        with timed(steps, "read"), _imported_beside("dlt" if to_read else "json"):
            read = _read_all(run, lease, plan, first_id, request, pushed.paths)
        outcomes = [*read, *pushed.outcomes]
        loaded = [outcome for outcome in outcomes if outcome.status == "loaded"]
        # A new landing zone replaces the old one entirely, but only if some of it can be read.
        if plan.switched and not loaded:
            return outcomes, None
        load_id = None
        gone = _gone(plan, outcomes, request)
        with lease.target.kept_open():
            if loaded or gone:
                replaced = {outcome.file.path for outcome in loaded}
                gone = [entry for entry in gone if entry.path not in replaced]
                from ingestion.raw.commit import LoadBatch, write

                batch = LoadBatch(
                    zone=zone,
                    loaded=[outcome for outcome in read if outcome.status == "loaded"],
                    gone=dict(enumerate(gone, first_id + len(to_read))),
                    first_id=first_id,
                    pushed=pushed,
                )
                rows = sum(outcome.rows for outcome in loaded)
                detail = f"writing {rows:,} rows into RAW"
                request.on_event(Event("load", detail, len(outcomes), len(outcomes)))
                load_id = write(run.settings, lease, batch, steps)
            refusals.update(lease.target, zone, request.rules, plan.refusals, outcomes)
            if zone.readme != readme.recall(lease.target):
                readme.remember(lease.target, zone)
        return outcomes, load_id
    finally:
        clean_up(lease)
        shutil.rmtree(folder, ignore_errors=True)


def _gone(
    plan: LoadPlan, outcomes: Iterable[Outcome], request: LoadRequest
) -> list[manifest.CurrentFile]:
    """Returns what to record as removed; of what was replaced, only what was replaced wholly."""
    if request.remove_missing or plan.switched:
        return plan.gone
    not_there = (one.file.path for one in outcomes if one.status in ("refused", "put off"))
    return if_replaced(plan.gone, plan.zone, not_there)


@contextmanager
def _imported_beside(module: str) -> Iterator[None]:
    """Imports a module while DuckDB reads, as importing takes as long as reading a million rows.

    Nothing else may import parts of it meanwhile: dlt has circular imports, and two threads in one
    circle would see half-imported modules.
    """
    with ThreadPoolExecutor(1) as beside:
        beside.submit(import_module, module)
        yield


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _read_all(
    run: Run,
    lease: Lease,
    plan: LoadPlan,
    first_id: int,
    request: LoadRequest,
    but: Collection[str],
) -> list[Outcome]:
    zone = plan.zone
    files = [
        ToRead(file, file_id, _known_hash(plan, file))
        for file_id, file in enumerate(plan.to_read, first_id)
        if file.path not in but
    ]
    outcomes: list[Outcome] = []
    with reading_duckdb():
        for batch in batches(files):
            lease.renew()
            rows = sum(outcome.rows for outcome in outcomes)
            more = f" and {len(batch) - 1:,} more files" if len(batch) > 1 else ""
            detail = f"{batch[0].file.path}{more} ({rows:,} rows read so far)"
            request.on_event(Event("load", detail, len(outcomes), len(files)))
            outcomes += read_batch(zone, batch, run.settings.work_dir, request.rules)
    return sorted(outcomes, key=lambda outcome: outcome.file_id)


def _known_hash(plan: LoadPlan, file: LandingFile) -> str | None:
    entry = plan.known.get(file.path)
    return entry.content_hash if entry and entry.source == plan.zone.url else None


def _reserve(lease: Lease, plan: LoadPlan) -> int:
    with lease.target.connect() as connection:
        there = has_table(connection, manifest.SCHEMA, manifest.TABLE)
        taken = f"select max(file_id) from {manifest.FILES}" if there else ""
        return lease.reserve(connection, len(plan.to_read) + len(plan.gone), taken)


def _report(outcome: Outcome) -> FileReport:
    return FileReport(
        path=outcome.file.path,
        dataset=outcome.file.dataset,
        status=outcome.status,
        rows=outcome.rows,
        rejected=len(outcome.rejects),
        bytes=outcome.file.bytes,
        seconds=round(outcome.seconds, 3),
        new_columns=outcome.new_columns,
        reason=outcome.reason,
        examples=tuple(map(str, outcome.rejects[:3])),
        warnings=tuple(outcome.warnings),
    )


def _reports_of_the_others(plan: LoadPlan, removed: Collection[str]) -> list[FileReport]:
    return [
        *(FileReport(f.path, f.dataset, "unchanged") for f in plan.comparison.unchanged),
        *(
            FileReport(e.path, e.dataset, "removed" if e.path in removed else "missing")
            for e in plan.comparison.missing
        ),
        *(
            FileReport(entry.path, entry.dataset, "left out", reason=reason)
            for entry, reason in plan.comparison.left_out
        ),
        *(
            FileReport(
                f.path, f.dataset, "refused", bytes=f.bytes, reason=plan.refused[f.path].reason
            )
            for f in plan.comparison.to_read
            if f.path in plan.refused
        ),
    ]
