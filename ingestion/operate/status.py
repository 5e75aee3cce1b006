"""`status`: what is loaded, built and published; works during a run and on a broken home."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from ingestion.build.audit import FAILED_AUDIT, failing_rows
from ingestion.engine import engine_of
from ingestion.errors import BusyError, MovielensError, NewerLayout, SettingsError
from ingestion.operate import snapshot
from ingestion.operate.run import LastRun, last_run
from ingestion.operate.snapshot import Snapshot
from ingestion.publish.published import Published, Version
from ingestion.remedies import command
from ingestion.settings import Settings
from ingestion.warehouse import layout

SHOWN_RUNS = 5


@dataclass(frozen=True)
class Status(Snapshot):
    """What is loaded, built and published.

    Attributes:
        published: The version that readers see.
        published_at: When it was published, UTC; None if unknown.
        published_source: The landing zone it was built from; None if unknown.
        held_back: Versions that were rolled back: no run publishes them by itself.
        versions: Kept versions, oldest first, without those held back.
        marts_bytes: Size of all published marts.
        runs: What the last runs did, newest first.
        last_run: How the last run of this home ended; None if none has.
        warehouse: `open`; `busy`: a run has it open, so the snapshot of the run before is shown;
            `missing`; or `unreadable`.
        problem: Why the warehouse could not be read; empty if it could.
        published_problem: Why what is published could not be read; empty if it could.
    """

    published: str | None = None
    published_at: datetime | None = None
    published_source: str | None = None
    held_back: tuple[Version, ...] = ()
    versions: tuple[str, ...] = ()
    marts_bytes: int = 0
    runs: tuple[dict[str, Any], ...] = ()
    last_run: LastRun | None = None
    warehouse: str = "open"
    problem: str = ""
    published_problem: str = ""


def status(settings: Settings) -> Status:
    """Reads the state of the warehouse and the published marts; changes nothing.

    Returns:
        Their state; of what cannot be read, the last known state and why.
    """
    state, problem, held = _warehouse(settings)
    marts = engine_of(settings).published()
    current, published_problem = _seen(marts)
    kept = marts.kept()
    seen = next((v for v in kept if v.version == current), Version(""))
    return Status(
        **vars(held),
        published=current,
        published_at=seen.published_at,
        published_source=seen.source,
        held_back=tuple(v for v in kept if v.is_held_back),
        versions=tuple(v.version for v in kept if not v.is_held_back),
        marts_bytes=marts.size(),
        runs=_runs(settings),
        last_run=last_run(settings),
        warehouse=state,
        problem=problem,
        published_problem=published_problem,
    )


def _warehouse(settings: Settings) -> tuple[str, str, Snapshot]:
    """Returns the warehouse's state, the problem if it has one, and what it holds."""
    target = engine_of(settings).looked_at()
    if not target.exists():
        return "missing", "", Snapshot()
    try:
        layout.check(target)
        return "open", "", snapshot.take(target)
    except BusyError as error:
        return "busy", str(error), snapshot.kept(settings) or Snapshot()
    except MovielensError as error:
        if not (target.is_exclusive or isinstance(error, NewerLayout)):
            raise
        return "unreadable", _with_remedy(error), snapshot.kept(settings) or Snapshot()


def _seen(marts: Published) -> tuple[str | None, str]:
    """Returns the version that readers see, and why it could not be read if it could not."""
    try:
        return marts.current(), ""
    except NewerLayout as error:
        return None, _with_remedy(error)


def _with_remedy(error: MovielensError) -> str:
    return f"{error}. {error.remedy}"


def _runs(settings: Settings) -> tuple[dict[str, Any], ...]:
    files = sorted(settings.reports_dir.glob("*Z-run.json"), reverse=True)[:SHOWN_RUNS]
    return tuple(_run(json.loads(file.read_text())) for file in files)


def _run(report: dict[str, Any]) -> dict[str, Any]:
    files = (report.get("load") or {}).get("files", [])
    release = (report.get("build") or {}).get("release", [])
    return {
        "at": report["at"],
        "status": report["status"],
        "exit_code": report.get("exit_code"),
        "message": report.get("message"),
        "seconds": report.get("seconds"),
        "version": (report.get("publish") or {}).get("version"),
        "refused": [file["path"] for file in files if file["status"] == "refused"],
        "accepted": [f["message"] for f in release if f["outcome"] == "accepted"],
    }


def failing(settings: Settings, test: str, limit: int) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Fetches the rows that now fail a test of the last failed audit.

    Returns:
        Column names and rows.

    Raises:
        SettingsError: If that test did not fail in the last failed audit.
    """
    file = settings.reports_dir / FAILED_AUDIT
    failed = json.loads(file.read_text()) if file.exists() else {}
    if not failed.get(test):
        names = ", ".join(sorted(failed)) or "none"
        raise SettingsError(
            f"{test!r} is not a data test that failed in the last failed audit (failed: {names})",
            f"audit again: {command('build')}",
        )
    try:
        return failing_rows(engine_of(settings).warehouse(), failed[test], limit)
    except duckdb.CatalogException as error:
        raise SettingsError(
            f"The rows that failed {test!r} are gone: {str(error).splitlines()[0]}",
            "build again, which repeats the audit",
        ) from None
