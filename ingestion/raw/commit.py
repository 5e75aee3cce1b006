"""Writes a load to RAW: sweep, append, verify, commit."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import dlt
from dlt.common.storages.load_package import create_load_id

from ingestion.errors import MovielensError
from ingestion.landing.listing import LandingZone
from ingestion.progress import timed
from ingestion.raw import manifest
from ingestion.raw.pushdown import PushedDown
from ingestion.raw.rows import manifest_rows, parquets_of, rows_source
from ingestion.reading.file import Outcome
from ingestion.settings import Settings
from ingestion.warehouse.base import ROW_GROUP, Connection, Warehouse, transaction, values_of
from ingestion.warehouse.lease import Lease


@dataclass(frozen=True)
class LoadBatch:
    """What one load writes: the rows of files, and removals, each under a file id.

    Attributes:
        zone: The landing zone.
        loaded: Files that were read, with their file ids.
        gone: Paths to record as removed, by file ids larger than those of the files.
        first_id: The smallest file id of this load.
        pushed: Files that the warehouse loads itself, in the transaction of the commit.
    """

    zone: LandingZone
    loaded: list[Outcome]
    gone: dict[int, manifest.CurrentFile]
    first_id: int
    pushed: PushedDown = field(default_factory=PushedDown)


def write(settings: Settings, lease: Lease, batch: LoadBatch, steps: dict[str, float]) -> str:
    """Sweeps, appends, verifies and commits, on one connection so that no other run gets between.

    Args:
        settings: The settings.
        lease: The lease of the warehouse.
        batch: What to write.
        steps: Receives the seconds of each step.

    Returns:
        dlt's load id.

    Raises:
        MovielensError: If RAW does not have the rows that were read; nothing is committed.
        LeaseLost: If another run took the lease; nothing is committed.
    """
    with lease.target.connect() as connection:
        with timed(steps, "sweep"):
            lease.renew_in(connection)
            tables = _tables(connection)
            _sweep(connection, tables, batch.first_id)
        with timed(steps, "append"):
            load_id = _append(settings, lease.target, connection, tables, batch)
        with timed(steps, "verify"):
            verify(connection, batch.loaded)
        with timed(steps, "commit"):
            _commit(connection, lease, batch, load_id)
    return load_id


def _append(
    settings: Settings,
    target: Warehouse,
    connection: Connection,
    tables: set[str],
    batch: LoadBatch,
) -> str:
    """Appends rows with dlt; returns the load id, even for a load that only records removals.

    It also creates the tables of RAW that do not exist, as no transaction may do so later.
    """
    missing = manifest.ALWAYS_THERE - tables
    if not batch.loaded and not (batch.pushed.outcomes and missing):
        return create_load_id()
    source = rows_source(batch.loaded, missing, target.staged)
    destination = target.destination(connection, _row_group_bytes(batch.loaded))
    pipeline = _pipeline(settings, destination, target.staging())
    info = pipeline.run(source, loader_file_format="parquet")
    return info.loads_ids[-1]


def _tables(connection: Connection) -> set[str]:
    found = connection.execute(
        "select lower(table_name) from information_schema.tables "
        f"where lower(table_schema) = {connection.literal(manifest.SCHEMA)}"
    )
    return {table for (table,) in found.fetchall()}


def _row_group_bytes(loaded: list[Outcome]) -> int:
    """Returns the size of one DuckDB row group, in the file with the largest rows."""
    sizes = (
        parquet.stat().st_size * min(ROW_GROUP, rows) // rows
        for parquet, rows in parquets_of(loaded).items()
        if rows
    )
    return max(sizes, default=0)


def _pipeline(settings: Settings, destination: Any, staging: Any) -> dlt.Pipeline:
    """Creates a pipeline in an empty working folder, so it never resumes what a crash left."""
    pipeline = dlt.pipeline(
        pipeline_name="movielens",
        pipelines_dir=str(settings.work_dir / "dlt"),
        destination=destination,
        staging=staging,
        dataset_name=manifest.SCHEMA,
    )
    # The manifest is the state; dlt need not restore its own from the warehouse.
    pipeline.config.restore_from_destination = False
    return pipeline


def _sweep(connection: Connection, tables: set[str], before: int) -> None:
    """Deletes rows that a crash left uncommitted, with file ids below this load's."""
    if manifest.TABLE not in tables:
        return
    left = {
        table: f"from {manifest.SCHEMA}.{table} where {column} < {before} "
        f"and {column} not in (select file_id from {manifest.FILES})"
        for table, column in manifest.TABLES_OF_ROWS.items()
        if table in tables
    }
    counts = (f"select '{table}' as name, count(*) {rows}" for table, rows in left.items())
    found = connection.execute(" union all ".join(counts)).fetchall() if left else []
    with transaction(connection) if any(n for _, n in found) else nullcontext():
        for table, n in found:
            if n:
                connection.execute(f"delete {left[table]}")


def verify(connection: Connection, loaded: Sequence[Outcome]) -> None:
    """Verifies that RAW has, under each file id, the rows that were read and rejected.

    Raises:
        MovielensError: If it has more or fewer of either.
    """
    if not loaded:
        return
    ids = [outcome.file_id for outcome in loaded]
    expected = {(one.file.dataset, one.file_id): one.rows for one in loaded}
    expected |= {(manifest.REJECTED_ROWS, one.file_id): len(one.rejects) for one in loaded}
    tables = {table for table, _ in expected}
    counts = [
        f"select '{table}' as name, {column}, count(*) from {manifest.SCHEMA}.{table} "
        f"where {column} between {min(ids)} and {max(ids)} group by {column}"
        for table, column in manifest.TABLES_OF_ROWS.items()
        if table in tables
    ]
    found = connection.execute(" union all ".join(counts)).fetchall()
    rows_in = {(table, file_id): rows for table, file_id, rows in found}
    paths = {outcome.file_id: outcome.file.path for outcome in loaded}
    for (table, file_id), read in expected.items():
        rows = rows_in.get((table, file_id), 0)
        if rows != read:
            raise MovielensError(
                f"{paths[file_id]}: {read} rows were read for "
                f"{manifest.SCHEMA}.{table}, but it has {rows}. Nothing was committed",
                "run it again; if it happens again, report it with the log",
            )


def _commit(connection: Connection, lease: Lease, batch: LoadBatch, load_id: str) -> None:
    """Commits all file versions of a load at once, if this run still holds the lease."""
    loaded = [*batch.loaded, *batch.pushed.outcomes]
    entries = [*manifest_rows(batch.zone, loaded, load_id), *_removals(batch, load_id)]
    rows = values_of((entry.values() for entry in entries), connection.literal)
    with lease.transaction(connection):
        batch.pushed.split(connection)
        for values in rows:
            connection.execute(
                f"insert into {manifest.FILES} ({', '.join(entries[0])}) values {values}"
            )


def _removals(batch: LoadBatch, load_id: str) -> list[dict[str, Any]]:
    return [
        manifest.entry(batch.zone, load_id, file_id, gone.path, gone.dataset)
        for file_id, gone in batch.gone.items()
    ]
