"""`status`: what is loaded, what is built and what readers see."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from ingestion import manifest
from ingestion.auditing import FAILED_AUDIT, failing_rows
from ingestion.building import candidate
from ingestion.errors import SettingsError
from ingestion.history import Load, loads
from ingestion.publishing import published
from ingestion.remedies import command
from ingestion.settings import Settings
from ingestion.warehouse import warehouse

SHOWN_RUNS = 5


@dataclass(frozen=True)
class DatasetStatus:
    """What counts of one dataset.

    Attributes:
        dataset: The RAW table.
        files: Current file versions.
        rows: Rows that count.
        rejected: Rows of these files that were rejected.
        loaded_at: When the newest of them was committed.
    """

    dataset: str
    files: int
    rows: int
    rejected: int
    loaded_at: datetime


@dataclass(frozen=True)
class Status:
    """What is loaded, built and published.

    Attributes:
        source: URL of the landing zone, or None if nothing is loaded.
        edition: The MovieLens edition it holds.
        datasets: What counts of each dataset.
        candidate: Version of the marts that were built last.
        candidate_audited: Whether they passed every test.
        published: The version that readers see.
        versions: Versions that are kept, oldest first.
        marts_bytes: Size of all published marts.
        loads: The last loads, newest first; `build --as-of` takes their ids.
        runs: What the last runs did, newest first.
    """

    source: str | None
    edition: str | None
    datasets: list[DatasetStatus]
    candidate: str | None
    candidate_audited: bool
    published: str | None
    versions: list[str]
    marts_bytes: int
    loads: list[Load]
    runs: list[dict[str, Any]]


def status(settings: Settings) -> Status:
    """Looks at the warehouse and the published marts, and changes nothing.

    Args:
        settings: The settings.

    Returns:
        What is there.
    """
    target = warehouse(settings)
    last = candidate(target)
    loaded = _datasets(settings)
    zone = None
    if loaded:
        zone = target.fetch(
            f"select source, edition from {manifest.SCHEMA}.{manifest.TABLE} "
            "order by file_id desc limit 1"
        )[0]
    marts = published(settings)
    return Status(
        zone[0] if zone else None,
        zone[1] if zone else None,
        loaded,
        last.version if last else None,
        last.audited if last else False,
        marts.current(),
        marts.versions(),
        marts.size(),
        loads(target)[:SHOWN_RUNS],
        _runs(settings),
    )


def _datasets(settings: Settings) -> list[DatasetStatus]:
    target = warehouse(settings)
    if not target.has_table(manifest.SCHEMA, manifest.TABLE):
        return []
    rows = target.fetch(
        f"""
        select dataset, count(*), cast(sum(rows_loaded) as bigint),
            cast(sum(rows_rejected) as bigint), cast(max(loaded_at) as timestamp)
        from {manifest.SCHEMA}.{manifest.TABLE}
        where file_id in (
            select max(file_id) from {manifest.SCHEMA}.{manifest.TABLE} group by path
        ) and version is not null
        group by dataset order by dataset
        """
    )
    return [DatasetStatus(*row) for row in rows]


def _runs(settings: Settings) -> list[dict[str, Any]]:
    files = sorted(settings.reports_dir.glob("*Z-run.json"), reverse=True)[:SHOWN_RUNS]
    reports = (json.loads(file.read_text()) for file in files)
    return [
        {
            "at": report["at"],
            "status": report["status"],
            "seconds": report.get("seconds"),
            "version": (report.get("publish") or {}).get("version"),
        }
        for report in reports
    ]


def failing(settings: Settings, test: str, limit: int) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Fetches the rows on which a test of the last failed audit fails now.

    Args:
        settings: The settings.
        test: The name of the test.
        limit: How many rows at most.

    Returns:
        The names of the columns, and the rows.

    Raises:
        SettingsError: If that test did not fail in the last failed audit.
    """
    file = settings.reports_dir / FAILED_AUDIT
    failed = json.loads(file.read_text()) if file.exists() else {}
    if not failed.get(test):
        names = ", ".join(sorted(failed)) or "none"
        raise SettingsError(
            f"{test!r} is not a data test of the last failed audit (there: {names})",
            f"{command('build')} audits again",
        )
    try:
        return failing_rows(warehouse(settings), failed[test], limit)
    except duckdb.CatalogException as error:
        raise SettingsError(
            f"The rows that failed {test!r} are gone: {str(error).splitlines()[0]}",
            "build again, which audits anew",
        ) from None
