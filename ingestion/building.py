"""`build`: dbt builds the candidate and audits it; nothing here is visible to readers."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingestion import artifacts, manifest
from ingestion.errors import AuditError, MovielensError, SettingsError
from ingestion.lock import only_run
from ingestion.progress import Event, OnEvent, silent
from ingestion.settings import Settings
from ingestion.warehouse import Warehouse, warehouse

CANDIDATE_SCHEMA = "marts_candidate"
AUDIT_SCHEMA = "audit"
# The marts that tell of the build itself; built when its tests are known.
REPORT_TAG = "tag:audit_report"
FAILED_AUDIT = "failed-audit.json"
EXAMPLE_ROWS = 3
# Everything that decides what a build computes, besides the data.
CODE = ("dbt_project.yml", "models", "macros", "tests/data")

_BUILDS = (
    "version varchar, git_sha varchar, built_at timestamp, tests_passed bigint, "
    "tests_warned bigint, tests_failed bigint, fingerprint varchar, audited_at timestamp"
)


@dataclass(frozen=True)
class FailedTest:
    """A test that failed, or a model that broke its contract.

    Attributes:
        name: Its name.
        table: The table it is of.
        rows: How many rows failed it.
        message: What dbt says of it.
        examples: The first of these rows, as text.
    """

    name: str
    table: str
    rows: int
    message: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class BuildReport:
    """What one build did.

    Attributes:
        version: The version that the candidate gets when it is published.
        built: False if there was nothing to do.
        seconds: Wall time.
        models: Models built.
        tests_passed: Data tests and unit tests that passed.
        tests_warned: Tests that only warn, and did.
        warnings: Their names, with the number of rows.
    """

    version: str
    built: bool
    seconds: float
    models: int = 0
    tests_passed: int = 0
    tests_warned: int = 0
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Candidate:
    """The marts that were built last.

    Attributes:
        version: Their version.
        fingerprint: What they were computed from: file contents and code.
        audited: Whether every test passed.
        built_at: When they were built, UTC.
    """

    version: str
    fingerprint: str
    audited: bool
    built_at: datetime


class AuditFailure(AuditError):
    """The audit of a candidate failed.

    Args:
        failures: The tests that failed.
    """

    def __init__(self, failures: list[FailedTest]) -> None:
        lines = [_in_words(failure) for failure in failures]
        super().__init__(
            f"The audit failed, so nothing was published; what is published is untouched.\n"
            f"{len(failures)} failed:\n" + "\n".join(lines),
            _how_to_see(failures),
        )
        self.failures = failures


def _how_to_see(failures: list[FailedTest]) -> str:
    with_rows = [failure.name for failure in failures if failure.examples]
    if with_rows:
        return f"see the failing rows: movielens status --failing {with_rows[0]}"
    return "mend the model or the data, then: movielens build"


def _in_words(failure: FailedTest) -> str:
    lines = [f"  {failure.name} on {failure.table}: {failure.rows} rows. {failure.message}"]
    return "\n".join([*lines, *(f"      {row}" for row in failure.examples)])


def candidate(target: Warehouse) -> Candidate | None:
    """Tells which candidate is in the warehouse.

    Args:
        target: The warehouse.

    Returns:
        The candidate, or None if none is complete enough to speak of.
    """
    if not target.exists() or not target.has_table(AUDIT_SCHEMA, "builds"):
        return None
    rows = target.fetch(
        f"select version, fingerprint, audited_at is not null, built_at from {AUDIT_SCHEMA}.builds"
    )
    return Candidate(*rows[0]) if rows else None


def fingerprint(settings: Settings, target: Warehouse) -> str:
    """Identifies what a build would compute: the content of the files that count, and the code.

    Args:
        settings: Say where the models are.
        target: The warehouse.

    Returns:
        A SHA-256 in hexadecimal.
    """
    digest = hashlib.sha256()
    for path, entry in sorted(manifest.current_files(target).items()):
        digest.update(f"{path}\0{entry.source}\0{entry.content_hash}\0".encode())
    digest.update(_code_fingerprint(settings).encode())
    return digest.hexdigest()


def _code_fingerprint(settings: Settings) -> str:
    digest = hashlib.sha256()
    for name in CODE:
        root = settings.project / name
        files = sorted(root.rglob("*")) if root.is_dir() else [root]
        for file in files:
            if file.suffix in (".sql", ".yml", ".md"):
                digest.update(str(file.relative_to(settings.project)).encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()


def _forget_other_code(settings: Settings) -> None:
    """Makes dbt read all of the project again when any of it has changed.

    With only a macro changed, dbt 1.11's partial parsing loses the descriptions of tests.
    """
    parsed = settings.dbt_dir / "parsed-code"
    code = _code_fingerprint(settings)
    if not parsed.exists() or parsed.read_text() != code:
        (settings.dbt_dir / "partial_parse.msgpack").unlink(missing_ok=True)
        settings.dbt_dir.mkdir(exist_ok=True)
        parsed.write_text(code)


def build(
    settings: Settings, *, full_refresh: bool = False, on_event: OnEvent = silent
) -> BuildReport:
    """Builds the candidate and audits it with every test.

    Args:
        settings: The settings.
        full_refresh: Build the facts anew instead of what changed.
        on_event: Told of each model and test.

    Returns:
        What was built; `built` is False if files and models are those of the last candidate.

    Raises:
        AuditFailure: If a test failed; the candidate cannot be published.
        MovielensError: If a model could not be built.
        SettingsError: If nothing was loaded yet, or the models are not there.
        BusyError: If another run is at work.
    """
    started = time.perf_counter()
    with only_run(settings) as run:
        target = warehouse(settings)
        _check_ready(settings, target)
        print_of_this = fingerprint(settings, target)
        last = candidate(target)
        if last and last.audited and last.fingerprint == print_of_this and not full_refresh:
            return BuildReport(last.version, False, time.perf_counter() - started)
        run.lease(target)
        return _build(settings, target, print_of_this, full_refresh, on_event, started)


def _check_ready(settings: Settings, target: Warehouse) -> None:
    if not (settings.project / "dbt_project.yml").exists():
        raise SettingsError(
            f"There are no models in {settings.project}",
            "run this in a checkout of the project, or name one with MOVIELENS_PROJECT",
        )
    if not manifest.current_files(target):
        raise SettingsError("Nothing is loaded yet, so there is nothing to build", "movielens load")


def _build(
    settings: Settings,
    target: Warehouse,
    print_of_this: str,
    full_refresh: bool,
    on_event: OnEvent,
    started: float,
) -> BuildReport:
    target.execute(f"drop table if exists {AUDIT_SCHEMA}.builds")
    _forget_other_code(settings)
    arguments = ["--full-refresh"] if full_refresh else []
    results = _dbt(settings, target, ["--exclude", REPORT_TAG, *arguments], on_event)
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    version = f"{now:%Y%m%dT%H%M%SZ}-{print_of_this[:8]}"
    passed, warned = _count(results, "pass"), _count(results, "warn")
    _record(settings, target, results)
    row = (version, _git_sha(settings.project), now, passed, warned, 0, print_of_this, None)
    target.replace_table(AUDIT_SCHEMA, "builds", _BUILDS, [row])
    report = _dbt(settings, target, ["--select", REPORT_TAG], on_event)
    target.execute(f"update {AUDIT_SCHEMA}.builds set audited_at = built_at")
    return BuildReport(
        version,
        True,
        time.perf_counter() - started,
        _count([*results, *report], "success"),
        passed + _count(report, "pass"),
        warned + _count(report, "warn"),
        [f"{r.node.name}: {r.failures} rows" for r in results if r.status == "warn"],
    )


def _count(results: list[Any], status: str) -> int:
    return sum(str(result.status) == status for result in results)


def _record(settings: Settings, target: Warehouse, results: list[Any]) -> None:
    project = artifacts.Project(settings.dbt_dir)
    tables = target.fetch(
        "select case when table_schema = 'raw' then 'raw.' else '' end || table_name, "
        "column_name, data_type from information_schema.columns"
    )
    types = {(table, column.lower()): type_.lower() for table, column, type_ in tables}
    replace = target.replace_table
    replace(AUDIT_SCHEMA, "model_columns", artifacts.MODEL_COLUMNS, project.columns(types))
    replace(AUDIT_SCHEMA, "model_edges", artifacts.MODEL_EDGES, project.edges())
    replace(AUDIT_SCHEMA, "test_results", artifacts.TEST_RESULTS, project.test_results(results))


def _git_sha(project: Path) -> str:
    command = ["git", "-C", str(project), "rev-parse", "--short=12", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


@contextmanager
def _environment(settings: Settings) -> Iterator[None]:
    values = {
        "MOVIELENS_WAREHOUSE": str(settings.warehouse_file),
        "MOVIELENS_TARGET": settings.target,
        "DBT_TARGET_PATH": str(settings.dbt_dir),
        "DBT_LOG_PATH": str(settings.logs_dir),
    }
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _dbt(
    settings: Settings, target: Warehouse, arguments: list[str], on_event: OnEvent
) -> list[Any]:
    """Runs `dbt build` in this process, and raises what it found."""
    try:
        from dbt.cli.main import dbtRunner
    except ImportError:
        raise SettingsError(
            "dbt is not installed, so nothing can be built",
            'install the extra: pip install "movielens-warehouse[dbt]"',
        ) from None

    where = str(settings.project)
    command = ["build", "--project-dir", where, "--profiles-dir", where]
    quiet = ["--log-level", "none", "--log-level-file", "info", "--no-print"]
    with _environment(settings), _released(settings):
        outcome = dbtRunner(callbacks=[_follow(on_event)]).invoke([*command, *quiet, *arguments])
    if isinstance(outcome.exception, KeyboardInterrupt):
        raise outcome.exception
    if outcome.exception is not None:
        raise MovielensError(
            f"dbt stopped: {outcome.exception}",
            f"the full log is in {settings.logs_dir / 'dbt.log'}",
        )
    results = list(getattr(outcome.result, "results", []))
    _raise_failures(settings, target, results)
    return results


@contextmanager
def _released(settings: Settings) -> Iterator[None]:
    """Lets go of the warehouse after dbt, which would keep it open in this process."""
    try:
        yield
    finally:
        if settings.target == "dev":
            from dbt.adapters.duckdb.connections import DuckDBConnectionManager

            DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]


def _follow(on_event: OnEvent) -> Any:
    def follow(event: Any) -> None:
        if event.info.name == "LogStartLine":
            data = event.data
            step = "audit" if "test" in data.description else "build"
            on_event(Event(step, data.description, data.index, data.total))

    return follow


def _raise_failures(settings: Settings, target: Warehouse, results: list[Any]) -> None:
    failed = [r for r in results if str(r.status) in ("fail", "error", "runtime error")]
    if not failed:
        return
    broken = [r for r in failed if _is_broken_model(r)]
    if broken:
        names = "\n".join(f"  {r.node.name}: {r.message}" for r in broken)
        raise MovielensError(
            f"{len(broken)} models could not be built; what is published is untouched:\n{names}",
            f"the full log is in {settings.logs_dir / 'dbt.log'}",
        )
    failures = [_failed_test(settings, target, result) for result in failed]
    settings.reports_dir.mkdir(exist_ok=True)
    sql = {r.node.name: getattr(r.node, "compiled_code", None) or "" for r in failed}
    (settings.reports_dir / FAILED_AUDIT).write_text(json.dumps(sql, indent=2))
    raise AuditFailure(failures)


def _is_broken_model(result: Any) -> bool:
    is_test = str(result.node.resource_type) in ("test", "unit_test")
    return not is_test and "enforced contract" not in (result.message or "")


def _failed_test(settings: Settings, target: Warehouse, result: Any) -> FailedTest:
    node = result.node
    is_test = str(node.resource_type) in ("test", "unit_test")
    table = artifacts.Project(settings.dbt_dir).tested(node.unique_id) if is_test else node.name
    examples: tuple[str, ...] = ()
    if str(node.resource_type) == "test" and str(result.status) == "fail":
        _, rows = failing_rows(target, node.compiled_code, EXAMPLE_ROWS)
        examples = tuple(str(row) for row in rows)
    return FailedTest(node.name, table, result.failures or 0, result.message or "", examples)


def failing_rows(
    target: Warehouse, compiled_sql: str, limit: int
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Fetches rows that failed a test.

    Args:
        target: The warehouse.
        compiled_sql: The test as dbt ran it.
        limit: How many rows at most.

    Returns:
        The names of the columns, and the rows.
    """
    with target.connect() as connection:
        cursor = connection.execute(f"select * from ({compiled_sql}) as failing limit {limit}")
        return [column[0] for column in cursor.description or []], cursor.fetchall()
