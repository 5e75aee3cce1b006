"""The mark in a warehouse that says which layout it has, checked before anything is written."""

from __future__ import annotations

from ingestion import layout
from ingestion.datasets import RAW
from ingestion.errors import NewerLayout
from ingestion.project import DISTRIBUTION, version
from ingestion.warehouse.base import Connection, Warehouse, has_table

_NAME = "_layout"
# One row for each version that has written here.
TABLE = f"{RAW}.{_NAME}"


def make_table(connection: Connection) -> None:
    """Creates the table of marks, empty."""
    if not has_table(connection, RAW, _NAME):
        connection.execute(
            f"create table if not exists {TABLE} "
            "(layout bigint, written_by varchar, written_at timestamptz)"
        )


def check(target: Warehouse) -> None:
    """Checks that this version can read what a warehouse holds; changes nothing.

    Raises:
        NewerLayout: If a newer version has written to it.
    """
    if target.has_table(RAW, _NAME):
        with target.connect() as connection:
            _known(connection)


def take_over(connection: Connection) -> None:
    """Marks a warehouse that is new, or that an earlier version left.

    All that earlier versions wrote is still read; what has another form is rewritten by whatever
    meets it first.

    Raises:
        NewerLayout: If a newer version has written to it.
    """
    if _known(connection) < layout.WAREHOUSE:
        mine = connection.literal(version())
        connection.execute(
            f"insert into {TABLE} values ({layout.WAREHOUSE}, {mine}, current_timestamp)"
        )


def _known(connection: Connection) -> int:
    """Returns the layout that a warehouse has; 0 if it is unmarked."""
    row = connection.execute(
        f"select layout, written_by from {TABLE} order by layout desc limit 1"
    ).fetchone()
    found, by = row or (0, "")
    if found > layout.WAREHOUSE:
        raise NewerLayout(
            f"{DISTRIBUTION} {by} wrote this warehouse, with layout {found}; {version()} knows "
            f"layouts up to {layout.WAREHOUSE}. Nothing was changed",
            f'pip install --upgrade "{DISTRIBUTION}>={by}", or choose another MOVIELENS_HOME',
        )
    return int(found)
