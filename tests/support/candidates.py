"""Audited candidates without a build, or with other figures than it gave."""

from __future__ import annotations

from datetime import datetime

from ingestion.build import registry, views
from ingestion.build.environments import CANDIDATE, PRODUCTION
from ingestion.build.registry import Build
from ingestion.engine import engine_of
from ingestion.home import make_home
from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse
from ingestion.warehouse.lease import acquire

MARTS = ("mart_dataset_status", "mart_genre", "mart_tag")
_THEN = datetime(2026, 1, 1)


def version_of(number: int) -> str:
    """Names the version of a number."""
    return f"20260101T0000{number:02}Z-00000000"


def build_candidate(settings: Settings, number: int, more: str = "") -> None:
    """Makes what a build would: an audited candidate, with its number in every mart."""
    target = engine_of(settings).warehouse()
    for mart in MARTS:
        columns, row = f"number bigint{more and ', ' + more + ' bigint'}", [number, number]
        target.replace_table(CANDIDATE, mart, columns, [row[: 1 + bool(more)]])
    register_candidate(settings, version_of(number))


def register_candidate(settings: Settings, version: str) -> None:
    """Says of the marts that are in the candidate's schema that they are audited."""
    make_home(settings.home)
    lease = acquire(settings).of(engine_of(settings).warehouse())
    made = Build(
        version=version,
        fingerprint="f",
        source=None,
        last_file_id=1,
        built_at=_THEN,
        used_at=_THEN,
    )
    registry.create(lease.target)
    registry.record(lease, made, [], [], {})
    views.show(lease, PRODUCTION, made, registry.read(lease.target))
    lease.release()


def rename_candidate(target: Warehouse, version: str) -> None:
    """Gives the candidate another version, in the registry and in the mart that shows it."""
    (before,) = target.fetch(
        "select version from store._environments where environment = 'production'"
    )[0]
    old, new = target.literal(before), target.literal(version)
    target.execute(
        *(
            f"update store.{table} set version = {new} where version = {old}"
            for table in ("_builds", "_members", "_environments")
        ),
        f"update {table_of(target, 'mart_dataset_status')} set data_version = {new}",
    )


def table_of(target: Warehouse, model: str) -> str:
    """The table that production shows as a model."""
    rows = target.fetch(
        "select m.table_name from store._members as m join store._environments as e "
        "on e.version = m.version and e.environment = 'production' "
        f"where m.model = {target.literal(model)}"
    )
    return f"store.{rows[0][0]}"
