"""The mark in a warehouse that says which layout it has, checked before anything is written."""

from __future__ import annotations

from ingestion import layout
from ingestion.datasets import RAW
from ingestion.errors import SettingsError
from ingestion.project import DISTRIBUTION, version
from ingestion.warehouse.base import Connection, has_table

# One row for each version that has written here.
TABLE = f"{RAW}._layout"


def make_table(connection: Connection) -> None:
    """Creates the table of marks, empty."""
    if not has_table(connection, *TABLE.split(".")):
        connection.execute(
            f"create table if not exists {TABLE} "
            "(layout bigint, written_by varchar, written_at timestamptz)"
        )


def take_over(connection: Connection) -> None:
    """Marks a warehouse that is new, or that an earlier version left.

    All that earlier versions wrote is still read; what has another form is rewritten by whatever
    meets it first.

    Raises:
        SettingsError: If a newer version has written to it.
    """
    row = connection.execute(
        f"select layout, written_by from {TABLE} order by layout desc limit 1"
    ).fetchone()
    found, by = row or (0, "")
    if found > layout.WAREHOUSE:
        raise SettingsError(
            f"{DISTRIBUTION} {by} wrote this warehouse, with layout {found}; {version()} knows "
            f"layouts up to {layout.WAREHOUSE}. Nothing was changed",
            f'pip install --upgrade "{DISTRIBUTION}>={by}", or choose another MOVIELENS_HOME',
        )
    if found < layout.WAREHOUSE:
        mine = connection.literal(version())
        connection.execute(
            f"insert into {TABLE} values ({layout.WAREHOUSE}, {mine}, current_timestamp)"
        )
