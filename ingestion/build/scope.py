"""Decides how much to build: everything, or what changed files can affect.

A model or test gives the same result as before if its code, the engine and every file behind it are
unchanged. That is known only if the last build was complete and audited: `audit.built_from` records
its code and its watermark in the manifest. It is removed before a build and written after it.
"""

from __future__ import annotations

from collections.abc import Iterable

from ingestion.build.artifacts import Project, TestResult
from ingestion.build.dbt import code_fingerprint
from ingestion.build.environments import ANALYTICS, AUDIT, Environment
from ingestion.raw import manifest
from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse
from ingestion.warehouse.lease import Lease

_BUILT_FROM = "built_from"
# The model that is a snapshot of the manifest.
_SNAPSHOT = "src_files"
# Models that refer to the snapshot directly, so any file may change them. Models that read RAW get
# it through macros, which look up only the files of their own tables.
_READS_SNAPSHOT = "tag:reads_manifest"


def affected(
    settings: Settings, target: Warehouse, environment: Environment, project: Project
) -> list[str] | None:
    """Finds what must be built and tested.

    Returns:
        dbt's selectors; None for everything.
    """
    audit = environment.schema(AUDIT)
    if not target.has_table(audit, _BUILT_FROM):
        return None
    built_from = target.fetch(f"select code, last_file_id from {audit}.{_BUILT_FROM}")
    if not built_from:
        return None
    code, last_file_id = built_from[0]
    if code != code_fingerprint(settings) or project.relations() - _relations(target):
        return None
    changed = target.fetch(
        f"select distinct dataset from {manifest.FILES} where file_id > {last_file_id}"
    )
    return selectors(dataset for (dataset,) in changed)


def selectors(datasets: Iterable[str]) -> list[str]:
    """Selects the models and data tests that changed files can affect.

    Args:
        datasets: The RAW tables whose files were added, changed or removed.

    Returns:
        dbt's selectors.
    """
    changed = (f"source:{manifest.SCHEMA}.{dataset}+" for dataset in sorted(datasets))
    return [_SNAPSHOT, f"{_READS_SNAPSHOT}+", *changed]


def _relations(target: Warehouse) -> set[tuple[str, str]]:
    rows = target.fetch(
        "select lower(table_schema), lower(table_name) from information_schema.tables"
    )
    return {(schema, table) for schema, table in rows}


def begin(lease: Lease, environment: Environment) -> None:
    """Forgets the last build: until this one is audited, no candidate can be published."""
    audit = environment.schema(AUDIT)
    there = [table for table in ("builds", _BUILT_FROM) if lease.target.has_table(audit, table)]
    # Emptied, not dropped: some engines commit before each DDL statement.
    lease.execute(*(f"delete from {audit}.{table}" for table in there))


def complete(settings: Settings, lease: Lease, environment: Environment) -> None:
    """Records that everything is built and audited.

    Args:
        settings: The settings.
        lease: The warehouse's lease, held since before the build was planned.
        environment: Where it was built.

    Raises:
        BusyError: If another run has taken the lease, and may have built other files meanwhile.
    """
    audit, analytics = environment.schema(AUDIT), environment.schema(ANALYTICS)
    with lease.target.connect() as connection:
        columns = "code varchar, last_file_id bigint"
        connection.execute(f"create table if not exists {audit}.{_BUILT_FROM} ({columns})")
    code = lease.target.literal(code_fingerprint(settings))
    lease.execute(
        f"update {audit}.builds set audited_at = built_at",
        f"insert into {audit}.{_BUILT_FROM} select {code} as code, "
        f"max(file_id) as last_file_id from {analytics}.src_files",
    )


def merged_results(
    target: Warehouse, environment: Environment, results: list[TestResult]
) -> list[TestResult]:
    """Merges this build's test results into those of the build before.

    Returns:
        The results of all tests, each from when it was last run.
    """
    columns = ", ".join(TestResult._fields)
    before = target.fetch(f"select {columns} from {environment.schema(AUDIT)}.test_results")
    merged = {result.key: result for result in (*(TestResult(*row) for row in before), *results)}
    return list(merged.values())
