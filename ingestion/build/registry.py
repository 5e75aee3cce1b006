"""The registry: which tables and builds the warehouse holds, and which build an environment shows.

A table is named after what it holds, and listed once it has passed its audit. A build is a set of
tables, one per model, and of the reports on it. An environment shows one build, through views. So
environments share what is equal; promoting and reverting change entries here, and views.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ingestion.build.environments import PRODUCTION, STORE, Environment
from ingestion.errors import SettingsError
from ingestion.lineage.fingerprints import Fingerprint
from ingestion.remedies import command
from ingestion.warehouse.base import Warehouse, create_schema, has_table
from ingestion.warehouse.lease import Lease

TABLES, BUILDS, MEMBERS = f"{STORE}._tables", f"{STORE}._builds", f"{STORE}._members"
TESTS, ENVIRONMENTS = f"{STORE}._tests", f"{STORE}._environments"
_COLUMNS = {
    TABLES: "table_name varchar, model varchar, fingerprint varchar, file_id bigint, "
    "n_rows bigint, milliseconds bigint, built_at timestamp",
    BUILDS: "version varchar, fingerprint varchar, source varchar, last_file_id bigint, "
    "built_at timestamp, used_at timestamp",
    MEMBERS: "version varchar, model varchar, layer varchar, table_name varchar, code varchar",
    TESTS: "test_key varchar, test_name varchar, status varchar, failures bigint, "
    "run_at timestamp, used_at timestamp",
    ENVIRONMENTS: "environment varchar, version varchar, applied_at timestamp, "
    "expires_at timestamp",
}
# The watermarks of the facts, which dbt writes: macros/incremental.
WATERMARKS = f"{STORE}._built_files"


class Table(NamedTuple):
    """A physical table that has passed an audit.

    Attributes:
        name: Its name in the store.
        model: The model that it was built from.
        fingerprint: Of that model's code.
        file_id: The last manifest entry of the model's datasets when it was built.
        rows: Its rows; None if it is a view, or the engine does not say.
        milliseconds: How long it took to build.
        built_at: When it was built, UTC.
    """

    name: str
    model: str
    fingerprint: str
    file_id: int
    rows: int | None = None
    milliseconds: int | None = None
    built_at: datetime | None = None


class Member(NamedTuple):
    """A table of a build.

    Attributes:
        layer: The schema in which production shows it.
        table: Its name in the store.
    """

    layer: str
    table: str


@dataclass(frozen=True, kw_only=True)
class Build:
    """An audited build.

    Attributes:
        version: The version under which its marts are published.
        fingerprint: What it was built from: file versions, code and what is known about the
            landing zone.
        source: URL of the landing zone.
        last_file_id: The last manifest entry that it has seen.
        built_at: When, UTC.
        used_at: When an environment last began or ceased to show it, UTC.
        members: Its tables by model, and those that report on it, such as `audit.builds`.
    """

    version: str
    fingerprint: str
    source: str | None
    last_file_id: int
    built_at: datetime
    used_at: datetime
    members: Mapping[str, Member] = field(default_factory=dict)

    @classmethod
    def of_row(cls, row: Sequence[Any], members: Mapping[str, Member] | None = None) -> Build:
        """Makes a build of its row in the registry, and of its tables."""
        names = [column.split()[0] for column in _COLUMNS[BUILDS].split(", ")]
        return cls(**dict(zip(names, row, strict=True)), members=members or {})

    @property
    def tables(self) -> set[str]:
        """The names of its tables in the store."""
        return {member.table for member in self.members.values()}


class Entry(NamedTuple):
    """An environment's entry.

    Attributes:
        environment: Its name.
        version: The build that it shows; None while its views are being moved.
        applied_at: Since when it shows it, UTC.
        expires_at: When it may be dropped, UTC; None for never.
    """

    environment: str
    version: str | None
    applied_at: datetime
    expires_at: datetime | None


class Passed(NamedTuple):
    """A test that passed, or only warned.

    Attributes:
        key: Its code, and the contents of the tables that it reads.
        name: Its name.
        status: `pass` or `warn`.
        failures: How many rows it warned of.
        run_at: When, UTC.
    """

    key: str
    name: str
    status: str
    failures: int
    run_at: datetime


@dataclass(frozen=True, kw_only=True)
class Registry:
    """All that is registered.

    Attributes:
        tables: The tables by name.
        builds: The builds by version, oldest first.
        environments: The environments by name.
        tests: The tests that passed, by key.
        relations: What is in the store, registered or not: by name, whether it is a view; empty if
            that was not read.
    """

    tables: Mapping[str, Table] = field(default_factory=dict)
    builds: Mapping[str, Build] = field(default_factory=dict)
    environments: Mapping[str, Entry] = field(default_factory=dict)
    tests: Mapping[str, Passed] = field(default_factory=dict)
    relations: Mapping[str, bool] = field(default_factory=dict)

    def shown_by(self, environment: Environment) -> Build | None:
        """Returns the build that an environment shows."""
        entry = self.environments.get(environment.name)
        return self.builds.get(entry.version or "") if entry else None

    def built_from(self, fingerprint: str) -> Build | None:
        """Returns the last build of just these files and this code."""
        found = (build for build in self.builds.values() if build.fingerprint == fingerprint)
        return max(found, key=lambda build: build.version, default=None)

    def shown(self, *, but: Environment | None = None) -> dict[str, Build]:
        """Returns the builds that environments show, by environment.

        Args:
            but: An environment to leave out.
        """
        found = {name: self.builds.get(e.version or "") for name, e in self.environments.items()}
        return {
            name: build
            for name, build in found.items()
            if build is not None and (but is None or name != but.name)
        }


def read(target: Warehouse) -> Registry:
    """Reads the registry; an empty one if there is none yet."""
    there = relations(target)
    if BUILDS.split(".")[1] not in there:
        return Registry()
    with target.connect() as connection:

        def rows(table: str, columns: str = "*") -> list[tuple[Any, ...]]:
            return connection.execute(f"select {columns} from {table}").fetchall()

        members: dict[str, dict[str, Member]] = {}
        for version, model, *member in rows(MEMBERS, "version, model, layer, table_name"):
            members.setdefault(version, {})[model] = Member(*member)
        tests = "test_key, test_name, status, failures, run_at"
        return Registry(
            tables={row[0]: Table(*row) for row in rows(TABLES)},
            builds={row[0]: Build.of_row(row, members.get(row[0])) for row in sorted(rows(BUILDS))},
            environments={row[0]: Entry(*row) for row in sorted(rows(ENVIRONMENTS))},
            tests={row[0]: Passed(*row) for row in rows(TESTS, tests)},
            relations=there,
        )


def candidate(target: Warehouse) -> Build | None:
    """Finds the candidate: the build that production shows, audited like all that are registered.

    Returns:
        The candidate, without its tables; None if there is none, or an earlier release built it.
    """
    if not target.has_table(*BUILDS.split(".")):
        return None
    rows = target.fetch(
        f"select builds.* from {BUILDS} as builds join {ENVIRONMENTS} as environments "
        "on builds.version = environments.version "
        f"where environments.environment = {target.literal(PRODUCTION.name)}"
    )
    return Build.of_row(rows[0]) if rows else None


def codes(target: Warehouse, version: str) -> dict[str, Fingerprint]:
    """Reads the fingerprint of each model of a build."""
    rows = target.fetch(
        f"select model, code from {MEMBERS} "
        f"where version = {target.literal(version)} and code is not null"
    )
    return {model: Fingerprint.from_json(code) for model, code in rows}


def unknown(known: Registry, environment: Environment) -> SettingsError:
    """Returns the error for an environment that does not exist."""
    others = sorted(name for name in known.environments if Environment(name) != PRODUCTION)
    there = f"there are {', '.join(others)}" if others else "there is none yet"
    return SettingsError(
        f"There is no environment {environment.name!r}; {there}",
        command("apply", environment.name),
    )


def relations(target: Warehouse) -> dict[str, bool]:
    """Lists what is in the store, registered or not.

    Returns:
        By name, whether it is a view.
    """
    if not target.exists():
        return {}
    with target.connect() as connection:
        rows = connection.execute(
            "select lower(table_name), table_type from information_schema.tables "
            f"where lower(table_schema) = {connection.literal(STORE)}"
        ).fetchall()
        names = [STORE, *(f"{STORE}.{name}" for name, _ in rows)]
        connection.known.update(names if rows else [])
    return {name: kind == "VIEW" for name, kind in rows}


def create(target: Warehouse) -> None:
    """Creates the store and an empty registry in it, where there is none; under the lease."""
    with target.connect() as connection:
        create_schema(connection, STORE)
        tables = {**_COLUMNS, WATERMARKS: "model_name varchar, file_id bigint"}
        if not all(table in connection.known for table in tables):
            has_table(connection, *BUILDS.split("."))  # and so which others there are
        for table, columns in tables.items():
            if table not in connection.known:
                connection.execute(f"create table if not exists {table} ({columns})")


def record(
    lease: Lease,
    build: Build,
    tables: Collection[Table],
    tests: Collection[Passed],
    code: Mapping[str, Fingerprint],
    before: Registry | None = None,
    also: Iterable[str] = (),
) -> None:
    """Records an audited build.

    Args:
        lease: The warehouse's lease.
        build: The build.
        tables: Those of its tables that are new or were refreshed.
        tests: All tests of the build.
        code: The fingerprint of each model.
        before: What was registered before, read under the lease: nothing else is to be replaced;
            None if that is unknown.
        also: More statements for the same transaction.

    Raises:
        BusyError: If another run has taken the lease, and may have built other files meanwhile.
    """
    members = [
        (build.version, model, *member, code[model].to_json() if model in code else None)
        for model, member in build.members.items()
    ]
    described = (build.source, build.last_file_id, build.built_at, build.used_at)
    new: dict[str, list[Sequence[Any]]] = {
        TABLES: [*tables],
        BUILDS: [(build.version, build.fingerprint, *described)],
        MEMBERS: [*members],
        TESTS: [(*test, now()) for test in tests],
    }
    there = {table: {row[0] for row in rows} for table, rows in new.items()}
    if before is not None:
        there[TABLES] &= before.tables.keys()
        there[BUILDS] &= before.builds.keys()
        there[MEMBERS] &= before.builds.keys()
        there[TESTS] &= before.tests.keys()
    literal = lease.target.literal
    statements = [
        statement
        for table, rows in new.items()
        for statement in replacing(literal, table, there[table], rows)
    ]
    lease.execute(*statements, *also)


def replacing(
    literal: Callable[[Any], str], table: str, keys: Iterable[str], rows: Iterable[Sequence[Any]]
) -> list[str]:
    """Returns the statements that put rows in place of those with the same first column.

    Args:
        literal: Formats a value.
        table: A table of the registry.
        keys: The values of the first column; empty if there are no such rows.
        rows: The rows, in column order.
    """
    columns = [column.split()[0] for column in _COLUMNS[table].split(", ")]
    gone = ", ".join(sorted(map(literal, keys)))
    values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
    if not values:
        return []
    delete = [f"delete from {table} where {columns[0]} in ({gone})"] if gone else []
    return [*delete, f"insert into {table} ({', '.join(columns)}) values {values}"]


def now() -> datetime:
    """Returns the time in UTC, without a zone, as the registry holds it."""
    return datetime.now(UTC).replace(tzinfo=None)


def keep(lease: Lease, environment: Environment, expires_at: datetime | None) -> None:
    """Sets when an environment may be dropped, UTC; None for never.

    Raises:
        BusyError: If another run has taken the lease.
    """
    literal = lease.target.literal
    lease.execute(
        f"update {ENVIRONMENTS} set expires_at = {literal(expires_at)} "
        f"where environment = {literal(environment.name)}"
    )


def entry_of(target: Warehouse, entry: Entry, *, is_there: bool) -> str:
    """Returns the statement that writes an environment's entry, which is there already or not."""
    values = dict(zip(Entry._fields, map(target.literal, entry), strict=True))
    if not is_there:
        names, given = ", ".join(values), ", ".join(values.values())
        return f"insert into {ENVIRONMENTS} ({names}) values ({given})"
    name = values.pop("environment")
    changes = ", ".join(f"{column} = {value}" for column, value in values.items())
    return f"update {ENVIRONMENTS} set {changes} where environment = {name}"
