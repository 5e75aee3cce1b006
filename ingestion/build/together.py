"""Runs dbt's checks many to a statement, for a warehouse where each statement costs money.

Each data test keeps its own SQL, as dbt compiled it, and its own verdict, which follows from the
number of its failures as in dbt; and so does each contract. Only the order differs: all models are
built before the first check. A build is shown to nobody until all of them have passed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ingestion.errors import MovielensError
from ingestion.warehouse.base import Warehouse

if TYPE_CHECKING:
    from dbt.artifacts.schemas.run import RunResult

    Columns = list[tuple[str, str]]

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


def check_contracts(target: Warehouse, built: Sequence[Any]) -> None:
    """Compares the columns that models compute with those of their contracts, as dbt does.

    Args:
        target: The warehouse.
        built: dbt's results of the models; those of a broken contract become errors.
    """
    compiled = [result for result in built if result.node.compiled_code]
    for start in range(0, len(compiled), _AT_ONCE):
        batch = compiled[start : start + _AT_ONCE]
        try:
            _check_contracts(target, batch)
        except MovielensError:
            for result in batch:
                _check_alone(target, result)


def _check_alone(target: Warehouse, result: Any) -> None:
    try:
        _check_contracts(target, [result])
    except MovielensError:
        if str(result.status) == "success":
            raise
        # Its SQL is wrong, as dbt has found out.


def _check_contracts(target: Warehouse, results: Sequence[Any]) -> None:
    from dbt.artifacts.schemas.results import RunStatus
    from dbt.exceptions import ContractError

    for result, (computed, promised) in zip(results, _columns(target, results), strict=True):
        if sorted(computed) != sorted(promised):
            result.status = RunStatus.Error
            result.message = str(ContractError(*map(_for_dbt, (promised, computed))).msg)


def _columns(target: Warehouse, results: Sequence[Any]) -> list[tuple[Columns, Columns]]:
    """What each model computes and what its contract promises, asked in one query of no rows."""
    parts = [
        part
        for number, result in enumerate(results)
        for part in (
            _empty(number, "computed", f"select * from (\n{result.node.compiled_code}\n) as model"),
            _empty(number, "promised", _promised(result.node)),
        )
    ]
    columns = target.columns_of(f"select * from {' cross join '.join(parts)} where false limit 0")
    groups: list[Columns] = []
    for name, type_ in columns:
        if name == _BEGINS:
            groups.append([])
        else:
            groups[-1].append((name, type_))
    return list(zip(groups[::2], groups[1::2], strict=True))


# The name of a column that tells where those of the next query begin.
_BEGINS = "_begins_here"


def _empty(number: int, name: str, query: str) -> str:
    begins = f"(select 0 as {_BEGINS}) as begin_{name}_{number}"
    return (
        f"{begins} cross join (select * from ({query}) as any_row where false) as {name}_{number}"
    )


def _promised(model: Any) -> str:
    casts = (f"cast(null as {each.data_type}) as {each.name}" for each in model.columns.values())
    return f"select {', '.join(casts)}"


def _for_dbt(columns: Columns) -> list[dict[str, str]]:
    return [{"name": name, "data_type": type_} for name, type_ in columns]
