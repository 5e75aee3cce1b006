"""A summary of the warehouse, for when a run has it open.

While one process writes a DuckDB file, no other can read it. So each run leaves a snapshot in the
home folder, and `status` shows it while the next run is in progress.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb
from pydantic import TypeAdapter

from ingestion.build import registry, release
from ingestion.build.environments import PRODUCTION
from ingestion.build.release import StatedCount
from ingestion.errors import MovielensError
from ingestion.home import write_whole
from ingestion.raw import manifest, readme, refusals
from ingestion.raw.manifest import Load
from ingestion.raw.refusals import Refusal
from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse

FILE = "status.json"
SHOWN_LOADS = 5


@dataclass(frozen=True)
class DatasetStatus:
    """The current files of one dataset.

    Attributes:
        dataset: The RAW table.
        files: Current file versions.
        rows: Their rows.
        rejected: Their rejected rows.
        loaded_at: When the newest was committed.
    """

    dataset: str
    files: int
    rows: int
    rejected: int
    loaded_at: datetime


@dataclass(frozen=True)
class Snapshot:
    """What the warehouse holds.

    Attributes:
        source: URL of the landing zone, or None if nothing is loaded.
        edition: The MovieLens edition it holds.
        datasets: What is current of each dataset.
        candidate: Version of the marts that production shows; all their tests passed.
        environments: When each environment besides production may be dropped, UTC, by its name.
        loads: The last loads, newest first; `build --as-of` takes their ids.
        refused: The files that are still refused, and why.
        readme: The README's counts compared with those of the last build.
        taken_at: When the snapshot was taken, UTC.
    """

    source: str | None = None
    edition: str | None = None
    datasets: list[DatasetStatus] = field(default_factory=list)
    candidate: str | None = None
    environments: dict[str, datetime | None] = field(default_factory=dict)
    loads: list[Load] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    readme: list[StatedCount] = field(default_factory=list)
    taken_at: datetime | None = None


_ADAPTER: TypeAdapter[Snapshot] = TypeAdapter(Snapshot)


def take(target: Warehouse) -> Snapshot:
    """Takes a snapshot of a warehouse."""
    known = registry.read(target)
    last = known.shown_by(PRODUCTION)
    loaded = _datasets(target)
    zone: tuple[Any, ...] = (None, None)
    if loaded:
        zone = target.fetch(
            f"select source, edition from {manifest.FILES} order by file_id desc limit 1"
        )[0]
    return Snapshot(
        source=zone[0],
        edition=zone[1],
        datasets=loaded,
        candidate=last.version if last else None,
        environments={
            name: entry.expires_at
            for name, entry in known.environments.items()
            if name != PRODUCTION.name
        },
        loads=manifest.loads(target)[:SHOWN_LOADS],
        refused=refusals.recall(target),
        readme=release.recorded(target) if readme.recall(target) else [],
        taken_at=datetime.now(UTC).replace(tzinfo=None, microsecond=0),
    )


def keep(settings: Settings, target: Warehouse) -> None:
    """Saves a snapshot of a warehouse after a write; best effort, never fails."""
    # Whatever prevents it has already failed the run.
    with suppress(MovielensError, OSError, duckdb.Error), target.kept_open():
        text = json.dumps(asdict(take(target)), indent=2, default=str)
        write_whole(settings.home / FILE, f"{text}\n")


def kept(settings: Settings) -> Snapshot | None:
    """Reads the snapshot that the last run left.

    Returns:
        The snapshot; None if there is none, or another release wrote it.
    """
    try:
        return _ADAPTER.validate_json((settings.home / FILE).read_bytes())
    except (OSError, ValueError):
        return None


def _datasets(target: Warehouse) -> list[DatasetStatus]:
    if not target.has_table(manifest.SCHEMA, manifest.TABLE):
        return []
    rows = target.fetch(
        f"""
        select dataset, count(*), cast(sum(rows_loaded) as bigint),
            cast(sum(rows_rejected) as bigint), cast(max(loaded_at) as timestamp)
        from {manifest.FILES}
        where {manifest.counting()}
        group by dataset order by dataset
        """
    )
    return [DatasetStatus(*row) for row in rows]
