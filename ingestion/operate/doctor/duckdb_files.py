"""Checks of the two DuckDB files: the warehouse and the published marts."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from ingestion.errors import MovielensError, NewerLayout
from ingestion.operate.doctor.findings import Check, Finding, ok, problem, warning
from ingestion.publish.duckdb_file import read_version
from ingestion.remedies import command
from ingestion.settings import Settings
from ingestion.warehouse import layout
from ingestion.warehouse.base import DuckDBWarehouse


def warehouse(settings: Settings) -> Iterator[Finding]:
    """The file opens, and this version knows its layout."""
    target = DuckDBWarehouse(settings.warehouse_file)
    if not target.exists() and settings.marts_file.exists():
        yield warning(
            "warehouse",
            "warehouse-missing",
            f"{settings.warehouse_file} is missing; the published marts do not need it",
            f"{command('run')} reloads everything from the landing zone",
        )
        return
    if not target.exists():
        yield ok(
            "warehouse", f"{settings.warehouse_file} does not exist yet; the first load creates it"
        )
        return
    try:
        layout.check(target)
        tables = target.fetch("select count(*) from information_schema.tables")[0][0]
    except NewerLayout as error:
        yield problem("warehouse", "layout-newer", str(error), error.remedy)
        return
    except MovielensError as error:
        code = "warehouse-busy" if error.exit_code == 75 else "warehouse-cannot-be-opened"
        yield problem("warehouse", code, str(error), error.remedy)
        return
    yield ok("warehouse", f"{settings.warehouse_file} opens; {tables} tables and views")


def published(settings: Settings) -> Iterator[Finding]:
    """The published marts can be read."""
    if not settings.marts_file.exists():
        yield warning("published", "nothing-published", "readers see nothing yet", command("run"))
        return
    try:
        current = read_version(settings.marts_file)
    except NewerLayout as error:
        yield problem("published", "layout-newer", str(error), error.remedy)
        return
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        yield problem(
            "published",
            "published-cannot-be-read",
            f"{settings.marts_file}: {said}",
            f"{command('rollback')}, or: {command('publish')}",
        )
        return
    yield ok("published", f"version {current}")


CHECKS: list[Check] = [warehouse, published]
