"""`vacuum`: removes rows, tables and published versions once nothing needs them."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field

from ingestion.build.janitor import Expired, clean, find
from ingestion.build.registry import BUILDS, WATERMARKS
from ingestion.engine import engine_of
from ingestion.publish.publish import prune
from ingestion.raw import manifest
from ingestion.warehouse.base import Connection, Warehouse, has_table
from ingestion.warehouse.run import Run


@dataclass(frozen=True)
class VacuumReport:
    """What was removed, or would be.

    Attributes:
        rows: Rows by RAW table; tables without any are left out.
        versions: Published versions.
        expired: Environments whose time is over, and tables of builds that nothing can need.
        kept_days: How many days superseded rows are kept.
        bytes_before: Size of the DuckDB file before.
        bytes_after: Its size after; DuckDB reuses freed space, and returns only the file's end.
        dry_run: Whether nothing was removed.
        seconds: Wall time.
    """

    rows: dict[str, int] = field(default_factory=dict)
    versions: list[str] = field(default_factory=list)
    expired: Expired = field(default_factory=Expired)
    kept_days: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    dry_run: bool = False
    seconds: float = 0.0


def vacuum_warehouse(run: Run, *, dry_run: bool = False) -> VacuumReport:
    """Removes long-superseded rows, rows of dead loads, expired environments and old versions.

    Args:
        run: The current run.
        dry_run: Only report what would be removed.
    """
    started = time.perf_counter()
    settings = run.settings
    target = engine_of(settings).warehouse()
    rows: dict[str, int] = {}
    expired = Expired()
    before = target.size()
    if target.has_table(manifest.SCHEMA, manifest.TABLE):
        lease = run.lease(target)
        expired = find(settings, target) if dry_run else clean(run, target)
        dead = [file_id for (file_id,) in target.fetch(_dead(target, settings.keep_days, expired))]
        # In Snowflake, only the user that loads may delete rows of RAW, and only the one that
        # builds knows which are dead.
        loader = engine_of(settings).warehouse(loader=True)
        with (
            loader.connect() as connection,
            lease.of(loader).transaction(connection, commit=not dry_run),
        ):
            rows = _remove(connection, dead)
    versions = prune(settings, dry_run=dry_run)
    return VacuumReport(
        rows=rows,
        versions=versions,
        expired=expired,
        kept_days=settings.keep_days,
        bytes_before=before,
        bytes_after=target.size(),
        dry_run=dry_run,
        seconds=time.perf_counter() - started,
    )


def _remove(connection: Connection, dead: Collection[int]) -> dict[str, int]:
    removed = {}
    for table, column in manifest.TABLES_OF_ROWS.items():
        if not has_table(connection, manifest.SCHEMA, table):
            continue
        is_dead = f"{column} not in (select file_id from {manifest.FILES})"
        if dead:
            is_dead += f" or {column} in ({', '.join(map(str, dead))})"
        rows = connection.execute(
            f"delete from {manifest.SCHEMA}.{table} where {is_dead}"
        ).fetchall()[0][0]
        if rows:
            removed[table] = rows
    return removed


def _dead(target: Warehouse, keep_days: int, expired: Expired) -> str:
    """The query for the file ids whose rows nothing needs."""
    seen = [
        f"next_id <= coalesce(({last_seen}), next_id)"
        for table, last_seen in _seen_by(target, expired).items()
        if target.has_table(*table.split("."))
    ]
    conditions = " and ".join([f"next_at < current_timestamp - interval '{keep_days} days'", *seen])
    return f"""
        select file_id
        from (
            select
                file_id,
                dataset,
                lead(file_id) over (partition by path order by file_id) as next_id,
                lead(loaded_at) over (partition by path order by file_id) as next_at
            from {manifest.FILES}
        )
        where {conditions}
    """


def _seen_by(target: Warehouse, expired: Expired) -> dict[str, str]:
    """Queries for the watermarks: the last manifest entry that a table or a build has seen.

    The tables are a dataset's facts; the builds are those that environments show or can return to.
    """

    def but(column: str, names: Collection[str]) -> str:
        listed = ", ".join(map(target.literal, names))
        return f"{column} not in ({listed})" if names else "true"

    return {
        WATERMARKS: f"select min(file_id) from {WATERMARKS} "
        "where split_part(model_name, '__', 1) = 'fct_' || dataset "
        f"and {but('model_name', expired.tables)}",
        BUILDS: f"select min(last_file_id) from {BUILDS} where {but('version', expired.builds)}",
    }
