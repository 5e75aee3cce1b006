"""What environments show, and what they would show after a full refresh."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from ingestion.build.artifacts import Project
from ingestion.build.environments import ANALYTICS, CANDIDATE, Environment
from ingestion.build.lineage import lineage_of, parsed_in
from ingestion.settings import Settings
from tests.support.replay import FullRefresh
from tests.support.table_hash import Digest, digest, selections

Digests = dict[str, Digest]


def shown(settings: Settings, environment: Environment) -> Digests:
    """A digest of each table and view that an environment shows, by layer and model.

    Without the reports, which describe the build that made them.
    """
    with duckdb.connect(str(settings.warehouse_file), read_only=True) as connection:
        found = {
            f"{layer}.{name.partition('.')[2]}": digest(connection, selection)
            for layer in (ANALYTICS, CANDIDATE)
            for name, selection in selections(connection, environment.schema(layer)).items()
        }
    return without_reports(settings, found)


def without_reports(settings: Settings, digests: Digests) -> Digests:
    """Leaves out the marts that describe the build that made them."""
    lineage_of(settings)
    reports = Project(parsed_in(settings)).reports
    return {name: one for name, one in digests.items() if name.partition(".")[2] not in reports}


def built_anew(settings: Settings, folder: Path, full_refresh: FullRefresh) -> Digests:
    """What a full refresh of these models gives, on a copy of the warehouse as it is now."""
    copy = folder / settings.warehouse_file.name
    shutil.copy(settings.warehouse_file, copy)
    full_refresh.build(copy)
    home = settings.model_copy(update={"warehouse": copy})
    found = shown(home, Environment())
    copy.unlink()
    return found


def relations_of_the_store(settings: Settings) -> set[str]:
    """The tables and views of the store, without the registry."""
    with duckdb.connect(str(settings.warehouse_file), read_only=True) as connection:
        rows = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'store'"
        ).fetchall()
    return {name for (name,) in rows if not name.startswith("_")}


def as_an_earlier_release_left_it(settings: Settings) -> None:
    """Turns the views into tables, and drops the store: this is how homes were before it."""
    with duckdb.connect(str(settings.warehouse_file)) as connection:
        views = connection.execute(
            "select schema_name, view_name from duckdb_views() "
            "where schema_name in ('analytics', 'marts_candidate', 'audit')"
        ).fetchall()
        for schema, view in views:
            connection.execute(f"create table {schema}.moved as from {schema}.{view}")
            connection.execute(f"drop view {schema}.{view}")
            connection.execute(f"alter table {schema}.moved rename to {view}")
        connection.execute("create table analytics._built_files as from store._built_files")
        connection.execute("create table audit.built_nodes as select 'fact' as kind")
        connection.execute("drop schema store cascade")
