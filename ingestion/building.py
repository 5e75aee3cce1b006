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

from ingestion import artifacts, manifest
from ingestion.auditing import raise_failures
from ingestion.dbt_runs import code_fingerprint, dbt_build
from ingestion.environments import ANALYTICS, AS_OF, AUDIT, PUBLISHED, Environment
from ingestion.errors import SettingsError
from ingestion.lock import only_run
from ingestion.progress import OnEvent, silent
from ingestion.settings import Settings
from ingestion.warehouse import Warehouse, literal, warehouse

# The marts that tell of the build itself; built when its tests are known.
REPORT_TAG = "tag:audit_report"

_BUILDS = (
    "version varchar, git_sha varchar, built_at timestamp, tests_passed bigint, "
    "tests_warned bigint, tests_failed bigint, fingerprint varchar, audited_at timestamp"
)
# Written when a build has passed its audit: by which code, and up to which entry of the manifest.
_BUILT_UNTIL = "code varchar, file_id bigint"


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
        node_seconds: Seconds of each model and test, such as `model.fct_ratings`.
    """

    version: str
    built: bool
    seconds: float
    models: int = 0
    tests_passed: int = 0
    tests_warned: int = 0
    warnings: list[str] = field(default_factory=list)
    node_seconds: dict[str, float] = field(default_factory=dict)


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
        files = manifest.current_files(target)
        if not files:
            raise SettingsError(
                "Nothing is loaded yet, so there is nothing to build", "movielens load"
            )
        contents = ((file.file_id, file.content_hash) for file in files.values())
        print_of_this = fingerprint(settings, contents)
        last = candidate(target)
        if last and last.audited and last.fingerprint == print_of_this and not full_refresh:
            return BuildReport(last.version, False, time.perf_counter() - started)
        run.lease(target)
        changed = None if full_refresh else changed_datasets(settings, target)
        job = Job(settings, target, PUBLISHED, print_of_this, full_refresh, on_event, changed)
        return build_in(job)


def changed_datasets(settings: Settings, target: Warehouse) -> list[str] | None:
    """Tells which datasets have other files than when the last build passed its audit.

    Args:
        settings: Say where the models are.
        target: The warehouse.

    Returns:
        The datasets, or None if everything has to be built: by other code, or for the first time.
    """
    if not target.has_table(AUDIT, "built_until"):
        return None
    rows = target.fetch(
        f"select distinct files.dataset from {manifest.SCHEMA}.{manifest.TABLE} as files, "
        f"{AUDIT}.built_until as built where files.file_id > built.file_id "
        f"and built.code = {literal(code_fingerprint(settings))} order by 1"
    )
    return [row[0] for row in rows] or None


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
        target: The warehouse.
        environment: Where to build.
        fingerprint: What is built: file versions and code.
        full_refresh: Build the facts anew instead of what changed.
        on_event: Told of each model and test.
        changed: The datasets whose files changed since the last build, the only ones that it is
            about; None to build everything.
    """

    settings: Settings
    target: Warehouse
    environment: Environment
    fingerprint: str
    full_refresh: bool
    on_event: OnEvent
    changed: list[str] | None = None

    @property
    def audit(self) -> str:
        """The schema of what is known of the build itself."""
        return self.environment.schema(AUDIT)

    @property
    def selection(self) -> list[str]:
        """What dbt has to build and test: what is made from the datasets that changed.

        The rest was built and tested by this code from these files already.
        """
        if self.changed is None:
            return []
        return ["--select", "src_files", *(f"source:raw.{name}+" for name in self.changed)]

    def dbt(self, *arguments: str) -> list[Any]:
        """Runs `dbt build`; raises what it found, else gives its results."""
        refresh = ["--full-refresh"] if self.full_refresh else []
        all_arguments = [*arguments, *refresh]
        results = dbt_build(self.settings, self.environment, all_arguments, self.on_event)
        raise_failures(self.settings, self.target, self.environment, results)
        return results


def build_in(job: Job) -> BuildReport:
    """Builds and audits in one environment; the caller holds the lock.

    Args:
        job: What to build, and where.

    Returns:
        What was built.

    Raises:
        AuditFailure: If a test failed.
        MovielensError: If a model could not be built.
    """
    started = time.perf_counter()
    target = job.target
    # What an earlier build of that kind left when it failed or died.
    Environment(AS_OF).drop(target)
    target.execute(
        f"drop table if exists {job.audit}.builds", f"drop table if exists {job.audit}.built_until"
    )
    results = job.dbt(*job.selection, "--exclude", REPORT_TAG)
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    version = f"{now:%Y%m%dT%H%M%SZ}-{job.fingerprint[:8]}"
    counts = _record(job, results)
    git_sha = _git_sha(job.settings.project)
    row = (version, git_sha, now, *counts, 0, job.fingerprint, None)
    target.replace_table(job.audit, "builds", _BUILDS, [row])
    report = job.dbt("--select", REPORT_TAG)
    target.execute(f"update {job.audit}.builds set audited_at = built_at")
    last = target.fetch(f"select max(file_id) from {job.environment.schema(ANALYTICS)}.src_files")
    until = (code_fingerprint(job.settings), last[0][0])
    target.replace_table(job.audit, "built_until", _BUILT_UNTIL, [until])
    return BuildReport(
        version,
        True,
        time.perf_counter() - started,
        _count([*results, *report], "success"),
        _count([*results, *report], "pass"),
        _count([*results, *report], "warn"),
        [f"{r.node.name}: {r.failures} rows" for r in results if r.status == "warn"],
        {
            f"{r.node.resource_type}.{r.node.name}": round(r.execution_time, 3)
            for r in [*results, *report]
        },
    )


def _count(results: list[Any], status: str) -> int:
    return sum(str(result.status) == status for result in results)


def _record(job: Job, results: list[Any]) -> tuple[int, int]:
    """Writes what the report marts read, and counts the tests that passed and those that warned."""
    project = artifacts.Project(job.environment.dbt_dir(job.settings))
    schemas = ", ".join(f"'{schema}'" for schema in ("raw", *job.environment.schemas))
    tables = job.target.fetch(
        "select case when table_schema = 'raw' then 'raw.' else '' end || table_name, "
        f"column_name, data_type from information_schema.columns where table_schema in ({schemas})"
    )
    types = {(table, column.lower()): type_.lower() for table, column, type_ in tables}
    audit, replace = job.audit, job.target.replace_table
    replace(audit, "model_columns", artifacts.MODEL_COLUMNS, project.columns(types))
    replace(audit, "model_edges", artifacts.MODEL_EDGES, project.edges())
    rows = project.test_results(results)
    if job.changed is not None:
        again = {row[0] for row in rows}
        before = job.target.fetch(f"from {audit}.test_results")
        rows += [row for row in before if row[0] not in again]
    replace(audit, "test_results", artifacts.TEST_RESULTS, rows)
    counts: tuple[int, int] = job.target.fetch(
        "select count(*) filter (status = 'pass'), count(*) filter (status = 'warn') "
        f"from {audit}.test_results"
    )[0]
    return counts


def _git_sha(project: Path) -> str:
    command = ["git", "-C", str(project), "rev-parse", "--short=12", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
