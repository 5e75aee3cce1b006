"""Keeps the counts in a landing zone's README, as of its last load, in `raw._readme`."""

from __future__ import annotations

from ingestion.landing.listing import LandingZone
from ingestion.landing.readme import Readme
from ingestion.raw.manifest import SCHEMA
from ingestion.warehouse.base import Warehouse

TABLE = "_readme"
_COLUMNS = (
    "source varchar, path varchar, edition varchar, "
    "ratings bigint, users bigint, movies bigint, tags bigint"
)


def recall(target: Warehouse) -> Readme | None:
    """Reads the README's counts as of the last load; None if there was no README."""
    if not target.has_table(SCHEMA, TABLE):
        return None
    rows = target.fetch(f"select path, edition, ratings, users, movies, tags from {SCHEMA}.{TABLE}")
    return Readme(*rows[0]) if rows else None


def remember(target: Warehouse, zone: LandingZone) -> None:
    """Replaces the recorded counts with those of a landing zone's README."""
    table, readme = f"{SCHEMA}.{TABLE}", zone.readme
    with target.connect() as connection:
        # Before the transaction, as Snowflake commits at each DDL statement.
        connection.execute(f"create table if not exists {table} ({_COLUMNS})")
    statements = [f"delete from {table}"]
    if readme is not None:
        row = (
            zone.url,
            readme.path,
            readme.edition,
            readme.ratings,
            readme.users,
            readme.movies,
            readme.tags,
        )
        statements.append(f"insert into {table} values ({', '.join(map(target.literal, row))})")
    target.execute(*statements)
