"""The candidate: the marts built last, and whether they may be published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ingestion.build.environments import AUDIT
from ingestion.warehouse.base import Warehouse


@dataclass(frozen=True)
class Candidate:
    """The marts built last.

    Attributes:
        version: Their version.
        fingerprint: What they were computed from: file versions, code and what is known about the
            landing zone.
        audited: Whether every test passed.
        built_at: When they were built, UTC.
        source: URL of the landing zone they were built from; None if an earlier release built
            them.
    """

    version: str
    fingerprint: str
    audited: bool
    built_at: datetime
    source: str | None = None


def candidate(target: Warehouse) -> Candidate | None:
    """Finds the candidate in the warehouse.

    Returns:
        The candidate; None if there is none, or its build record is incomplete.
    """
    if not target.exists() or not target.has_table(AUDIT, "builds"):
        return None
    with target.connect() as connection:
        cursor = connection.execute(f"select * from {AUDIT}.builds")
        names = [column[0].lower() for column in cursor.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if not rows or not {"version", "fingerprint", "audited_at", "built_at"}.issubset(names):
        return None
    build = rows[0]
    return Candidate(
        version=build["version"],
        fingerprint=build["fingerprint"],
        audited=build["audited_at"] is not None,
        built_at=build["built_at"],
        source=build.get("source"),
    )
