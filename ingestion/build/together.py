"""Runs dbt's data tests many to a statement, for a warehouse where each statement costs money.

Each test keeps its own SQL, as dbt compiled it, and its own verdict, which follows from the number
of its failures as in dbt. Only the order differs: all models are built before the first test runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ingestion.errors import MovielensError
from ingestion.warehouse.base import Warehouse

if TYPE_CHECKING:
    from dbt.artifacts.schemas.run import RunResult

# Small enough that Snowflake plans a statement within a second or two.
_AT_ONCE = 20


def run_together(
    target: Warehouse, tests: Sequence[Any], alone: Callable[[list[str]], list[Any]]
) -> list[Any]:
    """Runs tests.

    Args:
        target: The warehouse.
        tests: dbt's nodes of the tests, compiled.
        alone: Runs tests by name as dbt does, one to a statement: those of a statement that
            failed, to find out which it was.

    Returns:
        dbt's results, one per test.
    """
    results: list[Any] = []
    for start in range(0, len(tests), _AT_ONCE):
        batch = tests[start : start + _AT_ONCE]
        try:
            results += _run(target, batch)
        except MovielensError:
            results += alone([test.name for test in batch])
    return results


def _run(target: Warehouse, tests: Sequence[Any]) -> list[RunResult]:
    started = time.perf_counter()
    rows = target.fetch(" union all ".join(_query(target, test) for test in tests))
    seconds = (time.perf_counter() - started) / len(tests)
    verdicts = {row[0]: row for row in rows}
    return [_result(test, verdicts[test.name], seconds) for test in tests]


def _query(target: Warehouse, test: Any) -> str:
    config, failures = test.config, test.config.fail_calc
    rows = f"(\n{test.compiled_code}\n)"
    if config.limit is not None:
        rows = f"(select * from {rows} as failing limit {config.limit})"
    return (
        f"select {target.literal(test.name)} as test, {failures} as failures, "
        f"{failures} {config.warn_if} as should_warn, "
        f"{failures} {config.error_if} as should_error from {rows} as failing"
    )


def _result(test: Any, verdict: tuple[Any, ...], seconds: float) -> RunResult:
    from dbt.artifacts.schemas.results import TestStatus
    from dbt.artifacts.schemas.run import RunResult

    _, failures, should_warn, should_error = verdict
    config, status, condition = test.config, TestStatus.Pass, None
    if should_error and config.severity.upper() == "ERROR":
        status, condition = TestStatus.Fail, f"fail if {config.error_if}"
    elif should_warn:
        status, condition = TestStatus.Warn, f"warn if {config.warn_if}"
    found = f"{failures} result{'' if failures == 1 else 's'}"
    return RunResult(
        node=test,
        status=status,
        timing=[],
        thread_id="together",
        execution_time=seconds,
        message=f"Got {found}, configured to {condition}" if condition else None,
        adapter_response={},
        failures=failures if condition else 0,
        batch_results=None,
    )
