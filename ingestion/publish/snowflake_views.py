"""The published marts in Snowflake: an append-only store, and views on it.

`marts_store` has a table per mart, with the rows of every kept version, and `_versions`, whose last
entry names the current one. Readers have access only to the secure views of `marts`: `mart_x` has
the rows of the current version, so all of them change with that one entry, in the transaction that
writes it; `mart_x_by_version` has those of all kept versions, for a reader that pins the one it
started with; `current_version` names the current one.

A publish takes these steps, and can die at any point:

1. A store or view that is missing, or whose columns differ from the candidate's, is rebuilt: rows
   of kept versions stay, with null in new columns. Readers see the same rows as before. The store
   loses a column only after the views that name it. A new store gets the candidate's rows at once:
   readers do not see them, as nothing names their version yet.
2. In one transaction that begins with the lease, the candidate's rows are appended under its
   version and counted, and the entry is written. So a run that lost its lease changes no row, and
   from the commit on every view shows the new version.
3. Versions beyond those to be kept are removed.

Rows of unknown versions, which a publish that died in step 1 leaves, are removed in step 2.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any

from ingestion.build.environments import CANDIDATE, PRODUCTION
from ingestion.errors import MovielensError
from ingestion.publish.place import SEEN, Place
from ingestion.publish.published import Version
from ingestion.remedies import command
from ingestion.warehouse.base import (
    Connection,
    Warehouse,
    columns_in,
    create_schema,
    has_table,
)
from ingestion.warehouse.lease import Lease

STORE, SCHEMA = "marts_store", "marts"
_VERSIONS = f"{STORE}._versions"
_CURRENT = f"select max_by(version, number) as version from {_VERSIONS}"
_COLUMNS = (
    "number bigint, version varchar, rolled_back varchar, published_at timestamptz, source varchar"
)
Columns = list[tuple[str, str]]


class MartsViews:
    """What readers see in Snowflake.

    Args:
        target: The warehouse, as the user that publishes.
    """

    is_shared = True

    def __init__(self, target: Warehouse) -> None:
        self._target = target

    def current(self) -> str | None:
        """The version that readers see."""
        if not self._target.has_table(STORE, "_versions"):
            return None
        version = self._target.fetch(_CURRENT)[0][0]
        return str(version) if version else None

    def place(self) -> Place | None:
        """Where the marts are that readers see; None if nothing is published."""
        version = self.current()
        if version is None:
            return None
        return Place(name=SEEN, version=version, schemas=(STORE,), is_store=True)

    def size(self) -> int:
        """Bytes of all kept versions."""
        rows = self._target.fetch(
            "select sum(bytes) from information_schema.tables "
            f"where lower(table_schema) = {self._target.literal(STORE)}"
        )
        return int(rows[0][0] or 0)

    def check_layout(self) -> None:
        """Nothing to do: the mark of the warehouse counts for its schemas, too."""

    def bring_up_to_date(self) -> None:
        """Nothing to do: `publish` fits the store's tables to the marts."""

    def kept(self) -> list[Version]:
        """The kept versions in the order in which readers saw them, including those held back."""
        return _kept(self._entries())

    def versions(self) -> tuple[str | None, list[Version]]:
        """The version that readers see, and those that are kept, by one statement."""
        entries = self._entries()
        return (entries[-1]["version"] if entries else None), _kept(entries)

    def _entries(self) -> list[dict[str, Any]]:
        """All publishes and rollbacks, oldest first; an earlier release recorded no source."""
        if not self._target.has_table(STORE, "_versions"):
            return []
        with self._target.connect() as connection:
            return _entries_in(connection)[1]

    def select(self, columns: str, mart: str, condition: str = "true") -> list[tuple[Any, ...]]:
        """Rows of a mart that readers see; none if no such mart is published."""
        if not self._target.has_table(STORE, mart):
            return []
        return self._target.fetch(
            f"select {columns} from {STORE}.{mart} where _version = ({_CURRENT}) and {condition}"
        )

    def publish(self, lease: Lease, version: str, source: str | None) -> None:
        """Publishes the candidate, all marts at once.

        Args:
            lease: The warehouse's lease, held since before the candidate was chosen, and just
                renewed.
            version: Its version.
            source: URL of the landing zone it was built from.

        Raises:
            MovielensError: If the store does not have the candidate's rows; nothing is published.
            BusyError: If another run has taken the lease.
        """
        with self._target.connect() as connection:
            found = _columns(connection, PRODUCTION.schema(CANDIDATE), STORE, SCHEMA)
            marts, stored, shown = found
            known = _make_schemas(connection)
            for mart, columns in marts.items():
                lease.renew()
                _make_store(connection, mart, columns, stored.get(mart), version)
                _make_views(connection, mart, columns, stored.get(mart, []), shown)
            is_kept = version in known
            with lease.transaction(connection):
                there = [mart for mart in marts if mart in stored]
                for mart in _with_unknown_rows(connection, there):
                    connection.execute(f"delete from {STORE}.{mart} where {_UNKNOWN}")
                for mart in there if not is_kept else []:
                    _append(connection, mart, marts[mart], version)
                _verify(connection, marts, version)
                connection.execute(_entry(self._target, version, source))

    def roll_back(self, to: str, left: str | None) -> None:
        """Returns readers to an earlier version, with one entry.

        Args:
            to: The version to return to.
            left: The version to leave.
        """
        source = next((v.source for v in self.kept() if v.version == to), None)
        self._target.execute(_entry(self._target, to, source, left))

    def remove(self, versions: list[str]) -> None:
        """Removes versions: first from what readers can see, then their rows."""
        if not versions:
            return
        gone = ", ".join(map(self._target.literal, versions))
        with self._target.connect() as connection:
            (marts,) = _columns(connection, STORE)
        self._target.execute(f"delete from {_VERSIONS} where version in ({gone})")
        deletes = (f"delete from {STORE}.{mart} where _version in ({gone})" for mart in marts)
        self._target.execute(*deletes)


def _kept(entries: list[dict[str, Any]]) -> list[Version]:
    published: dict[str, dict[str, Any]] = {}
    left: dict[str, int] = {}
    for entry in entries:
        published[entry["version"]] = entry
        left[entry["rolled_back"]] = entry["number"]
    found = [
        Version(
            version,
            entry.get("source"),
            entry["published_at"].astimezone(UTC).replace(tzinfo=None),
            left.get(version, 0) > entry["number"],
        )
        for version, entry in published.items()
    ]
    return sorted(found, key=lambda version: version.order)


_KNOWN = f"select version from {_VERSIONS}"
_UNKNOWN = f"_version not in ({_KNOWN})"


def _entry(
    target: Warehouse, version: str, source: str | None, rolled_back: str | None = None
) -> str:
    it, left, zone = (target.literal(text) for text in (version, rolled_back, source))
    return (
        f"insert into {_VERSIONS} (number, version, rolled_back, published_at, source) "
        f"select coalesce(max(number), 0) + 1, {it}, {left}, "
        f"current_timestamp, {zone} from {_VERSIONS}"
    )


def _entries_in(connection: Connection) -> tuple[list[str], list[dict[str, Any]]]:
    """The columns of the entries, and the entries, oldest first."""
    cursor = connection.execute(f"select * from {_VERSIONS} order by number")
    names = [column[0].lower() for column in cursor.description or []]
    return names, [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _make_schemas(connection: Connection) -> set[str]:
    """Makes what is missing around the marts; returns the versions that are kept."""
    for schema in (STORE, SCHEMA):
        create_schema(connection, schema)
    entries: list[dict[str, Any]] = []
    if has_table(connection, STORE, "_versions"):
        names, entries = _entries_in(connection)
        if "source" not in names:  # an earlier release made it
            connection.execute(f"alter table {_VERSIONS} add column source varchar")
    else:
        connection.execute(f"create table if not exists {_VERSIONS} ({_COLUMNS})")
    if not has_table(connection, SCHEMA, "current_version"):
        connection.execute(f"create or replace secure view {SCHEMA}.current_version as {_CURRENT}")
    return {entry["version"] for entry in entries}


def _columns(connection: Connection, *schemas: str) -> list[dict[str, Columns]]:
    """Column names and types of each mart or view of one in some schemas, in order."""
    found: dict[str, dict[str, Columns]] = {schema: {} for schema in schemas}
    for (schema, table), columns in columns_in(connection, schemas).items():
        if table.startswith("mart_"):
            found[schema][table] = list(columns.items())
    return [found[schema] for schema in schemas]


def _make_store(
    connection: Connection, mart: str, columns: Columns, stored: Columns | None, version: str
) -> None:
    """Gives a mart's store the mart's columns; a new one has the candidate's rows as well.

    A column that is gone stays until the views that name it have moved. DDL commits, so the lease
    can only be checked before it: a run that has just lost it must fail rather than replace a store
    that the holder has made.
    """
    wanted, there = dict(columns), dict(stored or [])
    if stored is None:
        connection.execute(
            f"create table {STORE}.{mart} as "
            f"select cast({connection.literal(version)} as varchar) as _version, "
            f"{', '.join(wanted)} from {PRODUCTION.schema(CANDIDATE)}.{mart}"
        )
    elif stored != [("_version", "TEXT"), *columns]:
        kept = [*columns, *((name, there[name]) for name in _gone(columns, stored))]
        values = ", ".join(
            f"cast({name if name in there else 'null'} as {type_}) as {name}"
            for name, type_ in kept
        )
        rows = f"select _version, {values} from {STORE}.{mart}"
        connection.execute(f"create or replace table {STORE}.{mart} as {rows}")


def _gone(columns: Columns, stored: Columns) -> list[str]:
    """The columns of a mart's store that the mart no longer has."""
    return [name for name, _ in stored if name not in {"_version", *dict(columns)}]


def _make_views(
    connection: Connection,
    mart: str,
    columns: Columns,
    stored: Columns,
    shown: dict[str, Columns],
) -> None:
    """Creates the views on a mart's store, unless they show all of it as it is."""
    by_version = f"{mart}_by_version"
    names = [name for name, _ in columns]
    seen = [[name for name, _ in shown.get(view, [])] for view in (mart, by_version)]
    if stored == [("_version", "TEXT"), *columns] and seen == [names, ["_version", *names]]:
        return
    listed, view = ", ".join(names), f"create or replace secure view {SCHEMA}"
    connection.execute(
        f"{view}.{mart} copy grants as select {listed} from {STORE}.{mart} "
        f"where _version = ({_CURRENT})"
    )
    connection.execute(
        f"{view}.{by_version} copy grants as select _version, {listed} from {STORE}.{mart} "
        f"where _version in ({_KNOWN})"
    )
    for column in _gone(columns, stored):
        connection.execute(f"alter table {STORE}.{mart} drop column {column}")


def _with_unknown_rows(connection: Connection, marts: list[str]) -> list[str]:
    """The marts whose store has rows of unknown versions."""
    if not marts:
        return []
    counts = " union all ".join(
        f"select {connection.literal(mart)} as mart, count(*) as n_rows "
        f"from {STORE}.{mart} where {_UNKNOWN}"
        for mart in marts
    )
    return [mart for mart, n_rows in connection.execute(counts).fetchall() if n_rows]


def _append(connection: Connection, mart: str, columns: Columns, version: str) -> None:
    names = ", ".join(name for name, _ in columns)
    connection.execute(
        f"insert into {STORE}.{mart} (_version, {names}) "
        f"select {connection.literal(version)}, {names} from {PRODUCTION.schema(CANDIDATE)}.{mart}"
    )


def _verify(connection: Connection, marts: dict[str, Columns], version: str) -> None:
    it = connection.literal(version)
    counts = " union all ".join(
        f"select {connection.literal(mart)} as mart, "
        f"(select count(*) from {PRODUCTION.schema(CANDIDATE)}.{mart}) as built, "
        f"(select count(*) from {STORE}.{mart} where _version = {it}) as stored"
        for mart in marts
    )
    for mart, built, stored in connection.execute(counts).fetchall():
        if built != stored:
            raise MovielensError(
                f"{mart} has {built} rows, but {stored} are in {STORE} for version {version}. "
                "Nothing was published; the published marts are untouched",
                command("publish"),
            )
