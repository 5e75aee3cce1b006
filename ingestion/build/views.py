"""What environments show: views on the tables of a build, which move as a whole."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from ingestion.build.environments import LAYERS, STORE, Environment
from ingestion.build.registry import (
    BUILDS,
    ENVIRONMENTS,
    MEMBERS,
    TABLES,
    TESTS,
    WATERMARKS,
    Build,
    Entry,
    Registry,
    Table,
    entry_of,
    now,
    relations,
    replacing,
)
from ingestion.warehouse.base import Connection, Warehouse, create_schema
from ingestion.warehouse.lease import Lease

# Bookkeeping of releases that had no store, in the schemas that hold views now.
_OF_EARLIER_RELEASES = ("_built_files", "built_nodes", "fact_code")


def show(
    lease: Lease,
    environment: Environment,
    build: Build,
    before: Registry,
    expires_at: datetime | None = None,
    *,
    has_begun: bool = False,
) -> None:
    """Lets an environment show a build: all its views move, or none.

    Where each change of a view is a transaction of its own, the environment shows no build while
    they move, and a run that dies meanwhile leaves none that could be published.

    Args:
        lease: The warehouse's lease.
        environment: The environment; created if it does not exist.
        build: The build.
        before: What was registered before the build.
        expires_at: When the environment may be dropped, UTC; None for never.
        has_begun: Whether what `beginning` returns was executed.

    Raises:
        BusyError: If another run has taken the lease.
    """
    target = lease.target
    moment = now()
    begin = beginning(target, environment, before, expires_at)
    entry = Entry(environment.name, build.version, moment, expires_at)
    versions = {build.version, before.environments.get(environment.name, entry).version}
    used = ", ".join(map(target.literal, versions - {None}))
    final = [
        entry_of(target, entry, is_there=bool(begin) or environment.name in before.environments),
        f"update {BUILDS} set used_at = {target.literal(moment)} where version in ({used})",
    ]
    with target.connect() as connection:
        there = _relations(connection, environment)
        for layer in LAYERS:
            create_schema(connection, environment.schema(layer))
        moves = list(_moves(there, environment, before.shown_by(environment), build))
    _in_order(lease, [] if has_begun else begin, moves, final)


def beginning(
    target: Warehouse, environment: Environment, before: Registry, expires_at: datetime | None
) -> list[str]:
    """Returns the statement after which an environment shows no build, while its views move.

    None where they move in one transaction. Arguments are those of `show`.
    """
    if target.ddl_is_transactional:
        return []
    entry = Entry(environment.name, None, now(), expires_at)
    return [entry_of(target, entry, is_there=environment.name in before.environments)]


def _relations(connection: Connection, environment: Environment) -> dict[tuple[str, str], str]:
    """What is in an environment's schemas: the kind of each relation, by schema and name."""
    schemas = ", ".join(connection.literal(environment.schema(layer)) for layer in LAYERS)
    found = connection.execute(
        "select lower(table_schema), lower(table_name), table_type from information_schema.tables "
        f"where lower(table_schema) in ({schemas})"
    ).fetchall()
    connection.known.update(schema for schema, _, _ in found)
    return {(schema, name): kind for schema, name, kind in found}


def _moves(
    there: Mapping[tuple[str, str], str],
    environment: Environment,
    before: Build | None,
    after: Build,
) -> Iterable[str]:
    """The statements that make an environment's views those of a build."""
    were = before.members if before else {}
    for name, member in after.members.items():
        schema, view = environment.schema(member.layer), name.split(".")[-1]
        kind = there.get((schema, view))
        if kind == "BASE TABLE":  # of a release that had no store
            yield f"drop table {schema}.{view}"
        elif kind is not None and were.get(name) == member:
            continue
        yield _view(environment, member.layer, view, member.table)
    for schema, table in there:
        if table in _OF_EARLIER_RELEASES:
            yield f"drop table {schema}.{table}"
    for name, member in were.items():
        if name not in after.members:
            yield f"drop view if exists {environment.schema(member.layer)}.{name.split('.')[-1]}"


def _view(environment: Environment, layer: str, name: str, table: str) -> str:
    shown = f"{environment.schema(layer)}.{name}"
    return f"create or replace view {shown} as select * from {STORE}.{table}"


def forget_environment(lease: Lease, environment: Environment) -> None:
    """Drops an environment: its views, and its entry. The tables stay.

    Raises:
        ValueError: If it is production.
        BusyError: If another run has taken the lease.
    """
    if environment.is_production:
        raise ValueError("production is never dropped")
    name = lease.target.literal(environment.name)
    _in_order(
        lease,
        [entry_of(lease.target, Entry(environment.name, None, now(), now()), is_there=True)],
        [f"drop schema if exists {environment.schema(layer)} cascade" for layer in LAYERS],
        [f"delete from {ENVIRONMENTS} where environment = {name}"],
    )


def copy_fact(lease: Lease, table: Table, to: str) -> None:
    """Copies a fact, with its watermark, for a build that is to refresh the copy.

    Raises:
        BusyError: If another run has taken the lease; nothing has changed.
    """
    copying = lease.target.copying(f"{STORE}.{table.name}", f"{STORE}.{to}")
    _in_order(lease, [], [copying], _watermark_copied(lease.target, table.name, to))


def keep_fact(lease: Lease, build: Build, shows: Collection[Environment], table: Table) -> None:
    """Gives a build its own copy of a fact, so that the fact itself can be refreshed.

    Args:
        lease: The warehouse's lease.
        build: The build that keeps the rows as they are.
        shows: The environments that show it.
        table: The fact.

    Raises:
        BusyError: If another run has taken the lease; nothing has changed.
    """
    target, copy = lease.target, f"{table.name}_{table.file_id}"
    layer = build.members[table.model].layer
    views = [_view(environment, layer, table.model, copy) for environment in shows]
    version, name = target.literal(build.version), target.literal(table.model)
    _in_order(
        lease,
        [],
        [target.copying(f"{STORE}.{table.name}", f"{STORE}.{copy}"), *views],
        [
            *_watermark_copied(target, table.name, copy),
            *replacing(target.literal, TABLES, [copy], [table._replace(name=copy)]),
            f"update {MEMBERS} set table_name = {target.literal(copy)} "
            f"where version = {version} and model = {name}",
        ],
    )


def _watermark_copied(target: Warehouse, table: str, to: str) -> list[str]:
    name, copy = target.literal(table), target.literal(to)
    return [
        f"delete from {WATERMARKS} where model_name = {copy}",
        f"insert into {WATERMARKS} (model_name, file_id) "
        f"select {copy}, file_id from {WATERMARKS} where model_name = {name}",
    ]


def forget(lease: Lease, builds: Collection[str], tables: Collection[str], days: float) -> None:
    """Drops builds and tables: first from the registry, so that nothing reuses them.

    Args:
        lease: The warehouse's lease.
        builds: The builds, by version.
        tables: What to drop from the store.
        days: The age in days from which on results of tests are dropped, too.

    Raises:
        BusyError: If another run has taken the lease.
    """
    literal, views = lease.target.literal, relations(lease.target)
    old = literal(now() - timedelta(days=days))
    statements = [f"delete from {TESTS} where used_at < {old}"]
    for keys, where in (
        (builds, (f"{BUILDS} where version", f"{MEMBERS} where version")),
        (tables, (f"{TABLES} where table_name", f"{WATERMARKS} where model_name")),
    ):
        names = ", ".join(map(literal, keys))
        statements += [f"delete from {column} in ({names})" for column in where if names]
    lease.execute(*statements)
    # Views first: what they read may be dropped as well.
    drops = [
        f"drop {'view' if views[name] else 'table'} if exists {STORE}.{name}"
        for name in sorted(tables, key=lambda name: not views[name])
    ]
    _in_order(lease, [], drops, [])


def _in_order(
    lease: Lease, before: Sequence[str], ddl: Sequence[str], after: Sequence[str]
) -> None:
    """Runs statements, in one transaction if DDL can be part of one."""
    if lease.target.ddl_is_transactional:
        lease.execute(*ddl, *after)
        return
    if before:
        lease.execute(*before)
    with lease.target.connect() as connection:
        for statement in ddl:
            lease.renew()
            connection.execute(statement)
    lease.execute(*after)
