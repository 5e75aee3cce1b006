"""Builds the marts as of an earlier committed load, from RAW alone."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ingestion.build import artifacts
from ingestion.build.build import fingerprint
from ingestion.build.environments import AS_OF, AUDIT
from ingestion.build.making import BuildReport, Job, Making
from ingestion.datasets import FILE_ID
from ingestion.engine import engine_of
from ingestion.errors import SettingsError
from ingestion.progress import OnEvent, silent
from ingestion.project import check_project
from ingestion.raw import manifest
from ingestion.raw.manifest import Load, loads
from ingestion.remedies import command
from ingestion.warehouse.base import Warehouse
from ingestion.warehouse.run import Run

if TYPE_CHECKING:
    from ingestion.engine import Export

_NAMED = 10


@dataclass(frozen=True)
class AsOfReport:
    """Marts as of an earlier load.

    Attributes:
        load: The load.
        file: The DuckDB file that holds them, laid out like the published one.
        bytes: Its size.
        build: What was built and audited.
        seconds: Wall time.
    """

    load: Load
    file: Path
    bytes: int
    build: BuildReport
    seconds: float


class _CountedThen(NamedTuple):
    file_id: int
    path: str
    dataset: str
    rows: int
    content_hash: str
    is_superseded: bool


def build_marts_as_of(
    run: Run, load_id: str, export: Export, *, on_event: OnEvent = silent
) -> AsOfReport:
    """Builds and audits the marts as of an earlier load, into a separate file.

    The store, every environment and the published marts are untouched: everything is rebuilt in a
    separate schema, which is dropped once the file is written. Safe to repeat and to kill.

    Args:
        run: The current run.
        load_id: The load's id, or an unambiguous prefix of it.
        export: Writes the marts to a separate file.
        on_event: Called for each model and test.

    Raises:
        SettingsError: If there is no such load, or its rows are no longer all in RAW.
        AuditFailure: If a test failed; no file is written.
        BusyError: If another run has taken the lease.
    """
    started = time.perf_counter()
    settings = run.settings
    target = engine_of(settings).warehouse()
    check_project(settings.project)
    load = _find(loads(target), load_id)
    counted = _files_as_of(target, load)
    lease = run.lease(target)
    _check_all_there(target, load, counted)
    contents = ((file.file_id, file.content_hash) for file in counted)
    job = Job(
        settings=settings,
        lease=lease,
        fingerprint=fingerprint(settings, contents),
        on_event=on_event,
    )
    drop = f"drop schema if exists {AS_OF} cascade"
    lease.execute(drop)  # left by an earlier one that failed or died
    folder = settings.dbt_dir.with_name(f"{settings.dbt_dir.name}__{AS_OF}")
    making = Making(job, {"store": AS_OF, "as_of_file_id": load.last_file_id}, folder)
    relations = {name: (AS_OF, name) for name in making.project.layers}
    relations |= {f"{AUDIT}.{name}": (AS_OF, name) for name in artifacts.AUDIT_TABLES}
    making.audit(relations, None, [])
    file = settings.home / "as-of" / f"{load.load_id}.duckdb"
    export(lease, AS_OF, file)
    report = making.report(time.perf_counter() - started)
    lease.execute(drop)
    shutil.rmtree(folder, ignore_errors=True)
    return AsOfReport(
        load=load,
        file=file,
        bytes=file.stat().st_size,
        build=report,
        seconds=time.perf_counter() - started,
    )


def _find(known: list[Load], load_id: str) -> Load:
    if not known:
        raise SettingsError("Nothing is loaded yet, so there is nothing to build", command("load"))
    found = [load for load in known if load.load_id == load_id]
    found = found or [load for load in known if load_id and load.load_id.startswith(load_id)]
    if len(found) == 1:
        return found[0]
    problem = "Several loads have ids that start" if found else "No load has an id that starts"
    shown = [f"{load.load_id} ({load.loaded_at:%Y-%m-%d %H:%M} UTC)" for load in found or known]
    more = f" and {len(shown) - _NAMED} earlier ones" if len(shown) > _NAMED else ""
    raise SettingsError(
        f"{problem} with {load_id!r}; nothing was built. "
        f"{'Matches' if found else 'Loads'}: {', '.join(shown[:_NAMED])}{more}",
        f"movielens status lists the last loads; {manifest.FILES} has all of them",
    )


def _files_as_of(target: Warehouse, load: Load) -> list[_CountedThen]:
    rows = target.fetch(
        f"""
        select file_id, path, dataset, rows_loaded, content_hash,
            not ({manifest.counting()})
        from {manifest.FILES}
        where {manifest.counting(load.last_file_id)}
        order by path
        """
    )
    if not rows:
        raise SettingsError(
            f"No file was current as of load {load.load_id}, so there is nothing to build",
            "movielens status lists the last loads",
        )
    return [_CountedThen(*row) for row in rows]


def _check_all_there(target: Warehouse, load: Load, counted: list[_CountedThen]) -> None:
    """Refuses a load whose rows vacuum removed; the audit checks the files still current."""
    superseded = [file for file in counted if file.is_superseded and file.rows]
    gone: list[_CountedThen] = []
    for dataset in sorted({file.dataset for file in superseded}):
        files = [file for file in superseded if file.dataset == dataset]
        ids = ", ".join(str(file.file_id) for file in files)
        rows = target.fetch(
            f"select {FILE_ID}, count(*) from {manifest.SCHEMA}.{dataset} "
            f"where {FILE_ID} in ({ids}) group by {FILE_ID}"
        )
        found: dict[int, int] = dict(rows)
        gone += [file for file in files if found.get(file.file_id, 0) != file.rows]
    if gone:
        names = ", ".join(f"{file.path} ({file.rows:,} rows)" for file in gone[:_NAMED])
        more = f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else ""
        raise SettingsError(
            f"The marts as of load {load.load_id} cannot be built: movielens vacuum has removed "
            f"rows from RAW that were current then, those of {names}{more}. Nothing was built",
            "choose a later load; MOVIELENS_KEEP_DAYS sets how many days superseded rows are kept "
            "from now on",
        )
