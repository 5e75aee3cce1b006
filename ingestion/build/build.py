"""`build`: dbt builds the candidate and audits it; nothing here is visible to readers."""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingestion.build import artifacts, built, release
from ingestion.build.audit import raise_failures
from ingestion.build.built import BuiltModel
from ingestion.build.candidate import Candidate, candidate
from ingestion.build.dbt import Dbt, check_project
from ingestion.build.environments import ANALYTICS, AS_OF, AUDIT, PUBLISHED, Environment
from ingestion.build.lineage import Lineage, lineage_of
from ingestion.build.plan import BuildPlan, plan_build
from ingestion.build.release import Finding, Landing, Seen, StatedCount
from ingestion.engine import engine_of
from ingestion.errors import SettingsError
from ingestion.progress import OnEvent, silent
from ingestion.raw import manifest
from ingestion.remedies import command
from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse
from ingestion.warehouse.lease import Lease
from ingestion.warehouse.run import Run


@dataclass(frozen=True)
class BuildReport:
    """What one build did.

    Attributes:
        version: The version under which the candidate is published.
        built: False if there was nothing to do.
        seconds: Wall time.
        models: Models built.
        tests_passed: Data tests and unit tests that passed.
        tests_warned: Tests that only warn, and did, in this build or when last run.
        warnings: Their names and row counts.
        node_seconds: Seconds of each model and test, such as `model.fct_ratings`.
        models_kept: Models skipped because their inputs are unchanged.
        tests_kept: Tests skipped for the same reason.
        rebuilt: Facts rebuilt from all current rows, and why.
        readme: The README's counts compared with the candidate's.
        release: Failed plausibility checks that were accepted or only reported.
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
    rebuilt: dict[str, str] = field(default_factory=dict)
    readme: list[StatedCount] = field(default_factory=list)
    release: list[Finding] = field(default_factory=list)


def fingerprint(
    settings: Settings, files: Iterable[tuple[int, str]], landing: Landing | None = None
) -> str:
    """Identifies what a build would compute: the current file versions, and the code.

    File ids are included because they record arrival order: when two files contradict each other,
    the later one wins, so a file that was removed and came back can change the result. Of the code
    only what it computes counts, not how it is written.

    Args:
        settings: Where the models are.
        files: File id and content hash of each current file version.
        landing: What the build reports about the landing zone; None if nothing.

    Returns:
        A SHA-256 hex digest.
    """
    digest = hashlib.sha256()
    for file_id, content_hash in sorted(files):
        digest.update(f"{file_id}\0{content_hash}\0".encode())
    digest.update(lineage_of(settings).digest.encode())
    digest.update(landing.fingerprint.encode() if landing else b"")
    return digest.hexdigest()


def build_candidate(
    run: Run,
    seen: Callable[[], Seen],
    *,
    full_refresh: bool = False,
    accept_release: bool = False,
    on_event: OnEvent = silent,
) -> BuildReport:
    """Builds the candidate and audits it with every test.

    Args:
        run: The current run.
        seen: Returns what readers see; called only if something is built.
        full_refresh: Rebuild the facts from all current rows.
        accept_release: Publish this once, even if the release fails its plausibility checks.
        on_event: Called for each model and test.

    Returns:
        What was built; `built` is False if files and models are those of the last candidate.

    Raises:
        AuditFailure: If a test failed; the candidate cannot be published.
        ReleaseRefused: If the release is implausible; it cannot be published either.
        MovielensError: If a model could not be built.
        SettingsError: If nothing is loaded yet, or the models are missing.
        BusyError: If another run has taken the lease.
    """
    started = time.perf_counter()
    settings = run.settings
    target = engine_of(settings).warehouse()
    check_project(settings)
    asked = asked_for(settings, target)
    if full_refresh or not asked.built:
        lease = run.lease(target)
        # Another run may have loaded or built since; from here on, none can.
        asked = asked_for(settings, target)
    if asked.built and not full_refresh:
        return BuildReport(
            version=asked.built.version,
            built=False,
            seconds=time.perf_counter() - started,
            readme=release.recorded(target),
        )
    return build_in(
        Job(
            settings=settings,
            lease=lease,
            environment=PUBLISHED,
            fingerprint=asked.fingerprint,
            landing=asked.landing,
            seen=seen,
            full_refresh=full_refresh,
            accept_release=accept_release,
            on_event=on_event,
        )
    )


@dataclass(frozen=True)
class Asked:
    """What a build would compute now.

    Attributes:
        fingerprint: Identifies it.
        landing: What the build reports about the landing zone.
        built: The audited candidate that is this already, if any.
    """

    fingerprint: str
    landing: Landing
    built: Candidate | None


def asked_for(settings: Settings, target: Warehouse) -> Asked:
    """Finds out what a build would compute now, and whether the candidate is just that.

    Raises:
        SettingsError: If nothing is loaded yet.
    """
    files = manifest.current_files(target)
    if not files:
        raise SettingsError("Nothing is loaded yet, so there is nothing to build", command("load"))
    contents = ((file.file_id, file.content_hash) for file in files.values())
    known = release.landing_of(target, files.values())
    wanted = fingerprint(settings, contents, known)
    last = candidate(target)
    is_built = last is not None and last.audited and last.fingerprint == wanted
    return Asked(wanted, known, last if is_built else None)


@dataclass(frozen=True)
class Job:
    """One build.

    Attributes:
        settings: The settings.
        lease: The warehouse's lease.
        environment: Where to build.
        fingerprint: What is built: file versions and code.
        landing: What the build reports about the landing zone.
        seen: Returns what readers see, to compare the release with; None for no comparison.
        full_refresh: Build everything, and the facts from all current rows.
        accept_release: Accept a release that fails its plausibility checks.
        on_event: Called for each model and test.
    """

    settings: Settings
    lease: Lease
    environment: Environment
    fingerprint: str
    landing: Landing
    seen: Callable[[], Seen] | None = None
    full_refresh: bool = False
    accept_release: bool = False
    on_event: OnEvent = silent

    @property
    def target(self) -> Warehouse:
        """The warehouse."""
        return self.lease.target


def build_in(job: Job) -> BuildReport:
    """Builds and audits in one environment; the caller holds the lock.

    Models and tests whose inputs are unchanged are left as of the last complete build.

    Raises:
        AuditFailure: If a test failed.
        ReleaseRefused: If the release is implausible.
        MovielensError: If a model could not be built.
        BusyError: If another run has taken the lease; the candidate cannot be published.
    """
    started = time.perf_counter()
    settings, target, environment = job.settings, job.target, job.environment
    # Left by an earlier as-of build that failed or died.
    Environment(AS_OF).drop(target)
    dbt = Dbt(settings, environment, job.on_event)
    project = artifacts.Project(environment.dbt_dir(settings))
    lineage = lineage_of(settings)
    before = built.read(target, environment)
    plan = plan_of(target, project, lineage, before, full_refresh=job.full_refresh)
    facts = {fact: lineage.fingerprints[fact] for fact in project.facts}
    built.begin(job.lease, environment, facts, plan.rebuilt, project.facts)
    ran = _run(job, dbt, plan.arguments) if plan.arguments else []
    tests = project.test_results(ran)
    if not plan.everything:
        kept = [t for t in _recorded_tests(target, environment) if t.test_name in lineage.tests]
        tests = artifacts.merged(kept, tests)
    judged = release.Judgement()
    if job.seen is not None:
        judged = release.judge(settings, target, job.landing, job.seen(), accept=job.accept_release)
    version = _record(job, project, lineage, tests)
    release.record(target, environment, job.landing, judged)
    ran += _run(job, dbt, ["--select", f"tag:{artifacts.REPORT_TAG}"])
    models = _built_models(target, project, lineage, before, ran)
    last_file_id = _snapshot(target, environment)
    built.complete(job.lease, environment, models, project.facts, lineage.tests, last_file_id)
    report = _report(version, time.perf_counter() - started, project, tests, ran)
    return replace(
        report, rebuilt=dict(plan.rebuilt), readme=judged.stated, release=judged.findings
    )


def plan_of(
    target: Warehouse,
    project: artifacts.Project,
    lineage: Lineage,
    before: built.Built,
    *,
    to_come: Collection[str] = (),
    full_refresh: bool = False,
) -> BuildPlan:
    """Plans a build of the files that are current; changes nothing.

    Args:
        target: The warehouse.
        project: The parsed project, in one environment.
        lineage: What its models compute now.
        before: What the environment was built from.
        to_come: The RAW tables with files that a load before the build would change.
        full_refresh: Build everything, and the facts from all current rows.
    """
    since = -1 if before.last_file_id is None else before.last_file_id
    there = project.there(
        target.fetch("select lower(table_schema), lower(table_name) from information_schema.tables")
    )
    datasets = manifest.datasets_since(target, since) | set(to_come)
    return plan_build(lineage, project, before, datasets, there, full_refresh=full_refresh)


def _recorded_tests(target: Warehouse, environment: Environment) -> list[artifacts.TestResult]:
    columns = ", ".join(artifacts.TestResult._fields)
    rows = target.fetch(f"select {columns} from {environment.schema(AUDIT)}.test_results")
    return [artifacts.TestResult(*row) for row in rows]


def _snapshot(target: Warehouse, environment: Environment) -> int:
    """The last manifest entry that the build has seen."""
    snapshot = f"{environment.schema(ANALYTICS)}.{artifacts.SNAPSHOT}"
    return int(target.fetch(f"select max(file_id) from {snapshot}")[0][0])


def _built_models(
    target: Warehouse,
    project: artifacts.Project,
    lineage: Lineage,
    before: built.Built,
    ran: list[Any],
) -> dict[str, BuiltModel]:
    seconds = {r.node.name: r.execution_time for r in ran if _is_model(r)}
    counted = target.row_counts({schema for schema, _ in project.relations()})
    rows = {name: count for (_, name), count in counted.items()}
    return built.after(before, lineage.fingerprints, seconds, rows)


def _is_model(result: Any) -> bool:
    return str(result.node.resource_type) == "model"


def _run(job: Job, dbt: Dbt, arguments: list[str]) -> list[Any]:
    results = dbt.build(*arguments)
    raise_failures(job.settings, job.target, job.environment, results)
    return results


def _record(
    job: Job, project: artifacts.Project, lineage: Lineage, tests: list[artifacts.TestResult]
) -> str:
    """Records the build, for the marts that report on it; returns its version."""
    schemas = ", ".join(map(job.target.literal, ("raw", *job.environment.schemas)))
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
    source = job.landing.source
    build = (
        version,
        _git_sha(job.settings.project),
        now,
        *counts,
        0,
        job.fingerprint,
        None,
        source,
    )
    job.lease.execute()
    audit, write = job.environment.schema(AUDIT), job.target.replace_table
    write(audit, "model_columns", artifacts.MODEL_COLUMNS, project.columns(types))
    write(audit, "model_edges", artifacts.MODEL_EDGES, project.edges())
    edges = artifacts.column_edges(lineage.analyses)
    write(audit, "column_edges", artifacts.COLUMN_EDGES, edges)
    write(audit, "test_results", artifacts.TEST_RESULTS, tests)
    write(audit, "builds", artifacts.BUILDS, [build])
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
    models = sum(map(_is_model, ran))
    tests_run = {test.key: test for test in project.test_results(ran)}
    kept = [test for test in tests if test.key not in tests_run]
    warned = [test for test in (*tests_run.values(), *kept) if test.status == "warn"]
    return BuildReport(
        version=version,
        built=True,
        seconds=seconds,
        models=models,
        tests_passed=_count(tests_run.values(), "pass"),
        tests_warned=len(warned),
        warnings=[f"{test.test_name}: {test.failures} rows" for test in warned],
        node_seconds={
            f"{r.node.resource_type}.{r.node.name}": round(r.execution_time, 3) for r in ran
        },
        models_kept=len(project.relations()) - models,
        tests_kept=len(kept),
    )


def _git_sha(project: Path) -> str:
    command = ["git", "-C", str(project), "rev-parse", "--short=12", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
