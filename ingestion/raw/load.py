"""`load`: brings what is new in a landing zone into RAW, exactly once.

The protocol is that of every engine: list and compare; append rows under fresh file ids; verify
that the rows which were read are there; commit all file versions in the manifest at once.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.errors import SettingsError
from ingestion.landing import readme
from ingestion.landing.listing import LandingFile, LandingZone, list_landing_zone
from ingestion.landing.lookalikes import Lookalike
from ingestion.operate.lock import Run, only_run
from ingestion.operate.recovery import healing, last_source
from ingestion.progress import Event, OnEvent, silent, timed
from ingestion.raw import manifest, refusals
from ingestion.raw.refusals import Refusal
from ingestion.reading.file import Outcome, read_file
from ingestion.reading.rules import Rules
from ingestion.remedies import again
from ingestion.settings import Settings, resolve
from ingestion.warehouse.base import Connection, Warehouse, has_table, warehouse

if TYPE_CHECKING:
    from ingestion.warehouse.lease import Lease


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
        warnings: What is odd about the rows that were loaded.
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
        edition: The MovieLens edition its files are of, or `generated`.
        load_id: dlt's load id, or None if nothing changed.
        seconds: Wall time of the load.
        files: What became of each file.
        ignored: Paths in the landing zone that are no MovieLens files.
        steps: Seconds that each step took, by its name.
        notes: What whoever started the load should know, such as a lease that was taken over.
        listing: Identifies what was listed: the landing zone, and the version of each file.
        unread: Those of `ignored` that look like MovieLens data, and what to do about each.
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
    take_over: bool = False,
    on_event: OnEvent = silent,
) -> LoadReport:
    """Loads what is new or changed in a landing zone into RAW.

    Safe to repeat and to kill at any time: rows count only once their file versions are committed
    in the manifest, all of a load at once. Unchanged files are not read. A DuckDB warehouse that
    is damaged is set aside and loaded anew.

    Args:
        source: The landing zone; default: the setting MOVIELENS_SOURCE, else the one that the
            warehouse holds.
        settings: The settings; default: environment and `.env`.
        remove_missing: Record known paths that are no longer there as removed.
        switch_source: Allow a landing zone other than the one that the warehouse holds, whose
            files are recorded as removed.
        take_over: Take the warehouse from a run of another home that still holds its lease.
        on_event: Told of each step forward.

    Returns:
        What became of each file.

    Raises:
        SettingsError: If no source is known, or the warehouse holds another landing zone.
        SourceError: If the landing zone cannot be listed or holds no MovieLens file.
        BusyError: If another run is at work, or took over while this one was paused.
        MovielensError: If the rows in RAW are not the rows that were read; nothing is committed.
    """
    settings = settings or resolve(source=source)
    rules = rules_of(settings)
    request = _Request(source or settings.source, remove_missing, switch_source, rules, on_event)
    with only_run(settings, take_over=take_over) as run:
        return healing(run, lambda: _load(run, request))


def rules_of(settings: Settings) -> Rules:
    """Takes from the settings what decides how files are read."""
    return Rules(
        settings.reject_rows, settings.reject_share, settings.encoding, settings.range_checks
    )


@dataclass(frozen=True)
class _Request:
    source: str | None
    remove_missing: bool
    switch_source: bool
    rules: Rules
    on_event: OnEvent


@dataclass(frozen=True)
class _Plan:
    """What a listing asks for, given what is known.

    Attributes:
        known: The current version of each path.
        comparison: What the listing changes about them.
        gone: Paths to record as removed.
        switched: Whether another landing zone replaces the one that is held.
        refusals: The files that stand refused.
        refused: Those of them that would only be refused again.
        is_settled: Whether refusals and README are those that are recorded.
    """

    known: dict[str, manifest.Known]
    comparison: manifest.Comparison
    gone: list[manifest.Known]
    switched: bool
    refusals: list[Refusal]
    refused: dict[str, Refusal]
    is_settled: bool

    @property
    def to_read(self) -> list[LandingFile]:
        return [file for file in self.comparison.to_read if file.path not in self.refused]

    @property
    def is_empty(self) -> bool:
        return not self.to_read and not self.gone and self.is_settled


def _load(run: Run, request: _Request) -> LoadReport:
    started = time.perf_counter()
    steps: dict[str, float] = {}
    target = warehouse(run.settings, loader=True)
    with timed(steps, "list"):
        known = manifest.current_files(target)
        zone = list_landing_zone(request.source or _held_source(run.settings, known))
        plan = _plan(target, zone, known, request)
    outcomes: list[Outcome] = []
    load_id = None
    if not plan.is_empty:
        lease = run.lease(target)
        # Another run may have committed since; from here on none can.
        plan = _plan(target, zone, manifest.current_files(target), request)
        outcomes, load_id = _carry_out(run, lease, zone, plan, request, steps)
    removed = bool(plan.gone) and load_id is not None
    reports = [*map(_report, outcomes), *_reports_of_the_others(plan, removed)]
    reports.sort(key=lambda file: file.path)
    seconds = time.perf_counter() - started
    editions = {outcome.edition(zone) for outcome in outcomes if outcome.status == "loaded"}
    return LoadReport(
        source=zone.url,
        edition=", ".join(sorted(editions)) or zone.edition,
        load_id=load_id,
        seconds=seconds,
        files=reports,
        ignored=zone.ignored,
        steps=steps,
        notes=list(run.notes),
        listing=zone.fingerprint,
        unread=zone.unread,
    )


def _held_source(settings: Settings, known: dict[str, manifest.Known]) -> str:
    for entry in known.values():
        return entry.source
    source = last_source(settings)
    if source is None:
        raise SettingsError(
            "No landing zone is set",
            "give one with --source or MOVIELENS_SOURCE; or try: movielens demo",
        )
    return source


def _plan(
    target: Warehouse, zone: LandingZone, known: dict[str, manifest.Known], request: _Request
) -> _Plan:
    sources = {entry.source for entry in known.values()} - {zone.url}
    if sources and not request.switch_source:
        raise SettingsError(
            f"The warehouse holds the landing zone {', '.join(sorted(sources))}, not {zone.url}; "
            "user and movie ids of two landing zones must not be mixed. Nothing was changed",
            f"choose another MOVIELENS_HOME, or replace what is there: {_switched(zone)}",
        )
    comparison = manifest.compare(zone, known)
    gone = comparison.missing if request.remove_missing else []
    if sources:
        gone = list(known.values())
    standing = refusals.recall(target)
    is_settled = not refusals.settled(standing, zone, {}) and zone.readme == readme.recall(target)
    return _Plan(
        known=known,
        comparison=comparison,
        gone=gone,
        switched=bool(sources),
        refusals=standing,
        refused=refusals.standing(standing, zone, request.rules),
        is_settled=is_settled,
    )


def _switched(zone: LandingZone) -> str:
    return again("--switch-source", otherwise=("load", "--source", zone.url))


def _carry_out(
    run: Run,
    lease: Lease,
    zone: LandingZone,
    plan: _Plan,
    request: _Request,
    steps: dict[str, float],
) -> tuple[list[Outcome], str | None]:
    if plan.is_empty:
        return [], None
    folder = run.settings.work_dir
    _empty(folder)
    try:
        to_read = plan.to_read
        first_id = _reserve(lease, len(to_read) + len(plan.gone))
        with timed(steps, "read"), _imported_beside("dlt" if to_read else "json"):
            outcomes = _read_all(run, lease, zone, plan, first_id, request)
        loaded = [outcome for outcome in outcomes if outcome.status == "loaded"]
        # Another landing zone replaces this one when some of it can be read, and then as a whole.
        if plan.switched and not loaded:
            return outcomes, None
        load_id = None
        if loaded or plan.gone:
            replaced = {outcome.file.path for outcome in loaded}
            gone = [entry for entry in plan.gone if entry.path not in replaced]
            from ingestion.raw.commit import Change, write

            change = Change(zone, loaded, gone, first_id, first_id + len(to_read))
            rows = sum(outcome.rows for outcome in loaded)
            detail = f"writing {rows:,} rows into RAW"
            request.on_event(Event("load", detail, len(outcomes), len(outcomes)))
            load_id = write(run.settings, lease, change, steps)
        refusals.update(lease.target, zone, request.rules, plan.refusals, outcomes)
        if zone.readme != readme.recall(lease.target):
            readme.remember(lease.target, zone)
        return outcomes, load_id
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _imported_beside(module: str) -> Iterator[None]:
    """Imports a module while DuckDB reads, which takes as long as reading a million rows.

    Nothing else may import parts of it at the same time: dlt's imports go round in circles, and
    two threads on the same circle meet modules that are half imported.
    """
    with ThreadPoolExecutor(1) as beside:
        beside.submit(import_module, module)
        yield


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _read_all(
    run: Run, lease: Lease, zone: LandingZone, plan: _Plan, first_id: int, request: _Request
) -> list[Outcome]:
    files = plan.to_read
    outcomes: list[Outcome] = []
    for file_id, file in enumerate(files, first_id):
        lease.renew()
        rows = sum(outcome.rows for outcome in outcomes)
        detail = f"{file.path} ({rows:,} rows read so far)"
        request.on_event(Event("load", detail, len(outcomes), len(files)))
        entry = plan.known.get(file.path)
        known_hash = entry.content_hash if entry and entry.source == zone.url else None
        folder = run.settings.work_dir
        outcomes.append(read_file(zone, file, file_id, folder, request.rules, known_hash))
    return outcomes


def _reserve(lease: Lease, count: int) -> int:
    with lease.target.connect() as connection:
        return lease.reserve(connection, count, _taken_file_ids(connection))


def _taken_file_ids(connection: Connection) -> list[int]:
    if not has_table(connection, manifest.SCHEMA, manifest.TABLE):
        return []
    rows = connection.execute(f"select max(file_id) from {manifest.SCHEMA}.{manifest.TABLE}")
    return [row[0] for row in rows.fetchall() if row[0] is not None]


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
        tuple(map(str, outcome.rejects[:3])),
        tuple(outcome.warnings),
    )


def _reports_of_the_others(plan: _Plan, removed: bool) -> list[FileReport]:
    status = "removed" if removed else "missing"
    return [
        *(FileReport(f.path, f.dataset, "unchanged") for f in plan.comparison.unchanged),
        *(FileReport(e.path, e.dataset, status) for e in plan.comparison.missing),
        *(
            FileReport(
                f.path, f.dataset, "refused", bytes=f.bytes, reason=plan.refused[f.path].reason
            )
            for f in plan.comparison.to_read
            if f.path in plan.refused
        ),
    ]
