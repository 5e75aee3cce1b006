"""Audited candidates without a build: marts of one number each."""

from __future__ import annotations

from ingestion.build.environments import AUDIT, CANDIDATE
from ingestion.warehouse.base import Warehouse

MARTS = ("mart_dataset_status", "mart_genre", "mart_tag")
BUILDS = "version varchar, fingerprint varchar, audited_at timestamp, built_at timestamp"


def version_of(number: int) -> str:
    """Names the version of a number."""
    return f"20260101T0000{number:02}Z-00000000"


def build_candidate(target: Warehouse, number: int, more: str = "") -> None:
    """Makes what dbt would: an audited candidate, with its number in every mart."""
    version = version_of(number)
    for mart in MARTS:
        columns, row = f"number bigint{more and ', ' + more + ' bigint'}", [number, number]
        target.replace_table(CANDIDATE, mart, columns, [row[: 1 + bool(more)]])
    target.replace_table(AUDIT, "builds", BUILDS, [[version, "f", "2026-01-01", "2026-01-01"]])
