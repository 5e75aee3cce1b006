"""An audit's failed tests and the rows that failed them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ingestion.build import artifacts
from ingestion.errors import AuditError, BrokenModels
from ingestion.home import write_whole
from ingestion.remedies import again, command
from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse

FAILED_AUDIT = "failed-audit.json"
EXAMPLE_ROWS = 3


@dataclass(frozen=True)
class FailedTest:
    """A test that failed, or a model that broke its contract.

    Attributes:
        name: Its name.
        table: The table it tests.
        rows: Number of failing rows.
        message: dbt's message.
        examples: The first of these rows, as text.
    """

    name: str
    table: str
    rows: int
    message: str
    examples: tuple[str, ...] = ()


class AuditFailure(AuditError):
    """The audit of a candidate failed."""

    def __init__(self, failures: list[FailedTest]) -> None:
        lines = [_in_words(failure) for failure in failures]
        super().__init__(
            f"The audit failed: nothing was published, readers still see the previous version.\n"
            f"{len(failures)} failed:\n" + "\n".join(lines),
            _how_to_see(failures),
        )
        self.failures = failures


def _how_to_see(failures: list[FailedTest]) -> str:
    with_rows = [failure.name for failure in failures if failure.examples]
    if with_rows:
        return f"see the failing rows: {command('status', '--failing', with_rows[0])}"
    return f"fix the model or the data, then: {again(otherwise=('build',))}"


def _in_words(failure: FailedTest) -> str:
    lines = [f"  {failure.name} on {failure.table}: {failure.rows} rows. {failure.message}"]
    return "\n".join([*lines, *(f"      {row}" for row in failure.examples)])


def raise_failures(
    settings: Settings, target: Warehouse, project: artifacts.Project, results: list[Any]
) -> None:
    """Raises if any model or test of a build failed.

    Raises:
        AuditFailure: If a test failed; `status --failing` then shows its rows.
        BrokenModels: If a model could not be built.
    """
    failed = [r for r in results if str(r.status) in ("fail", "error", "runtime error")]
    if not failed:
        return
    broken = [r for r in failed if _is_broken_model(r)]
    if broken:
        raise BrokenModels(
            {r.node.name: r.message for r in broken},
            f"the full log is in {settings.logs_dir / 'dbt.log'}",
        )
    failures = [_failed_test(target, project, result) for result in failed]
    settings.reports_dir.mkdir(exist_ok=True)
    sql = {r.node.name: getattr(r.node, "compiled_code", None) or "" for r in failed}
    write_whole(settings.reports_dir / FAILED_AUDIT, json.dumps(sql, indent=2))
    raise AuditFailure(failures)


def _is_broken_model(result: Any) -> bool:
    is_test = str(result.node.resource_type) in ("test", "unit_test")
    return not is_test and "enforced contract" not in (result.message or "")


def _failed_test(target: Warehouse, project: artifacts.Project, result: Any) -> FailedTest:
    node = result.node
    is_test = str(node.resource_type) in ("test", "unit_test")
    table = project.tested(node.unique_id) if is_test else node.name
    examples: tuple[str, ...] = ()
    if str(node.resource_type) == "test" and str(result.status) == "fail":
        _, rows = failing_rows(target, node.compiled_code, EXAMPLE_ROWS)
        examples = tuple(str(row) for row in rows)
    return FailedTest(node.name, table, result.failures or 0, result.message or "", examples)


def failing_rows(
    target: Warehouse, compiled_sql: str, limit: int
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Fetches rows that failed a test, given its SQL as dbt ran it.

    Returns:
        Column names and rows.
    """
    with target.connect() as connection:
        cursor = connection.execute(f"select * from ({compiled_sql}) as failing limit {limit}")
        return [column[0] for column in cursor.description or []], cursor.fetchall()
