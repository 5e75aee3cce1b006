"""`build`: dbt builds the candidate and audits it; nothing here is visible to readers."""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingestion import artifacts, manifest, scope
from ingestion.auditing import raise_failures
from ingestion.dbt_runs import Dbt, code_fingerprint
from ingestion.environments import AS_OF, AUDIT, PUBLISHED, Environment
from ingestion.errors import SettingsError
from ingestion.lease import Lease
from ingestion.lock import only_run
from ingestion.progress import OnEvent, silent
from ingestion.remedies import command
from ingestion.settings import Settings
from ingestion.warehouse import Warehouse, warehouse

_BUILDS = (
    "version varchar, git_sha varchar, built_at timestamp, tests_passed bigint, "
    "tests_warned bigint, tests_failed bigint, fingerprint varchar, audited_at timestamp"
)


@dataclass(frozen=True)
class BuildReport:
    """What one build did.

    Attributes:
        version: The version that the candidate gets when it is published.
        built: False if there was nothing to do.
        seconds: Wall time.
        models: Models built.
        tests_passed: Data tests and unit tests that passed.
        tests_warned: Tests that only warn, and did, now or when they were last run.
        warnings: Their names, with the number of rows.
        node_seconds: Seconds of each model and test, such as `model.fct_ratings`.
        models_kept: Models that were left as they were: nothing that they read has changed.
        tests_kept: Tests that were not run again, for the same reason.
    """

    version: str
    built: bool
    seconds: float
    models: int = 0
    tests_passed: int = 0
    tests_warned: int = 0
    warnings: list[str] = field(default_factory=list)
    node_seconds: dict[str, float] = field(default_factory=dict)
    models_kept: int = 0
    tests_kept: int = 0


@dataclass(frozen=True)
class Candidate:
    """The marts that were built last.

    Attributes:
        version: Their version.
        fingerprint: What they were computed from: file versions and code.
        audited: Whether every test passed.
        built_at: When they were built, UTC.
    """

    version: str
    fingerprint: str
    audited: bool
    built_at: datetime


def candidate(target: Warehouse) -> Candidate | None:
    """Tells which candidate is in the warehouse.

    Args:
        target: The warehouse.

    Returns:
        The candidate, or None if none is complete enough to speak of.
    """
    if not target.exists() or not target.has_table(AUDIT, "builds"):
        return None
    rows = target.fetch(
        f"select version, fingerprint, audited_at is not null, built_at from {AUDIT}.builds"
    )
    return Candidate(*rows[0]) if rows else None


def fingerprint(settings: Settings, files: Iterable[tuple[int, str]]) -> str:
    """Identifies what a build would compute: the file versions that count, and the code.

    By their file ids, for they say in which order the files came, too: of two that contradict each
    other the later one wins, so a file that went and came back can be another thing to build.

    Args:
        settings: Say where the models are.
        files: File id and content hash of each file version that counts.

    Returns:
        A SHA-256 in hexadecimal.
    """
    digest = hashlib.sha256()
    for file_id, content_hash in sorted(files):
        digest.update(f"{file_id}\0{content_hash}\0".encode())
    digest.update(code_fingerprint(settings).encode())
    return digest.hexdigest()


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
        check_project(settings)
        _, built = _asked_for(settings, target)
        if full_refresh or not built:
            lease = run.lease(target)
            # Another run may have loaded or built since; from here on none can.
            print_of_this, built = _asked_for(settings, target)
            if full_refresh or not built:
                job = Job(settings, lease, PUBLISHED, print_of_this, full_refresh, on_event)
                return build_in(job)
        return BuildReport(built.version, False, time.perf_counter() - started)


def _asked_for(settings: Settings, target: Warehouse) -> tuple[str, Candidate | None]:
    """Identifies what a build would compute, and finds it if it is built and audited already."""
    files = manifest.current_files(target)
    if not files:
        raise SettingsError("Nothing is loaded yet, so there is nothing to build", command("load"))
    contents = ((file.file_id, file.content_hash) for file in files.values())
    print_of_this = fingerprint(settings, contents)
    last = candidate(target)
    is_built = last is not None and last.audited and last.fingerprint == print_of_this
    return print_of_this, last if is_built else None


def check_project(settings: Settings) -> None:
    """Makes sure that there is something to build.

    Args:
        settings: Say where the models are.

    Raises:
        SettingsError: If they are not there.
    """
    if not (settings.project / "dbt_project.yml").exists():
        raise SettingsError(
            f"There are no models in {settings.project}",
            "run this in a checkout of the project, or name one with MOVIELENS_PROJECT",
        )


@dataclass(frozen=True)
class Job:
    """One build.

    Attributes:
        settings: The settings.
        lease: The lease of the warehouse.
        environment: Where to build.
        fingerprint: What is built: file versions and code.
        full_refresh: Build everything, and the facts anew.
        on_event: Told of each model and test.
    """

    settings: Settings
    lease: Lease
    environment: Environment
    fingerprint: str
    full_refresh: bool
    on_event: OnEvent

    @property
    def target(self) -> Warehouse:
        """The warehouse."""
        return self.lease.target


def build_in(job: Job) -> BuildReport:
    """Builds and audits in one environment; the caller holds the lock.

    What no changed file can have changed is left as the last complete build made and tested it.

    Args:
        job: What to build, and where.

    Returns:
        What was built.

    Raises:
        AuditFailure: If a test failed.
        MovielensError: If a model could not be built.
        BusyError: If another run has taken the lease; the candidate cannot be published.
    """
    started = time.perf_counter()
    settings, target, environment = job.settings, job.target, job.environment
    # What an earlier build of that kind left when it failed or died.
    Environment(AS_OF).drop(target)
    dbt = Dbt(settings, environment, job.on_event)
    project = artifacts.Project(environment.dbt_dir(settings))
    parts = None
    if not job.full_refresh:
        parts = scope.affected(settings, target, environment, project)
    scope.begin(job.lease, environment)
    ran = _run(job, dbt, _all_but_the_report(parts, job.full_refresh))
    tests = project.test_results(ran)
    if parts is not None:
        tests = scope.merged_results(target, environment, tests)
    version = _record(job, project, tests)
    ran += _run(job, dbt, ["--select", f"tag:{artifacts.REPORT_TAG}"])
    scope.complete(settings, job.lease, environment)
    return _report(version, time.perf_counter() - started, project, tests, ran)


def _all_but_the_report(parts: list[str] | None, full_refresh: bool) -> list[str]:
    if parts is not None:
        # Exactly these: tests of which nothing that they read has changed are not among them.
        exactly = ["--indirect-selection", "empty", "--exclude-resource-type", "unit_test"]
        return ["--select", *parts, *exactly]
    refresh = ["--full-refresh"] if full_refresh else []
    return ["--exclude", f"tag:{artifacts.REPORT_TAG}", *refresh]


def _run(job: Job, dbt: Dbt, arguments: list[str]) -> list[Any]:
    results = dbt.build(*arguments)
    raise_failures(job.settings, job.target, job.environment, results)
    return results


def _record(job: Job, project: artifacts.Project, tests: list[artifacts.TestResult]) -> str:
    """Writes what is known of the build, for the marts that tell of it; names its version."""
    schemas = ", ".join(f"'{schema}'" for schema in ("raw", *job.environment.schemas))
    tables = job.target.fetch(
        "select case when lower(table_schema) = 'raw' then 'raw.' else '' end "
        "|| lower(table_name), lower(column_name), lower(data_type) "
        "from information_schema.columns "
        f"where lower(table_schema) in ({schemas})"
    )
    types = {(table, column): type_ for table, column, type_ in tables}
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    version = f"{now:%Y%m%dT%H%M%SZ}-{job.fingerprint[:8]}"
    counts = [_count(tests, status) for status in ("pass", "warn")]
    build = (version, _git_sha(job.settings.project), now, *counts, 0, job.fingerprint, None)
    job.lease.execute()
    audit, replace = job.environment.schema(AUDIT), job.target.replace_table
    replace(audit, "model_columns", artifacts.MODEL_COLUMNS, project.columns(types))
    replace(audit, "model_edges", artifacts.MODEL_EDGES, project.edges())
    replace(audit, "test_results", artifacts.TEST_RESULTS, tests)
    replace(audit, "builds", _BUILDS, [build])
    return version


def _count(tests: Iterable[artifacts.TestResult], status: str) -> int:
    return sum(test.status == status for test in tests)


def _report(
    version: str,
    seconds: float,
    project: artifacts.Project,
    tests: list[artifacts.TestResult],
    ran: list[Any],
) -> BuildReport:
    models = sum(str(result.node.resource_type) == "model" for result in ran)
    tests_run = {test.key: test for test in project.test_results(ran)}
    kept = [test for test in tests if test.key not in tests_run]
    warned = [test for test in (*tests_run.values(), *kept) if test.status == "warn"]
    return BuildReport(
        version,
        True,
        seconds,
        models,
        _count(tests_run.values(), "pass"),
        len(warned),
        [f"{test.test_name}: {test.failures} rows" for test in warned],
        {f"{r.node.resource_type}.{r.node.name}": round(r.execution_time, 3) for r in ran},
        len(project.relations()) - models,
        len(kept),
    )


def _git_sha(project: Path) -> str:
    command = ["git", "-C", str(project), "rev-parse", "--short=12", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
